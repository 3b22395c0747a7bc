// SGD with PyTorch's arithmetic, in PyTorch's order, so that the bits are PyTorch's.
#include "optimizers.h"

#include <algorithm>

#include "bindings.h"
#include "program/recorder.h"

namespace torch_node {

namespace {

// The parameters of one step that have gradients, with their places in the group.
struct Work {
  std::vector<size_t> places;
  std::vector<at::Tensor> parameters;
  std::vector<at::Tensor> gradients;
};

Work gather(const Sgd::Group& group) {
  Work work;
  for (size_t i = 0; i < group.parameters.size(); i++) {
    const at::Tensor& gradient = group.parameters[i].grad();
    if (!gradient.defined()) continue;
    work.places.push_back(i);
    work.parameters.push_back(group.parameters[i]);
    work.gradients.push_back(gradient);
  }
  return work;
}

// Whether a parameter has made no step with momentum yet. While a step is recorded buffers of zeros serve as if it had:
// the number that the gradient is multiplied by differs in the first step.
bool isNew(const Sgd::Group& group, size_t place) {
  return !group.momentumBuffers[place].defined() || (group.unused[place] && Recorder::current() == nullptr);
}

// Adding to it changes not even the sign of a zero.
constexpr double kNothing = -0.0;

void start(Sgd::Group& group, size_t place, const at::Tensor& gradient) {
  at::Tensor& buffer = group.momentumBuffers[place];
  if (buffer.defined()) {
    buffer.copy_(gradient);  // programs hold it
  } else {
    buffer = gradient.detach().clone();
  }
  group.unused[place] = false;
}

void stepSingle(Sgd::Group& group, const Work& work, const SgdSettings& s) {
  for (size_t i = 0; i < work.parameters.size(); i++) {
    const at::Tensor& parameter = work.parameters[i];
    at::Tensor gradient = s.maximize ? -work.gradients[i] : work.gradients[i];
    if (s.weightDecay != 0) gradient = gradient.add(parameter, s.weightDecay);
    if (s.momentum != 0) {
      const at::Tensor& buffer = group.momentumBuffers[work.places[i]];
      if (isNew(group, work.places[i])) {
        start(group, work.places[i], gradient);
      } else {
        buffer.mul_(s.momentum).add_(gradient, s.keep);
      }
      gradient = s.nesterov ? gradient.add(buffer, s.momentum) : buffer;
    }
    parameter.add_(gradient, -s.lr);
  }
}

void stepForeach(Sgd::Group& group, const Work& work, const SgdSettings& s) {
  std::vector<at::Tensor> gradients = s.maximize ? at::_foreach_neg(work.gradients) : work.gradients;
  if (s.weightDecay != 0) gradients = at::_foreach_add(gradients, work.parameters, s.weightDecay);
  if (s.momentum != 0) {
    std::vector<at::Tensor> buffers;
    const bool first = std::ranges::any_of(work.places, [&](size_t i) { return isNew(group, i); });
    for (size_t i = 0; i < work.places.size(); i++) {
      const at::Tensor& buffer = group.momentumBuffers[work.places[i]];
      if (isNew(group, work.places[i])) {
        start(group, work.places[i], gradients[i]);
      } else if (first) {
        buffer.mul_(s.momentum).add_(gradients[i], s.keep);
      }
      buffers.push_back(buffer);
    }
    if (!first) {
      at::_foreach_mul_(buffers, s.momentum);
      at::_foreach_add_(buffers, gradients, s.keep);
    }
    gradients = s.nesterov ? at::_foreach_add(gradients, buffers, s.momentum) : buffers;
  }
  at::_foreach_add_(work.parameters, gradients, -s.lr);
}

void stepFused(Sgd::Group& group, const Work& work, const SgdSettings& s) {
  // The kernel takes momentum buffers that are all new or all old. Parameters whose first gradient came later than
  // the others' are stepped in a call of their own.
  // Old ones go first: those that the first call makes must not be stepped again by the second.
  for (const bool first : {false, true}) {
    std::vector<at::Tensor> parameters;
    std::vector<at::Tensor> gradients;
    std::vector<at::Tensor> buffers;
    for (size_t i = 0; i < work.places.size(); i++) {
      at::Tensor& buffer = group.momentumBuffers[work.places[i]];
      if (s.momentum == 0 ? first : isNew(group, work.places[i]) != first) continue;
      if (s.momentum != 0) {
        if (!buffer.defined()) buffer = at::empty_like(work.gradients[i]);
        if (Recorder::current() == nullptr) group.unused[work.places[i]] = false;
        buffers.push_back(buffer);
      }
      parameters.push_back(work.parameters[i]);
      gradients.push_back(work.gradients[i]);
    }
    if (parameters.empty()) continue;
    at::_fused_sgd_(parameters, gradients, buffers, s.weightDecay, s.momentum, s.lr, s.keep, s.nesterov, s.maximize,
                    first && s.momentum != 0);
  }
}

}  // namespace

void Sgd::addGroup(std::vector<at::Tensor> parameters) {
  Group group;
  group.momentumBuffers.resize(parameters.size());
  group.unused.resize(parameters.size());
  group.held.resize(parameters.size());
  group.parameters = std::move(parameters);
  groups_.push_back(std::move(group));
}

void Sgd::makeBuffers(const std::vector<SgdSettings>& settings) {
  const at::NoGradGuard noGrad;
  const Unrecorded before;
  for (size_t g = 0; g < groups_.size() && g < settings.size(); g++) {
    Group& group = groups_[g];
    for (size_t i = 0; i < group.parameters.size() && settings[g].momentum != 0; i++) {
      if (!group.parameters[i].grad().defined()) continue;
      group.held[i] = true;
      if (group.momentumBuffers[i].defined()) continue;
      group.momentumBuffers[i] = at::full_like(group.parameters[i].grad(), kNothing);
      group.unused[i] = true;
    }
  }
}

void Sgd::stepped() {
  for (Group& group : groups_) group.unused.assign(group.unused.size(), false);
}

void Sgd::step(const std::vector<SgdSettings>& settings) {
  const at::NoGradGuard noGrad;
  if (Recorder::current() != nullptr) {
    for (const Group& group : groups_) std::ranges::for_each(group.parameters, Recorder::readsGradient);
    makeBuffers(settings);
  }
  for (size_t g = 0; g < groups_.size() && g < settings.size(); g++) {
    Group& group = groups_[g];
    const Work work = gather(group);
    if (work.parameters.empty()) continue;
    switch (settings[g].form) {
      case SgdSettings::Form::kSingle: stepSingle(group, work, settings[g]); break;
      case SgdSettings::Form::kForeach: stepForeach(group, work, settings[g]); break;
      case SgdSettings::Form::kFused: stepFused(group, work, settings[g]); break;
    }
  }
}

void Sgd::zeroGrad(bool setToNone) {
  const at::NoGradGuard noGrad;
  for (const Group& group : groups_) {
    for (const at::Tensor& parameter : group.parameters) {
      if (setToNone) {
        Recorder::replacesGradient(parameter);
      } else {
        Recorder::readsGradient(parameter);
      }
      at::Tensor& gradient = parameter.mutable_grad();
      if (!gradient.defined()) continue;
      if (setToNone) {
        gradient.reset();
      } else {
        gradient.detach_();
        gradient.zero_();
      }
    }
  }
}

namespace {

uint32_t createSgd(Environment& environment) { return hold<Sgd>(environment); }

void addGroup(Environment& /*environment*/, const c10::intrusive_ptr<Sgd>& sgd, std::vector<at::Tensor> parameters) {
  sgd->addGroup(std::move(parameters));
}

// stepSgd(handle, settings): settings holds seven numbers a group, in the order of SgdSettings.
void stepSgd(Environment& /*environment*/, const c10::intrusive_ptr<Sgd>& sgd, const std::vector<double>& numbers) {
  constexpr size_t kNumbers = 7;
  std::vector<SgdSettings> settings;
  for (size_t i = 0; i + kNumbers <= numbers.size(); i += kNumbers) {
    const double* n = &numbers[i];
    settings.push_back(
        {n[0], n[1], n[2], n[3], n[4] != 0, n[5] != 0, static_cast<SgdSettings::Form>(static_cast<int>(n[6]))});
  }
  sgd->step(settings);
}

void zeroGrad(Environment& /*environment*/, const c10::intrusive_ptr<Sgd>& sgd, bool setToNone) {
  sgd->zeroGrad(setToNone);
}

std::vector<at::Tensor> momentumBuffers(Environment& /*environment*/, const c10::intrusive_ptr<Sgd>& sgd,
                                        uint32_t index) {
  const Sgd::Group& group = sgd->group(index);
  std::vector<at::Tensor> out = group.momentumBuffers;
  for (size_t i = 0; i < out.size(); i++) {
    if (group.unused[i]) out[i].reset();
  }
  return out;
}

// sgdUnused(handle, group): whether no parameter of the group has made a step with momentum yet. Throws where some have
// and some have not.
bool unused(Environment& /*environment*/, const c10::intrusive_ptr<Sgd>& sgd, uint32_t index) {
  const Sgd::Group& group = sgd->group(index);
  size_t old = 0;
  size_t fresh = 0;
  for (size_t i = 0; i < group.unused.size(); i++) {
    if (group.momentumBuffers[i].defined()) (group.unused[i] ? fresh : old)++;
  }
  if (old > 0 && fresh > 0) {
    throw std::invalid_argument(
        "some parameters of a group have momentum and some have none yet, which dampening makes a difference of: make "
        "one step without the program first");
  }
  return old == 0;
}

void stepped(Environment& /*environment*/, const c10::intrusive_ptr<Sgd>& sgd) { sgd->stepped(); }

void setMomentumBuffers(Environment& /*environment*/, const c10::intrusive_ptr<Sgd>& sgd, uint32_t index,
                        const std::vector<std::optional<at::Tensor>>& buffers) {
  Sgd::Group& group = sgd->group(index);
  if (buffers.size() != group.parameters.size()) {
    throw TypeMismatch("expected " + std::to_string(group.parameters.size()) + " momentum buffers, got " +
                       std::to_string(buffers.size()));
  }
  for (size_t i = 0; i < buffers.size(); i++) {
    // Copies: the state belongs to the optimizer alone.
    const std::optional<at::Tensor>& buffer = buffers[i];
    if (group.held[i] && group.momentumBuffers[i].defined()) {
      const at::NoGradGuard noGrad;
      if (buffer) {
        group.momentumBuffers[i].copy_(*buffer);
      } else {
        group.momentumBuffers[i].fill_(kNothing);
      }
      group.unused[i] = !buffer;
      continue;
    }
    group.momentumBuffers[i] = buffer ? buffer->detach().to(group.parameters[i].options()).clone() : at::Tensor();
    group.unused[i] = false;
  }
}

// Updates by a number that is worked out of the parameters' own values, in a float64 of one element: as operators, so
// that a recorded step has them read it where they run.
at::Tensor& addScaled(at::Tensor& self, const at::Tensor& other, const at::Tensor& factor) {
  return self.add_(other, factor.item<double>());
}

at::Tensor& scale(at::Tensor& self, const at::Tensor& factor) { return self.mul_(factor.item<double>()); }

TORCH_LIBRARY_FRAGMENT(torch_node, library) {
  library.def("add_scaled_(Tensor(a!) self, Tensor other, Tensor factor) -> Tensor(a!)");
  library.impl("add_scaled_", c10::DispatchKey::CompositeExplicitAutograd, TORCH_FN(addScaled));
  library.def("scale_(Tensor(a!) self, Tensor factor) -> Tensor(a!)");
  library.impl("scale_", c10::DispatchKey::CompositeExplicitAutograd, TORCH_FN(scale));
}

}  // namespace

std::vector<Binding> optimizerBindings() {
  return {
      bound<&createSgd>("createSgd"),
      bound<&addGroup>("addSgdGroup"),
      bound<&stepSgd>("stepSgd"),
      bound<&unused>("sgdUnused"),
      bound<&stepped>("sgdStepped"),
      bound<&zeroGrad>("zeroSgdGrad"),
      bound<&momentumBuffers>("momentumBuffers"),
      bound<&setMomentumBuffers>("setMomentumBuffers"),
  };
}

}  // namespace torch_node

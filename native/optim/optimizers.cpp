// SGD with PyTorch's arithmetic, in PyTorch's order, so that the bits are PyTorch's; and what all optimizers need of
// the native side.
#include "optimizers.h"

#include <ATen/ScalarOps.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "bindings.h"
#include "program/recorder.h"

namespace torch_node {

namespace {

// A parameter that has a gradient, with its momentum buffer.
struct Slot {
  at::Tensor parameter;
  at::Tensor gradient;
  at::Tensor* buffer;
};

// Python multiplies by a number that is the second operand, which low-precision kernels take as it is. The overload for
// numbers, which _foreach_mul_ calls, puts it first, where it is rounded to the tensor's dtype.
void intoMomentum(const Slot& slot, const at::Tensor& gradient, const at::Tensor& momentum, double keep) {
  if (slot.buffer->defined()) {
    slot.buffer->mul_(momentum).add_(gradient, keep);
  } else {
    *slot.buffer = gradient.detach().clone();
  }
}

void stepSingle(const std::vector<Slot>& slots, const Sgd::Group& group) {
  const at::Tensor momentum = at::native::wrapped_scalar_tensor(group.momentum);
  for (const Slot& slot : slots) {
    at::Tensor gradient = group.maximize ? -slot.gradient : slot.gradient;
    if (group.weightDecay != 0) gradient = gradient.add(slot.parameter, group.weightDecay);
    if (group.momentum != 0) {
      intoMomentum(slot, gradient, momentum, group.keep);
      gradient = group.nesterov ? gradient.add(*slot.buffer, group.momentum) : *slot.buffer;
    }
    slot.parameter.add_(gradient, -group.lr);
  }
}

void stepForeach(const std::vector<Slot>& slots, const Sgd::Group& group) {
  std::vector<at::Tensor> parameters;
  std::vector<at::Tensor> gradients;
  for (const Slot& slot : slots) {
    parameters.push_back(slot.parameter);
    gradients.push_back(slot.gradient);
  }
  if (group.maximize) gradients = at::_foreach_neg(gradients);
  if (group.weightDecay != 0) gradients = at::_foreach_add(gradients, parameters, group.weightDecay);
  if (group.momentum != 0) {
    const bool first = std::ranges::any_of(slots, [](const Slot& slot) { return !slot.buffer->defined(); });
    std::vector<at::Tensor> buffers;
    for (size_t i = 0; i < slots.size(); i++) {
      if (first) {
        intoMomentum(slots[i], gradients[i], at::native::wrapped_scalar_tensor(group.momentum), group.keep);
      }
      buffers.push_back(*slots[i].buffer);
    }
    if (!first) {
      at::_foreach_mul_(buffers, group.momentum);
      at::_foreach_add_(buffers, gradients, group.keep);
    }
    gradients = group.nesterov ? at::_foreach_add(gradients, buffers, group.momentum) : buffers;
  }
  at::_foreach_add_(parameters, gradients, -group.lr);
}

void stepFused(const std::vector<Slot>& slots, const Sgd::Group& group, const Sgd::Scaling& scaling) {
  const at::Tensor& like = slots.front().parameter;
  if (like.is_cpu() && at::isReducedFloatingType(like.scalar_type())) {
    throw std::invalid_argument(
        "fused: on the CPU libtorch's kernel leaves most elements of a bfloat16 or float16 parameter as they are "
        "(pytorch/pytorch issue 191763): leave the option out");
  }
  // The kernel takes momentum buffers that are all new or all old. Parameters whose first gradient came later than the
  // others' are stepped in a call of their own. Old ones go first: those that the first call makes must not be stepped
  // again by the second.
  for (const bool first : {false, true}) {
    std::vector<at::Tensor> parameters;
    std::vector<at::Tensor> gradients;
    std::vector<at::Tensor> buffers;
    for (const Slot& slot : slots) {
      if (first != (group.momentum != 0 && !slot.buffer->defined())) continue;
      parameters.push_back(slot.parameter);
      gradients.push_back(slot.gradient);
    }
    if (parameters.empty()) continue;
    // The kernel does nothing then, and a buffer that it did not fill would be taken for momentum by the next step.
    if (first && scaling.foundInf && scaling.foundInf->item<double>() != 0) continue;
    for (const Slot& slot : slots) {
      if (group.momentum == 0 || first == slot.buffer->defined()) continue;
      if (first) *slot.buffer = at::empty_like(slot.gradient);
      buffers.push_back(*slot.buffer);
    }
    at::_fused_sgd_(parameters, gradients, buffers, group.weightDecay, group.momentum, group.lr, group.keep,
                    group.nesterov, group.maximize, first, scaling.scale, scaling.foundInf);
  }
}

// Slots by device and dtype, which operators on lists want to be the same.
std::vector<std::vector<Slot>> byKind(const std::vector<Slot>& slots) {
  std::map<std::tuple<c10::DeviceType, c10::DeviceIndex, c10::ScalarType>, std::vector<Slot>> kinds;
  for (const Slot& slot : slots) {
    const c10::Device device = slot.parameter.device();
    kinds[{device.type(), device.index(), slot.parameter.scalar_type()}].push_back(slot);
  }
  std::vector<std::vector<Slot>> out;
  for (auto& [kind, some] : kinds) out.push_back(std::move(some));
  return out;
}

}  // namespace

void Sgd::step(std::span<const at::Tensor> parameters, std::span<at::Tensor> buffers, const Scaling& scaling) const {
  const at::NoGradGuard noGrad;
  size_t next = 0;
  for (const Group& group : groups) {
    std::vector<Slot> slots;
    for (const size_t end = next + group.parameters; next < end; next++) {
      const at::Tensor& gradient = parameters[next].grad();
      if (gradient.defined()) slots.push_back({parameters[next], gradient, &buffers[next]});
    }
    if (group.form == Form::kSingle) {
      stepSingle(slots, group);
      continue;
    }
    for (const std::vector<Slot>& kind : byKind(slots)) {
      if (group.form == Form::kForeach) {
        stepForeach(kind, group);
      } else {
        stepFused(kind, group, scaling);
      }
    }
  }
}

namespace {

uint32_t createSgd(Environment& environment) { return hold<Sgd>(environment); }

// stepSgd(handle, options, parameters, buffers, gradScale, foundInf): options holds eight numbers a group, in the order
// of Sgd::Group; a buffer is 0 where there is none yet. Gives the buffers that were made, at their parameters' places,
// or an empty list where none was.
std::vector<at::Tensor> stepSgd(Environment& environment, const c10::intrusive_ptr<Sgd>& sgd,
                                const std::vector<double>& options, const std::vector<at::Tensor>& parameters,
                                const std::vector<uint32_t>& handles, const std::optional<at::Tensor>& gradScale,
                                const std::optional<at::Tensor>& foundInf) {
  constexpr size_t kNumbers = 8;
  sgd->groups.clear();
  size_t expected = 0;
  for (size_t i = 0; i + kNumbers <= options.size(); i += kNumbers) {
    const double* n = &options[i];
    sgd->groups.push_back({static_cast<size_t>(n[0]), n[1], n[2], n[3], n[4], n[5] != 0, n[6] != 0,
                           static_cast<Sgd::Form>(static_cast<int>(n[7]))});
    expected += sgd->groups.back().parameters;
  }
  if (parameters.size() != expected || handles.size() != expected) {
    throw std::logic_error("stepSgd: there is not a parameter and a buffer for each place of the groups");
  }
  std::vector<at::Tensor> buffers;
  buffers.reserve(handles.size());
  for (const uint32_t handle : handles) buffers.push_back(handle == 0 ? at::Tensor() : environment.tensor(handle));
  sgd->step(parameters, buffers, {gradScale, foundInf});
  bool made = false;
  for (size_t i = 0; i < handles.size(); i++) {
    if (handles[i] != 0) {
      buffers[i].reset();
    } else {
      made = made || buffers[i].defined();
    }
  }
  if (!made) buffers.clear();
  return buffers;
}

// zeroGrad(parameters, setToNone): forgets the gradients, or fills them with zeros.
void zeroGrad(Environment& /*environment*/, const std::vector<at::Tensor>& parameters, bool setToNone) {
  const at::NoGradGuard noGrad;
  for (const at::Tensor& parameter : parameters) {
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
      bound<&stepSgd>("stepSgd"),
      bound<&zeroGrad>("zeroGrad"),
  };
}

}  // namespace torch_node

// Graphs of programs: capturing and replaying.
#include "graph.h"

#include <c10/core/impl/VirtualGuardImpl.h>

#include <set>

#include "js/errors.h"
#include "calls.h"
#include "capture.h"
#include "effects.h"

namespace torch_node {

at::Device deviceOf(const Recorded& recorded) {
  for (const TensorMeta& meta : recorded.metas) {
    if (!meta.device.is_cpu()) return meta.device;
  }
  for (const External& external : recorded.externals) {
    if (!external.tensor.is_cpu()) return external.tensor.device();
  }
  return at::kCPU;
}

// ---- Feed ----

Feed::Feed(const at::Tensor& permutation, int64_t batch, at::Device device)
    : permutation_(at::empty(permutation.sizes(), at::TensorOptions(at::kLong).device(device))),
      place_(at::zeros({1}, at::TensorOptions(at::kLong).device(device))),
      offsets_(at::arange(batch, at::TensorOptions(at::kLong).device(device))) {}

void Feed::start(const at::Tensor& permutation, int64_t from) {
  permutation_.copy_(permutation);
  place_.fill_(from);
}

at::Tensor Feed::next() {
  at::Tensor index = permutation_.index_select(0, place_ + offsets_);
  place_.add_(batch());
  return index;
}

// ---- Graphs ----

namespace {

bool same(std::span<const double> a, std::span<const double> b) { return std::ranges::equal(a, b); }

}  // namespace

// Puts back what runs of a program change: tensors from outside and random numbers.
class Graphs::Untouched {
 public:
  Untouched(const Recorded& recorded, at::Device device, std::optional<at::Tensor> place) {
    std::set<const c10::StorageImpl*> known;
    for (const at::Tensor& tensor : recorded.written) {
      if (known.insert(tensor.storage().unsafeGetStorageImpl()).second) keep(bytesOf(tensor.storage()));
    }
    if (place) keep(*place);
    for (const at::Generator& generator : generators(device)) random_.emplace_back(generator, generator.get_state());
  }
  void putBack() {
    for (auto& [bytes, before] : memory_) bytes.copy_(before);
    for (auto& [generator, state] : random_) generator.set_state(state);
  }

 private:
  void keep(const at::Tensor& tensor) { memory_.emplace_back(tensor, tensor.clone()); }
  std::vector<std::pair<at::Tensor, at::Tensor>> memory_;
  std::vector<std::pair<at::Generator, at::Tensor>> random_;
};

// Some steps in a graph, or what stands for them in a dry run.
struct Graphs::Captured {
  int64_t count = 0;
  Next next;                     // puts the inputs of a step in their slots
  std::optional<Capture> graph;  // none in a dry run
  std::vector<double> numbers;   // that it was captured with
  // Tensors from outside on the host, which went into it as constants, with the elements that they had.
  std::vector<std::pair<at::Tensor, at::Tensor>> constants;
  // What the last of its steps leaves: the outputs, and the gradients in the recording's order.
  std::vector<at::Tensor> outputs;
  std::vector<at::Tensor> gradients;

  void take(const Recorded& recorded, const std::vector<at::Tensor>& slots) {
    outputs.clear();
    gradients.clear();
    for (const ValueId value : recorded.outputs) outputs.push_back(slots[value]);
    for (const Gradient& gradient : recorded.gradients) {
      gradients.push_back(gradient.after == kNoValue ? at::Tensor() : slots[gradient.after]);
    }
  }
  // Whether it would do the same with these numbers, and with what lies on the host now.
  [[nodiscard]] bool holds(std::span<const double> now) const {
    return same(now, numbers) && std::ranges::all_of(constants, [](const auto& constant) {
             return at::equal(constant.first, constant.second);
           });
  }
};

Graphs::Graphs(Program& program, GraphMode mode)
    : program_(program), mode_(mode), device_(deviceOf(program.recorded())) {
  if (possible()) way_.why = "no step has been made yet";
}

Graphs::~Graphs() {
  try {
    if (replayed_) c10::impl::VirtualGuardImpl(device_.type()).synchronizeStream(*replayed_);
    forget();
  } catch (const std::exception& error) {
    TORCH_WARN("a graph could not be released: ", error.what());
  }
}

Graphs::Way Graphs::way() const {
  const std::lock_guard lock(mutex_);
  return way_;
}

bool Graphs::refuse(std::string why) {
  const std::lock_guard lock(mutex_);
  way_.graph = false;
  way_.why = std::move(why);
  return false;
}

bool Graphs::possible() {
  if (mode_ == GraphMode::kOff) return refuse("graphs are switched off for it");
  if (broken_) return false;
  if (mode_ == GraphMode::kDryRun) return true;
  if (device_.is_cpu()) return refuse("its tensors lie on the CPU");
  if (!TORCH_NODE_GRAPHS) return refuse("needs libtorch 2.13, this is " TORCH_VERSION);
  if (!hasGraphs(device_.type())) return refuse("libtorch has no graphs for " + device_.str());
  const std::vector<TensorMeta>& metas = program_.recorded().metas;
  for (size_t i = 0; i < metas.size(); i++) {
    if (metas[i].device == device_) continue;
    return refuse("input " + std::to_string(i) + " lies on " + metas[i].device.str() + ", not on " + device_.str());
  }
  return true;
}

bool Graphs::sameSet(std::span<const Source> sources, const at::Tensor& permutation, int64_t batch) const {
  const auto place = [](const at::Tensor& a, const at::Tensor& b) {
    return a.defined() == b.defined() && (!a.defined() || (a.is_set_to(b) && a.scalar_type() == b.scalar_type()));
  };
  return feed_ && feed_->batch() == batch && feed_->length() == permutation.size(0) &&
         std::ranges::equal(sources, sources_, [&](const Source& a, const Source& b) {
           return place(a.rows, b.rows) && place(a.table, b.table);
         });
}

void Graphs::forget() {
  fed_.clear();
  single_.reset();
  feed_.reset();
  sources_.clear();
  inputs_.clear();
}

std::unique_ptr<Graphs::Captured> Graphs::capture(int64_t count, Next next, std::span<const double> numbers) {
  const Recorded& recorded = program_.recorded();
  const CaptureStreamGuard guard(device_);
  Untouched untouched(recorded, device_, feed_ ? std::optional(feed_->place()) : std::nullopt);
  const at::Generator like = generators(device_).back().clone();
  Pool pool{};  // the graphs over a set run one after the other: they can have their memory in common
  for (const auto& [steps, other] : fed_) {
    if (!feed_ || !other) continue;
    if (const auto& graph = other->graph) pool = graph->pool();
  }
  auto captured = std::make_unique<Captured>();
  captured->count = count;
  captured->next = std::move(next);
  captured->numbers.assign(numbers.begin(), numbers.end());
  try {
    if (!analyzed_) {
      // What libtorch sets up at the first call of an operator must not fall into a capture; two runs, as PyTorch's own
      // make_graphed_callables makes them on the side.
      EffectAnalysis analysis(device_);
      captured->next();
      program_.play(numbers, &analysis);
      untouched.putBack();  // two steps on, rows may be asked for that the permutation does not have
      captured->next();
      program_.play(numbers);
      if (const std::string obstacle = analysis.obstacle(); !obstacle.empty()) {
        broken_ = true;
        throw std::runtime_error(obstacle);
      }
      onHost_ = analysis.onHost(recorded.instructions.size());
      analyzed_ = true;
      untouched.putBack();
    }
    if (mode_ == GraphMode::kOn) {
      captured->graph.emplace().begin(pool);
    }
    for (int64_t step = 0; step < count; step++) {
      captured->next();
      program_.play(numbers);
    }
    if (auto& graph = captured->graph) graph->end();
    captured->take(recorded, program_.slots_);
  } catch (const std::exception&) {
    if (auto& graph = captured->graph) {
      graph->abandon();
      repairGenerator(device_, like);
      broken_ = true;
    }
    program_.clear();
    untouched.putBack();
    throw;
  }
  program_.clear();
  untouched.putBack();
  for (const External& external : recorded.externals) {
    const bool written = std::ranges::any_of(recorded.written, [&](const at::Tensor& tensor) {
      return tensor.storage().unsafeGetStorageImpl() == external.storage;
    });
    if (external.tensor.is_cpu() && !device_.is_cpu() && !written) {
      captured->constants.emplace_back(external.tensor, external.tensor.clone());
    }
  }
  const std::lock_guard lock(mutex_);
  way_.captures++;
  return captured;
}

bool Graphs::provide(std::unique_ptr<Captured>& captured, int64_t count, const Next& next,
                     std::span<const double> numbers) {
  if (captured && captured->holds(numbers)) return true;
  captured.reset();
  try {
    captured = capture(count, next, numbers);
    return true;
  } catch (const std::exception& error) {
    forget();
    return refuse((broken_ ? "it could not be captured: " : "the first steps failed: ") + firstLine(error));
  }
}

void Graphs::replay(Captured& captured) {
  const std::vector<double>& numbers = captured.numbers;
  if (mode_ == GraphMode::kDryRun) {
    for (int64_t step = 0; step < captured.count; step++) {
      captured.next();
      program_.play(numbers, nullptr, onHost_, Program::Part::kDevice);
    }
    captured.take(program_.recorded(), program_.slots_);
  } else {
    const c10::Stream stream = currentStream(device_);
    if (replayed_) wait(stream, *replayed_);
    replayed_ = stream;
    std::optional<RngLock> lock;
    if (program_.recorded().draws) lock.emplace(stream);
    captured.graph->replay();
  }
  for (int64_t step = 0; step < captured.count && !onHost_.empty(); step++) {
    program_.play(numbers, nullptr, onHost_, Program::Part::kHost);
  }
  const std::lock_guard lock(mutex_);
  way_.replays++;
}

// A result as its receiver keeps it: the graph's own memory is written again by the next replay.
at::Tensor Graphs::given(const at::Tensor& result) const {
  if (!result.defined() || !result.has_storage()) return result;
  const bool outside = std::ranges::any_of(program_.recorded().externals, [&](const External& external) {
    return external.storage == result.storage().unsafeGetStorageImpl();
  });
  return outside ? result : result.clone();
}

void Graphs::finish(const Captured& captured, std::span<const at::Tensor> inputs) {
  const auto& gradients = program_.recorded().gradients;
  for (size_t i = 0; i < gradients.size(); i++) {
    if (gradients[i].after != kNoValue) program_.slots_[gradients[i].after] = given(captured.gradients[i]);
  }
  program_.finish(inputs);
  program_.clear();
  const std::lock_guard lock(mutex_);
  way_.graph = mode_ == GraphMode::kOn;
  way_.why = way_.graph ? "" : "a dry run: what a graph would hold runs un-captured";
}

bool Graphs::steps(std::span<const Source> sources, const at::Tensor& permutation, int64_t from, int64_t batch,
                   int64_t count, std::span<const double> numbers) {
  if (count < 1 || !possible()) return false;
  const size_t placeholders = program_.recorded().placeholders;
  const std::span<const double> first = numbers.first(placeholders);
  for (int64_t step = 1; step < count; step++) {
    if (same(first, numbers.subspan(static_cast<size_t>(step) * placeholders, placeholders))) continue;
    last_.reset();
    return refuse("numbers that the step is given, such as a learning rate, change from step to step");
  }
  const bool known = last_ && same(first, *last_);
  last_.emplace(first.begin(), first.end());
  std::unique_ptr<Captured>& many = fed_[kTogether];
  std::unique_ptr<Captured>& one = fed_[1];
  // A capture costs about as much as the steps in it: for a few that are the only ones of their kind it does not pay.
  const bool pays = count >= kTogether || known;
  if (!sameSet(sources, permutation, batch)) {
    if (!pays) return refuse("too few steps at a stretch for a capture to pay");
    many.reset();
    one.reset();
    feed_.emplace(permutation, batch, device_);
    sources_.assign(sources.begin(), sources.end());
  }
  if (!pays && !(one && one->holds(first))) return refuse("the numbers that the step is given have just changed");
  const Next next = [this] {
    const at::Tensor index = feed_->next();
    std::vector<at::Tensor> inputs;
    inputs.reserve(sources_.size());
    for (const Source& source : sources_) inputs.push_back(source.gather(index));
    program_.checkInputs(inputs);
    for (size_t i = 0; i < inputs.size(); i++) program_.setInput(i, inputs[i]);
  };
  if (feed_) feed_->start(permutation, from);  // sameSet() says that it is there, or it was made above
  // Both before the first replay, so that nothing has changed where one cannot be captured.
  if (count >= kTogether && !provide(many, kTogether, next, first)) return false;
  if (count % kTogether != 0 && !provide(one, 1, next, first)) return false;
  for (int64_t step = 0; step < count / kTogether; step++) replay(*many);
  for (int64_t step = 0; step < count % kTogether; step++) replay(*one);
  finish(count % kTogether == 0 ? *many : *one, {});
  return true;
}

std::optional<std::vector<at::Tensor>> Graphs::run(std::span<const at::Tensor> inputs,
                                                   std::span<const double> numbers) {
  if (!possible()) return std::nullopt;
  const bool known = numbers.empty() || (last_ && same(numbers, *last_));
  last_.emplace(numbers.begin(), numbers.end());
  if (!known && !(single_ && single_->holds(numbers))) {
    refuse("numbers that the step is given, such as a learning rate, have changed since the step before");
    return std::nullopt;
  }
  if (inputs_.empty()) {
    for (size_t i = 0; i < inputs.size(); i++) {
      inputs_.push_back(program_.recorded().metas[i].laidOut(at::empty_like(inputs[i])));
    }
  }
  for (size_t i = 0; i < inputs.size(); i++) inputs_[i].copy_(inputs[i]);
  const Next next = [this] {
    for (size_t i = 0; i < inputs_.size(); i++) program_.slots_[program_.recorded().inputs[i]] = inputs_[i];
  };
  if (!provide(single_, 1, next, numbers)) return std::nullopt;
  replay(*single_);
  std::vector<at::Tensor> outputs;
  for (const at::Tensor& output : single_->outputs) outputs.push_back(given(output));
  for (size_t i = 0; i < inputs.size(); i++) {
    if (program_.recorded().inputsWritten[i]) inputs[i].copy_(inputs_[i]);
  }
  finish(*single_, inputs);
  return outputs;
}

}  // namespace torch_node

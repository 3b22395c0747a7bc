// Capturing and replaying.
#include "graph.h"

#include <ATen/DeviceAccelerator.h>

#include <set>

#include "js/errors.h"
#include "calls.h"

#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 13)
#define TORCH_NODE_GRAPHS 1
#include <ATen/accelerator/Graph.h>
#else
#define TORCH_NODE_GRAPHS 0
#endif

namespace torch_node {

namespace {

#if TORCH_NODE_GRAPHS
using Pool = at::MempoolId_t;

class Capture {
 public:
  // From here to end(), what this thread asks of the current stream goes into the graph. Other threads may ask what
  // they like of theirs meanwhile.
  void begin(Pool pool) { graph_.capture_begin(pool, at::GraphCaptureMode::ThreadLocal); }
  void end() { graph_.capture_end(); }
  void replay() { graph_.replay(); }
  [[nodiscard]] Pool pool() const { return graph_.pool(); }
  // After a capture that broke off: whatever of it is there goes, and what that says is of no interest any more.
  void abandon() noexcept {
    for (const auto step : {&at::accelerator::Graph::capture_end, &at::accelerator::Graph::reset}) {
      try {
        (graph_.*step)();
      } catch (const std::exception&) {
        continue;
      }
    }
  }

 private:
  at::accelerator::Graph graph_;
};
bool hasGraphs(at::DeviceType type) { return at::has_graph_impl(type); }
#else
// Never made: possible() says no before that.
using Pool = std::pair<uint64_t, uint64_t>;
struct Capture {
  void begin(Pool /*pool*/) {}
  void end() {}
  void replay() {}
  [[nodiscard]] static Pool pool() { return {}; }
  void abandon() noexcept {}
};
bool hasGraphs(at::DeviceType /*type*/) { return false; }
#endif

const c10::StorageImpl* storage(const at::Tensor& tensor) {
  return tensor.has_storage() ? tensor.storage().unsafeGetStorageImpl() : nullptr;
}

}  // namespace

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

// ---- EffectAnalysis ----

void EffectAnalysis::before(const Instruction& instruction, const torch::jit::Stack& stack) {
  Call call{index_, &instruction, false, changes(instruction.op.schema()) || draws(instruction.op), {}, {}};
  for (const c10::IValue& value : stack) {
    eachTensor(value, [&](const at::Tensor& tensor) {
      if (!isOnHost(tensor)) {
        call.onDevice = true;
      } else if (!tensor.unsafeGetTensorImpl()->is_wrapped_number()) {
        call.reads.push_back(tensor);
      }
    });
  }
  calls_.push_back(std::move(call));
}

void EffectAnalysis::after(const torch::jit::Stack& stack) {
  Call& call = calls_.back();
  bool any = false;
  bool device = false;
  for (const c10::IValue& value : stack) {
    eachTensor(value, [&](const at::Tensor& tensor) {
      any = true;
      if (isOnHost(tensor)) {
        call.gives.push_back(tensor);
      } else {
        device = true;
      }
    });
  }
  call.onDevice = call.onDevice || device || (!any && call.reads.empty());
}

// What is not the same in each step, by where it lies; tensors are held in calls_, so addresses stay their own.
std::set<const c10::StorageImpl*> EffectAnalysis::varying() const {
  std::set<const c10::StorageImpl*> varies;
  for (bool more = true; more;) {
    const size_t known = varies.size();
    for (const Call& call : calls_) {
      if (call.onDevice) continue;
      const bool from = call.changes || std::ranges::any_of(call.reads, [&](const at::Tensor& tensor) {
                          return varies.contains(storage(tensor));
                        });
      if (!from) continue;
      for (const at::Tensor& tensor : call.gives) varies.insert(storage(tensor));
      if (!changes(call.instruction->op.schema())) continue;
      for (const at::Tensor& tensor : call.reads) varies.insert(storage(tensor));
    }
    more = varies.size() > known;
  }
  return varies;
}

std::string EffectAnalysis::obstacle() const {
  const std::set<const c10::StorageImpl*> varies = varying();
  for (const Call& call : calls_) {
    if (!call.onDevice) continue;
    const std::string name = c10::toString(call.instruction->op.operator_name());
    if (!call.gives.empty()) return name + " brings a result to the CPU (" + call.instruction->where + ")";
    for (const at::Tensor& tensor : call.reads) {
      if (!varies.contains(storage(tensor))) continue;
      return name + " reads a tensor on the CPU that the step changes (" + call.instruction->where + ")";
    }
  }
  return {};
}

std::vector<bool> EffectAnalysis::onHost(size_t instructions) const {
  if (std::ranges::none_of(calls_, [](const Call& call) { return !call.onDevice && call.changes; })) return {};
  std::vector<bool> host(instructions, false);
  for (const Call& call : calls_) host[call.index] = !call.onDevice;
  return host;
}

// ---- Graphs ----

namespace {

// The stream that everything is captured on, one for each device: it is no thread's current one, and libtorch's pools,
// which hand out their streams over and over, have none of high priority to anybody else here.
c10::Stream captureStream(at::Device device) {
  static std::map<std::pair<at::DeviceType, c10::DeviceIndex>, c10::Stream> streams;
  const std::pair key{device.type(), device.index()};
  if (const auto found = streams.find(key); found != streams.end()) return found->second;
  const c10::impl::VirtualGuardImpl guard(device.type());
  return streams.emplace(key, guard.getStreamFromGlobalPool(device, true)).first->second;
}

void wait(const c10::Stream& waiting, const c10::Stream& on) {
  if (waiting == on) return;
  c10::Event event(on.device_type());
  event.record(on);
  event.block(waiting);
}

c10::Stream currentStream(at::Device device) { return c10::impl::VirtualGuardImpl(device.type()).getStream(device); }

// Work of this thread goes to the stream of captures while this lives, after what the current one holds, and the
// current one goes on after it. One thread at a time: a capture counts random numbers in the generator that all threads
// share.
class Aside {
 public:
  explicit Aside(at::Device device) : turn_(mutex()) {
    if (!at::isAccelerator(device.type())) return;
    before_ = currentStream(device);
    const c10::Stream side = captureStream(device);
    wait(side, *before_);
    guard_.emplace(side);
  }
  ~Aside() {
    if (!before_ || !guard_) return;
    const c10::Stream side = guard_->current_stream();
    guard_.reset();
    try {
      wait(*before_, side);
    } catch (const std::exception& error) {
      TORCH_WARN("a stream could not be made to wait for a capture: ", error.what());
    }
  }
  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;

 private:
  static std::mutex& mutex() {
    static std::mutex one;
    return one;
  }
  std::lock_guard<std::mutex> turn_;
  std::optional<c10::Stream> before_;
  std::optional<c10::StreamGuard> guard_;
};

// A replay that draws has to find the generator's place in memory that all graphs share, until it is through: those of
// other streams come before it or after it.
class DrawingTurn {
 public:
  explicit DrawingTurn(const c10::Stream& stream) : turn_(mutex()), stream_(stream) {
    std::optional<c10::Event>& last = lastOf(stream.device());
    if (last) last->block(stream);
  }
  ~DrawingTurn() {
    try {
      std::optional<c10::Event>& last = lastOf(stream_.device());
      if (!last) last.emplace(stream_.device_type());
      last->record(stream_);
    } catch (const std::exception& error) {
      TORCH_WARN("the end of a graph could not be marked: ", error.what());
    }
  }
  DrawingTurn(const DrawingTurn&) = delete;
  DrawingTurn& operator=(const DrawingTurn&) = delete;

 private:
  static std::mutex& mutex() {
    static std::mutex one;
    return one;
  }
  static std::optional<c10::Event>& lastOf(at::Device device) {
    // Never destroyed: at the process's end there may be no driver any more to destroy events.
    static auto& events = *new std::map<std::pair<at::DeviceType, c10::DeviceIndex>, std::optional<c10::Event>>();
    return events[{device.type(), device.index()}];
  }
  std::lock_guard<std::mutex> turn_;
  c10::Stream stream_;
};

bool same(std::span<const double> a, std::span<const double> b) { return std::ranges::equal(a, b); }

std::string firstLine(const std::exception& error) {
  const std::string text = error.what();
  return text.substr(0, text.find('\n'));
}

std::vector<at::Generator> generators(at::Device device) {
  std::vector<at::Generator> out{at::globalContext().defaultGenerator(at::kCPU)};
  if (at::isAccelerator(device.type())) out.push_back(at::globalContext().defaultGenerator(device));
  return out;
}

// A capture that broke off can leave the default generator believing that it goes on; one that does gets a new state.
void mendGenerator(at::Device device, const at::Generator& like) {
  if (!at::isAccelerator(device.type())) return;
  try {
    (void)at::rand({1}, at::TensorOptions().device(device));
  } catch (const std::exception&) {
    at::Generator generator = at::globalContext().defaultGenerator(device);
    generator.graphsafe_set_state(like.graphsafe_get_state());
  }
}

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
  if (mode_ == GraphMode::kRehearsal) return true;
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
  const Aside aside(device_);
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
      program_.checkInputs();
      program_.play(numbers, &analysis);
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
      mendGenerator(device_, like);
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
  if (mode_ == GraphMode::kRehearsal) {
    for (int64_t step = 0; step < captured.count; step++) {
      captured.next();
      program_.play(numbers, nullptr, onHost_, Program::Part::kDevice);
    }
    captured.take(program_.recorded(), program_.slots_);
  } else {
    const c10::Stream stream = currentStream(device_);
    if (replayed_) wait(stream, *replayed_);
    replayed_ = stream;
    std::optional<DrawingTurn> turn;
    if (program_.recorded().draws) turn.emplace(stream);
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
    for (size_t i = 0; i < sources_.size(); i++) {
      program_.slots_[program_.recorded().inputs[i]] = sources_[i].gather(index);
    }
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
    for (const at::Tensor& input : inputs) inputs_.push_back(at::empty_like(input));
  }
  for (size_t i = 0; i < inputs.size(); i++) inputs_[i].copy_(inputs[i]);
  const Next next = [this] {
    for (size_t i = 0; i < inputs_.size(); i++) program_.slots_[program_.recorded().inputs[i]] = inputs_[i];
  };
  if (!provide(single_, 1, next, numbers)) return std::nullopt;
  replay(*single_);
  std::vector<at::Tensor> outputs;
  for (const at::Tensor& output : single_->outputs) outputs.push_back(given(output));
  finish(*single_, inputs);
  return outputs;
}

}  // namespace torch_node

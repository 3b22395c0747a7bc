// Programs: running a recorded step.
#include "program.h"

#include <ATen/DeviceAccelerator.h>
#include <ATen/MemoryOverlap.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <sstream>

#include "js/errors.h"
#include "tensors/images.h"
#include "js/values.h"
#include "calls.h"
#include "effects.h"
#include "fusion.h"
#include "graph.h"

namespace torch_node {

TensorMeta::TensorMeta(const at::Tensor& tensor)
    : type(tensor.scalar_type()), device(tensor.device()), layout(tensor.layout()), sizes(tensor.sizes().vec()) {
  if (layout == at::kStrided) strides = tensor.strides().vec();
}

bool TensorMeta::isContiguous() const {
  int64_t stride = 1;
  for (size_t i = sizes.size(); i-- > 0;) {
    if (layout != at::kStrided || (sizes[i] > 1 && strides[i] != stride)) return false;
    stride *= sizes[i];
  }
  return true;
}

bool TensorMeta::isLaidOutOtherwise(const TensorMeta& other) const {
  TensorMeta same = other;
  same.strides = strides;
  return *this == same && strides != other.strides;
}

bool TensorMeta::liesAs(const TensorMeta& other) const {
  if (layout != at::kStrided || sizes != other.sizes || std::ranges::find(sizes, 0) != sizes.end()) return true;
  for (size_t i = 0; i < sizes.size(); i++) {
    if (sizes[i] > 1 && strides[i] != other.strides[i]) return false;
  }
  return true;
}

at::Tensor TensorMeta::laidOut(const at::Tensor& tensor) const {
  const TensorMeta meta(tensor);
  if (meta.strides == strides) return tensor;
  if (liesAs(meta)) return tensor.as_strided(sizes, strides, tensor.storage_offset());
  const at::Tensor copy = at::empty_strided(sizes, strides, tensor.options());
  if (at::has_internal_overlap(copy) != at::MemOverlap::No) {
    throw TypeMismatch(
        "the step was recorded with an expanded input, whose elements share memory: record it with "
        "example.contiguous()");
  }
  return copy.copy_(tensor);
}

std::string TensorMeta::text() const {
  std::ostringstream out;
  out << scalarTypeName(type) << " " << at::IntArrayRef(sizes) << " on " << device;
  if (layout != at::kStrided) out << " (" << layout << ")";
  return out.str();
}

ValueId Instruction::argument(uint32_t index) const {
  for (const Use& use : uses) {
    if (use.place.argument == index && use.place.item < 0) return use.value;
  }
  return kNoValue;
}

at::Tensor Source::gather(const at::Tensor& index) const {
  return table.defined() ? gatherImages(rows, index, table) : rows.index_select(0, index);
}

std::optional<Rows> Source::rowsOf(const at::Tensor& index) const {
  if (!table.defined() || !rows.is_cpu() || !rows.is_contiguous() || !table.is_contiguous() || !index.is_contiguous()) {
    return std::nullopt;
  }
  const auto* numbers = index.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < index.size(0); i++) {
    TORCH_CHECK_INDEX(numbers[i] >= 0 && numbers[i] < rows.size(0), "index ", numbers[i],
                      " is out of range: there are ", rows.size(0), " images");
  }
  return Rows{rows.const_data_ptr<uint8_t>(), numbers, table.const_data_ptr<float>()};
}

namespace {

// A plain number as a tensor: it takes part in type promotion as numbers do.
at::Tensor wrapped(double value) {
  at::Tensor out = at::scalar_tensor(value, at::kDouble);
  out.unsafeGetTensorImpl()->set_wrapped_number(true);
  return out;
}

void put(torch::jit::Stack& stack, const Place& place, c10::IValue value) {
  c10::IValue& argument = stack[place.argument];
  if (place.item < 0) {
    argument = std::move(value);
  } else {
    argument.toList().set(static_cast<size_t>(place.item), std::move(value));
  }
}

// The arguments as they are at every run; lists that something goes into are copies.
torch::jit::Stack argumentsOf(const Instruction& instruction) {
  torch::jit::Stack stack = instruction.arguments;
  for (const uint32_t list : instruction.lists) stack[list] = stack[list].toList().copy();
  return stack;
}

void results(const torch::jit::Stack& stack, const Instruction& instruction, std::vector<at::Tensor>& slots) {
  size_t i = 0;
  const auto take = [&](const at::Tensor& tensor) {
    const ValueId value = instruction.results[i++];
    if (value != kNoValue) slots[value] = tensor;
  };
  for (const c10::IValue& value : stack) {
    if (value.isTensor()) {
      take(value.toTensor());
    } else if (value.isTensorList()) {
      for (const at::Tensor& tensor : value.toTensorVector()) take(tensor);
    }
  }
}

}  // namespace

void runInstruction(const Instruction& instruction, std::vector<at::Tensor>& slots, std::span<const double> numbers,
                    bool move, EffectAnalysis* analysis) {
  torch::jit::Stack stack = argumentsOf(instruction);
  for (const auto& use : instruction.uses) {
    put(stack, use.place, use.last && move ? std::move(slots[use.value]) : slots[use.value]);
  }
  for (const auto& number : instruction.numbers) {
    put(stack, number.place, number.negated ? -numbers[number.placeholder] : numbers[number.placeholder]);
  }
  if (analysis) analysis->before(instruction, stack);
  try {
    instruction.op.callBoxed(stack);
  } catch (const c10::Error& error) {
    throw std::runtime_error(readable(error) + "\nin " + c10::toString(instruction.op.operator_name()) + ", recorded " +
                             instruction.where);
  }
  if (analysis) analysis->after(stack);
  results(stack, instruction, slots);
  if (!move) return;
  for (const ValueId value : instruction.dropped) slots[value].reset();
}

// One run at a time.
class Program::Running {
 public:
  explicit Running(std::atomic<bool>& flag) : flag_(flag) {
    if (flag_.exchange(true)) throw std::runtime_error("the program is running already: wait for its promise first");
  }
  ~Running() { flag_ = false; }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  std::atomic<bool>& flag_;
};

Program::Program(Recorded recorded, GraphMode graphs) : recorded_(std::move(recorded)), slots_(recorded_.values) {
  clear();
  graphs_ = std::make_unique<Graphs>(*this, graphs);
}

Program::~Program() = default;

void Program::clear() {
  slots_.assign(recorded_.values, at::Tensor());
  for (const External& external : recorded_.externals) slots_[external.value] = external.tensor;
}

void Program::checkInputs(std::span<const at::Tensor> inputs) const {
  if (inputs.size() != recorded_.metas.size()) {
    throw TypeMismatch("the step takes " + std::to_string(recorded_.metas.size()) + " inputs, got " +
                       std::to_string(inputs.size()));
  }
  for (size_t i = 0; i < inputs.size(); i++) {
    const TensorMeta& expected = recorded_.metas[i];
    const TensorMeta meta(inputs[i]);
    if (meta.isLaidOutOtherwise(expected)) {
      if (!recorded_.inputsWritten[i] || meta.liesAs(expected)) continue;
      throw TypeMismatch("the step changes input " + std::to_string(i) +
                         " in place, and was recorded with one of other "
                         "strides: give it " +
                         expected.text() + " laid out like the example");
    }
    if (meta != expected) {
      throw TypeMismatch("input " + std::to_string(i) + " is " + meta.text() + "; the step was recorded with " +
                         expected.text() +
                         ": give it inputs of that shape, dtype and device, or compile another step for these");
    }
  }
}

void Program::setInput(size_t i, const at::Tensor& tensor) {
  slots_[recorded_.inputs[i]] = recorded_.metas[i].laidOut(tensor);
}

void Program::checkExternals() const {
  for (const External& external : recorded_.externals) {
    const at::Tensor& tensor = external.tensor;
    const bool same = tensor.has_storage() ? tensor.storage().unsafeGetStorageImpl() == external.storage
                                           : external.storage == nullptr;
    const TensorMeta meta(tensor);
    if (same && meta == external.meta) continue;
    throw std::invalid_argument("a tensor that the step uses has other memory than when the step was recorded (" +
                                external.meta.text() + " then, " + meta.text() + " now; first used " + external.where +
                                "): compile the step again after to(), data = or resize_()");
  }
}

bool sameMemory(const at::Tensor& a, const at::Tensor& b) {
  if (!a.defined() || !b.defined()) return a.defined() == b.defined();
  if (!a.has_storage() || !b.has_storage()) return a.is_same(b);
  return a.storage().unsafeGetStorageImpl() == b.storage().unsafeGetStorageImpl() && a.sizes() == b.sizes();
}

void Program::checkGradients(std::span<const at::Tensor> inputs, int64_t steps) const {
  for (const Gradient& gradient : recorded_.gradients) {
    if (!gradient.depends) continue;
    if (gradient.input >= 0 && inputs.empty()) continue;
    const at::Tensor& leaf = gradient.input >= 0 ? inputs[static_cast<size_t>(gradient.input)] : gradient.leaf;
    if (sameMemory(leaf.grad(), gradient.before) && (steps < 2 || gradient.repeats)) continue;
    std::string message = "the step goes on with the gradients that it finds, and that of a tensor of shape ";
    std::ostringstream shape;
    shape << leaf.sizes();
    message += shape.str();
    if (!gradient.before.defined()) {
      message += " was not there when the step was recorded, and is there now";
    } else {
      message +=
          leaf.grad().defined() ? " is another tensor than when the step was recorded" : " is not there any more";
    }
    throw std::invalid_argument(message +
                                ": call zeroGrad() in the step, before backward(); or, to add up gradients over steps, "
                                "make one step without compileStep first and keep its gradients with "
                                "zeroGrad({ setToNone: false })");
  }
}

void Program::play(std::span<const double> numbers, EffectAnalysis* analysis, const std::vector<bool>& onHost,
                   Part part) {
  for (const NumberTensor& number : recorded_.numbers) {
    slots_[number.value] = wrapped(number.negated ? -numbers[number.placeholder] : numbers[number.placeholder]);
  }
  size_t piece = 0;
  for (uint32_t i = 0; i < recorded_.instructions.size(); i++) {
    const Instruction& instruction = recorded_.instructions[i];
    if (fusion_ && piece < fusion_->pieces.size() && fusion_->pieces[piece].at == i) {
      fusion_->pieces[piece++].kernel->run(slots_, numbers);
    }
    if (fusion_ && fusion_->skipped[i]) continue;
    if (part != Part::kAll && !onHost.empty()) {
      if (part == Part::kHost && !onHost[i]) continue;
      if (part == Part::kDevice && onHost[i] && (changes(instruction.op.schema()) || draws(instruction.op))) continue;
    }
    if (analysis) analysis->at(i);
    runInstruction(instruction, slots_, numbers, true, analysis);
  }
}

std::string Program::fuseChains() {
  FusionOutcome outcome = fuse(recorded_);
  if (outcome.fusion) fusion_ = std::make_unique<Fusion>(std::move(*outcome.fusion));
  return outcome.why;
}

// What JavaScript sees of a step besides its outputs.
void Program::finish(std::span<const at::Tensor> inputs) {
  for (const Gradient& gradient : recorded_.gradients) {
    if (gradient.input >= 0 && inputs.empty()) continue;
    const at::Tensor& leaf = gradient.input >= 0 ? inputs[static_cast<size_t>(gradient.input)] : gradient.leaf;
    leaf.mutable_grad() = gradient.after == kNoValue ? at::Tensor() : slots_[gradient.after];
  }
  for (const at::Tensor& tensor : recorded_.written) tensor.unsafeGetTensorImpl()->bump_version();
}

std::vector<at::Tensor> Program::run(std::span<const at::Tensor> inputs, std::span<const double> numbers) {
  const Running running(running_);
  checkExternals();
  checkInputs(inputs);
  checkGradients(inputs, 1);
  const at::AutoDispatchBelowADInplaceOrView below;
  if (auto outputs = graphs_->run(inputs, numbers)) return *std::move(outputs);
  for (size_t i = 0; i < inputs.size(); i++) setInput(i, inputs[i]);
  if (fusion_) {
    for (const auto& piece : fusion_->pieces) piece.kernel->readFrom({});
  }
  play(numbers);
  std::vector<at::Tensor> outputs;
  outputs.reserve(recorded_.outputs.size());
  for (const ValueId value : recorded_.outputs) outputs.push_back(slots_[value]);
  finish(inputs);
  for (const ValueId value : recorded_.inputs) slots_[value].reset();
  return outputs;
}

// Fills the inputs' slots. An input that the chain reads from the set itself is gathered for the check alone.
void Program::gather(std::span<const Source> sources, const at::Tensor& index, bool check) {
  std::optional<Rows> rows;
  const size_t none = sources.size();
  const size_t place = fusion_ ? fusion_->rows.value_or(none) : none;
  if (place < none) rows = sources[place].rowsOf(index);
  std::vector<at::Tensor> inputs(sources.size());
  for (size_t i = 0; i < sources.size(); i++) {
    if (!rows || i != place || check) inputs[i] = sources[i].gather(index);
  }
  if (check) checkInputs(inputs);
  for (size_t i = 0; i < sources.size(); i++) {
    if (inputs[i].defined()) setInput(i, inputs[i]);
  }
  if (fusion_) {
    for (const auto& piece : fusion_->pieces) piece.kernel->readFrom(rows.value_or(Rows()));
  }
}

void Program::steps(std::span<const Source> sources, const at::Tensor& permutation, int64_t from, int64_t batch,
                    int64_t count, std::span<const double> numbers) {
  const Running running(running_);
  checkExternals();
  checkGradients({}, count);
  const at::AutoDispatchBelowADInplaceOrView below;
  const at::Device device = deviceOf(recorded_);
  const at::Tensor order = sources.empty() ? permutation : permutation.to(sources[0].rows.device());
  if (!graphs_->steps(sources, order, from, batch, count, numbers)) {
    for (int64_t step = 0; step < count; step++) {
      const at::Tensor index = order.narrow(0, from + (step * batch), batch);
      gather(sources, index, step == 0);
      play(numbers.subspan(static_cast<size_t>(step) * recorded_.placeholders, recorded_.placeholders));
    }
    if (count > 0) finish({});
    for (const ValueId value : recorded_.inputs) slots_[value].reset();
  }
  // Without waiting, more steps would be queued while these wait in the stream, and progress, aborts and timings would
  // tell what was queued and not what was done.
  if (!at::isAccelerator(device.type())) return;
  const c10::impl::VirtualGuardImpl guard(device.type());
  guard.synchronizeStream(guard.getStream(device));
}

}  // namespace torch_node

// The recorder.
#include "recorder.h"

#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <bit>
#include <ranges>

#include "js/values.h"
#include "calls.h"

namespace torch_node {

namespace {

// The dispatch key right below autograd and above every backend, for which libtorch has no kernels. It is included only
// on threads that record, and on those of the autograd engine that work for them.
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 13)
constexpr auto kKey = c10::DispatchKey::Fake;
constexpr bool kHasKey = true;
#else
// There is no such key; any key that nothing uses will do where one has to be named.
constexpr auto kKey = c10::DispatchKey::CustomRNGKeyId;
constexpr bool kHasKey = false;
#endif

// Passed on to the threads of the autograd engine, as the key is.
auto infoKind() { return c10::DebugInfoKind::TEST_INFO_2; }

struct Info : c10::DebugInfoBase {
  explicit Info(Recorder* reported) : recorder(reported) {}
  Recorder* recorder;
};

void onOperator(const c10::OperatorHandle& op, c10::DispatchKeySet keys, torch::jit::Stack* stack) {
  Recorder* recorder = Recorder::current();
  if (recorder) {
    recorder->record(op, keys, *stack);
  } else {
    const Unrecorded below;
    op.redispatchBoxed(keys & c10::DispatchKeySet(c10::DispatchKeySet::FULL_AFTER, kKey), stack);
  }
}

// Whether the key could be taken. Where libtorch has a kernel of its own for it, the addon loads all the same, and
// cannot record.
const bool registered = [] {
  if (!kHasKey || c10::Dispatcher::singleton().hasBackendFallbackForDispatchKey(kKey)) return false;
  static torch::Library library(torch::Library::IMPL, "_", kKey, __FILE__, __LINE__);
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&onOperator>());
  return true;
}();

// Whether it gives memory that nothing has been written to.
bool makesBlank(const c10::OperatorHandle& op) {
  const std::string& name = op.operator_name().name;
  return name == "aten::empty" || name == "aten::empty_like" || name == "aten::empty_strided" ||
         name == "aten::new_empty" || name == "aten::new_empty_strided";
}

// Whether it looks at shapes and dtypes alone: aten::zeros_like, aten::new_full.
bool readsNoValues(const c10::OperatorHandle& op) {
  const std::string& name = op.operator_name().name;
  return name.ends_with("_like") || name.starts_with("aten::new_");
}

bool isMask(const at::Tensor& index) { return index.scalar_type() == at::kBool || index.scalar_type() == at::kByte; }

// Which arguments' values decide the shape of the result: of an index only where it is a mask, of repeat_interleave
// only where the size is not said.
std::vector<c10::IValue> shapeFrom(const c10::OperatorHandle& op, const torch::jit::Stack& stack) {
  const std::string& name = op.operator_name().name;
  if (name == "aten::_pack_padded_sequence") return {stack[1]};
  if (name == "aten::_ctc_loss") return {stack[2], stack[3]};
  if (!op.hasTag(at::Tag::dynamic_output_shape)) return {};
  if (name == "aten::index" || name == "aten::_unsafe_index") {
    bool mask = false;
    eachTensor(stack[1], [&](const at::Tensor& index) { mask = mask || isMask(index); });
    return mask ? std::vector{stack[1]} : std::vector<c10::IValue>{};
  }
  if (name == "aten::repeat_interleave" && !stack.back().isNone()) return {};
  return {stack.begin(), stack.end()};
}

}  // namespace

Unrecorded::Unrecorded() : guard_(kKey) {}

OutsideOfStep::OutsideOfStep() : info_(infoKind(), std::make_shared<Info>(nullptr)), guard_(kKey) {}

Recorder* Recorder::current() {
  const auto* info = dynamic_cast<const Info*>(c10::ThreadLocalDebugInfo::get(infoKind()));
  return info ? info->recorder : nullptr;
}

void Recorder::refuse(const std::string& what) {
  if (current() == nullptr) return;
  throw std::invalid_argument(what +
                              " cannot be recorded: the step runs again without JavaScript. Give the tensor out of the "
                              "step and read it afterwards");
}

void Recorder::reads(const at::Tensor& tensor, const std::string& what) {
  const Recorder* recorder = current();
  if (recorder != nullptr && !recorder->isKnown(tensor)) refuse(what);
}

Recorder::Memory* Recorder::memoryOf(const at::Tensor& tensor) {
  if (!tensor.has_storage()) return nullptr;
  const auto found = memory_.find(tensor.storage().unsafeGetStorageImpl());
  return found == memory_.end() ? nullptr : &found->second;
}

bool Recorder::isKnown(const at::Tensor& tensor) const {
  if (!tensor.has_storage()) return false;
  const auto found = memory_.find(tensor.storage().unsafeGetStorageImpl());
  if (found != memory_.end()) return found->second.known;
  // A plain number, on its way to its first operator, is the same in every run unless a placeholder stands for it.
  return tensor.unsafeGetTensorImpl()->is_wrapped_number() && tensor.is_cpu() &&
         (tensor.scalar_type() != at::kDouble || !placeholderOf(*tensor.const_data_ptr<double>()));
}

bool Recorder::areKnown(const c10::IValue& value) const {
  bool known = true;
  eachTensor(value, [&](const at::Tensor& tensor) { known = known && isKnown(tensor); });
  return known;
}

// Refuses what happens on the host once, when the step is recorded, and would have to happen in each run.
void Recorder::checkReads(const c10::OperatorHandle& op, const torch::jit::Stack& stack) const {
  const auto known = [this](const c10::IValue& value) { return areKnown(value); };
  if (op.hasTag(at::Tag::data_dependent_output) && !std::ranges::all_of(stack, known)) {
    refuse("reading a value on the host");
  }
  if (!std::ranges::all_of(shapeFrom(op, stack), known)) {
    refuse(c10::toString(op.operator_name()) + ", whose result's shape depends on values,");
  }
}

void Recorder::constant(const at::Tensor& tensor) {
  Recorder* recorder = current();
  if (recorder == nullptr || !tensor.has_storage()) return;
  recorder->keep(tensor, false);
  Memory& memory = recorder->memory_.at(tensor.storage().unsafeGetStorageImpl());
  memory.constant = true;
  memory.known = true;
}

void Recorder::readsGradient(const at::Tensor& leaf) {
  Recorder* recorder = current();
  if (recorder == nullptr || !leaf.is_leaf()) return;
  Leaf& known = recorder->leafOf(leaf);
  known.read = known.read || !known.reset;
}

void Recorder::replacesGradient(const at::Tensor& leaf) {
  Recorder* recorder = current();
  if (recorder == nullptr || !leaf.is_leaf()) return;
  Leaf& known = recorder->leafOf(leaf);
  known.reset = known.reset || (!known.read && !recorder->touched(known));
}

Recorder::Leaf& Recorder::leafOf(const at::Tensor& tensor) {
  const auto [found, inserted] = known_.try_emplace(tensor.unsafeGetTensorImpl(), leaves_.size());
  if (inserted) leaves_.push_back({tensor, tensor.grad()});
  return leaves_[found->second];
}

// Whether the gradient is another than before the step, or an operator used it.
bool Recorder::touched(const Leaf& leaf) const {
  if (!leaf.tensor.grad().is_same(leaf.before)) return true;
  if (!leaf.before.defined()) return false;
  return values_.contains(identityOf(leaf.before)) ||
         (leaf.before.has_storage() && memory_.contains(leaf.before.storage().unsafeGetStorageImpl()));
}

Recorder::Session::Session(Recorder& recorder) : info_(infoKind(), std::make_shared<Info>(&recorder)), key_(kKey) {}

Recorder::Recorder(Environment& environment, std::span<const at::Tensor> inputs, std::vector<std::string> ownPlaces)
    : environment_(environment), ownPlaces_(std::move(ownPlaces)) {
  if (!registered) {
    throw std::runtime_error(
        "steps cannot be recorded with libtorch " TORCH_VERSION
        ": its dispatcher has no free place where calls could be noted; libtorch 2.13 and 2.14 have one");
  }
  if (current() != nullptr)
    throw std::invalid_argument("a step is being recorded already: compile one after the other");
  std::set<std::pair<at::DeviceType, c10::DeviceIndex>> devices{{at::kCPU, -1}};
  for (const at::Tensor& input : inputs) {
    if (!input.is_meta()) devices.emplace(input.device().type(), input.device().index());
  }
  for (const auto& [type, index] : devices) {
    const at::Generator& generator = at::globalContext().defaultGenerator(at::Device(type, index));
    random_.emplace_back(generator, generator.get_state());
  }
  for (const at::Tensor& input : inputs) {
    const ValueId value = recorded_.values++;
    if (const auto [same, fresh] = values_.emplace(identityOf(input), value); !fresh) {
      throw std::invalid_argument("inputs " + std::to_string(same->second) + " and " + std::to_string(value) +
                                  " of the example are one tensor, which cannot be recorded, as another run may have "
                                  "two: give one of them as a copy, clone()");
    }
    keep(input, false);
    if (input.has_storage()) memory_.at(input.storage().unsafeGetStorageImpl()).any = value;
    recorded_.inputs.push_back(value);
    recorded_.metas.emplace_back(input);
    inputs_.push_back(input);
  }
}

Recorder::~Recorder() {
  try {
    const at::NoGradGuard noGrad;
    for (auto& [key, memory] : memory_) {
      if (memory.before.defined()) bytesOf(memory.storage).copy_(memory.before);
    }
    for (const Leaf& leaf : leaves_) leaf.tensor.mutable_grad() = leaf.before;
    // Only where the step drew: other threads draw from the same generators meanwhile.
    if (drew_) {
      for (auto& [generator, state] : random_) generator.set_state(state);
    }
  } catch (const std::exception& error) {
    // Only memory can have run out; what was to be put back is lost then, and the process says so.
    TORCH_WARN("compileStep: parameters could not be put back as they were before the recording: ", error.what());
  }
}

Recorder::Identity Recorder::identityOf(const at::Tensor& tensor) {
  if (!tensor.has_storage()) {
    return {tensor.unsafeGetTensorImpl(), 0, tensor.sizes().vec(), {}, tensor.scalar_type(), false, false};
  }
  return {tensor.storage().unsafeGetStorageImpl(),
          tensor.storage_offset(),
          tensor.sizes().vec(),
          tensor.strides().vec(),
          tensor.scalar_type(),
          tensor.is_conj(),
          tensor.is_neg()};
}

// Holds the memory, not the tensor: autograd steals gradients that nobody else holds, and has to do so here as well.
void Recorder::keep(const at::Tensor& tensor, bool made) {
  if (!tensor.has_storage()) {
    without_.push_back(tensor);
    return;
  }
  memory_.try_emplace(tensor.storage().unsafeGetStorageImpl(),
                      Memory{.storage = tensor.storage(), .made = made, .before = {}, .blank = {}});
}

std::string Recorder::where() {
  if (!environment_.isCurrent()) return lastWhere_;
  napi_env env = environment_.env();
  const Napi::HandleScope scope(env);
  napi_value text = nullptr;
  napi_value error = nullptr;
  napi_value stack = nullptr;
  if (napi_create_string_utf8(env, "", 0, &text) != napi_ok ||
      napi_create_error(env, nullptr, text, &error) != napi_ok ||
      napi_get_named_property(env, error, "stack", &stack) != napi_ok) {
    return lastWhere_;
  }
  std::istringstream lines(FromJs<std::string>::get(environment_, stack));
  std::string line;
  while (std::getline(lines, line)) {
    const size_t at = line.find("at ");
    // Lines of functions that are built in, such as Array.map, name no file.
    if (at == std::string::npos || line.find("node:") != std::string::npos || line.ends_with("(<anonymous>)")) continue;
    if (std::ranges::any_of(ownPlaces_,
                            [&](const std::string& place) { return line.find(place) != std::string::npos; })) {
      continue;
    }
    lastWhere_ = line.substr(at);
    break;
  }
  return lastWhere_;
}

ValueId Recorder::outside(const at::Tensor& tensor) {
  const ValueId value = recorded_.values++;
  values_.emplace(identityOf(tensor), value);
  keep(tensor, false);
  if (tensor.unsafeGetTensorImpl()->is_wrapped_number() && tensor.is_cpu() && tensor.scalar_type() == at::kDouble) {
    if (const auto placeholder = placeholderOf(*tensor.const_data_ptr<double>())) {
      recorded_.numbers.push_back({value, placeholder->first, placeholder->second});
      placeholderUsed_[placeholder->first] = true;
      return value;
    }
    memory_.at(tensor.storage().unsafeGetStorageImpl()).known = true;
  }
  recorded_.externals.push_back({value, tensor,
                                 tensor.has_storage() ? tensor.storage().unsafeGetStorageImpl() : nullptr,
                                 TensorMeta(tensor), where()});
  return value;
}

// Another view of memory that is known, made without an operator.
ValueId Recorder::reshaped(const at::Tensor& tensor, ValueId base) {
  static const auto kAsStrided = c10::Dispatcher::singleton().findSchemaOrThrow("aten::as_strided", "");
  const ValueId value = recorded_.values++;
  values_.emplace(identityOf(tensor), value);
  Instruction instruction(kAsStrided);
  instruction.results = {value};
  instruction.where = where();
  instruction.arguments = {c10::IValue(), tensor.sizes().vec(), tensor.strides().vec(), tensor.storage_offset()};
  instruction.uses.push_back({{0, -1}, base});
  recorded_.instructions.push_back(std::move(instruction));
  return value;
}

ValueId Recorder::valueOf(const at::Tensor& tensor) {
  // A tensor that has a gradient of its own: what it is before the step has to be known.
  if (tensor.requires_grad() && tensor.is_leaf()) leafOf(tensor);
  if (const auto found = values_.find(identityOf(tensor)); found != values_.end()) return found->second;
  if (tensor.has_storage()) {
    const auto memory = memory_.find(tensor.storage().unsafeGetStorageImpl());
    if (memory != memory_.end() && memory->second.made && memory->second.any != kNoValue) {
      return reshaped(tensor, memory->second.any);
    }
  }
  return outside(tensor);
}

ValueId Recorder::resultOf(const at::Tensor& tensor) {
  keep(tensor, true);
  const auto [found, inserted] = values_.try_emplace(identityOf(tensor), recorded_.values);
  if (inserted) recorded_.values++;
  if (tensor.has_storage()) {
    ValueId& any = memory_.at(tensor.storage().unsafeGetStorageImpl()).any;
    if (any == kNoValue) any = found->second;
  }
  return found->second;
}

void Recorder::saveBefore(const at::Tensor& tensor) {
  if (!tensor.has_storage()) {
    throw std::invalid_argument("a tensor without dense memory is changed in place, which cannot be put back");
  }
  keep(tensor, false);
  Memory& memory = memory_.at(tensor.storage().unsafeGetStorageImpl());
  if (memory.constant) {
    throw std::invalid_argument(
        "a tensor that the step makes of JavaScript's values is changed in place, which the step would do again and "
        "again "
        "to the same tensor: make it with an operator such as torch.zeros, or outside of the step");
  }
  if (memory.made || memory.before.defined()) return;
  memory.before = bytesOf(memory.storage).clone();
  recorded_.written.push_back(tensor);
}

uint32_t Recorder::placeholder(double value) {
  placeholders_.push_back(value);
  placeholderUsed_.push_back(false);
  return recorded_.placeholders++;
}

std::optional<std::pair<uint32_t, bool>> Recorder::placeholderOf(double value) const {
  for (uint32_t i = 0; i < placeholders_.size(); i++) {
    if (placeholders_[i] == value) return std::pair{i, false};
    if (placeholders_[i] == -value) return std::pair{i, true};
  }
  return std::nullopt;
}

// Takes what differs from run to run out of an argument, and notes where it goes.
void Recorder::takeArgument(Instruction& instruction, uint32_t index, c10::IValue& argument) {
  const auto number = [&](const c10::IValue& value, Place place) {
    if (!value.isDouble()) return;
    const auto placeholder = placeholderOf(value.toDouble());
    if (!placeholder) return;
    instruction.numbers.push_back({place, placeholder->first, placeholder->second});
    placeholderUsed_[placeholder->first] = true;
  };
  if (argument.isTensor()) {
    if (!argument.toTensor().defined()) return;
    instruction.uses.push_back({{index, -1}, valueOf(argument.toTensor())});
    argument = c10::IValue();
  } else if (argument.isList()) {
    auto list = argument.toList().copy();
    const auto items = argument.toListRef();
    const size_t before = instruction.uses.size() + instruction.numbers.size();
    for (int32_t i = 0; i < static_cast<int32_t>(items.size()); i++) {
      if (items[i].isTensor() && items[i].toTensor().defined()) {
        instruction.uses.push_back({{index, i}, valueOf(items[i].toTensor())});
        list.set(i, argument.isTensorList() ? c10::IValue(at::Tensor()) : c10::IValue());
      } else {
        number(items[i], {index, i});
      }
    }
    argument = list;
    if (instruction.uses.size() + instruction.numbers.size() > before) instruction.lists.push_back(index);
  } else {
    number(argument, {index, -1});
  }
}

// Whether a value is an input, or another tensor that was there before the step.
bool Recorder::isFromOutside(ValueId value) const {
  return std::ranges::find(recorded_.inputs, value) != recorded_.inputs.end() ||
         std::ranges::any_of(recorded_.externals, [value](const External& each) { return each.value == value; });
}

// What changes a tensor's shape in place, as squeeze_ does, is recorded as a view beside it: other tensors may share
// the value. Runs it, and gives false where it took other memory, as resize_ may.
template <class Run>
bool Recorder::recordInPlaceView(const c10::OperatorHandle& op, const at::Tensor& self, const Run& run) {
  const ValueId value = valueOf(self);
  const Identity before = identityOf(self);
  if (isFromOutside(value)) {
    throw std::invalid_argument(
        c10::toString(op.operator_name()) +
        " cannot be recorded for a tensor from outside of the step, whose shape would be changed in "
        "place: use the form without '_'");
  }
  const size_t bytes = self.has_storage() ? self.storage().nbytes() : 0;
  run();
  const Identity after = identityOf(self);
  if (after == before) return true;
  if (std::get<0>(after) != std::get<0>(before) || !self.has_storage() || self.storage().nbytes() != bytes) {
    values_.erase(before);
    return false;
  }
  if (!values_.contains(after)) reshaped(self, value);
  return true;
}

// Memory that was made empty and is read before an operator has filled it was filled on the host. Integers are what
// at::tensor(list) makes, constants of the step; other numbers would be results, as those of max_pool1d are.
void Recorder::settle(const at::Tensor& tensor) {
  Memory* memory = tensor.is_cpu() && tensor.numel() > 0 ? memoryOf(tensor) : nullptr;
  if (memory == nullptr || !memory->blank.has_value()) return;
  if (!at::isIntegralType(tensor.scalar_type(), true)) {
    throw std::invalid_argument(
        "memory that was made empty and that no operator filled on its way cannot be recorded: a function without "
        "operators of its own, such as torch.maxPool1d, has written to it, or nothing has");
  }
  const auto [storage, offset, sizes, strides, type, conj, neg] = memory->blank.value();
  const at::Tensor filled = at::empty({0}, type).set_(memory->storage, offset, sizes, strides);
  std::erase_if(recorded_.instructions, [&](const Instruction& each) {
    return std::ranges::find(each.results, memory->any) != each.results.end();
  });
  recorded_.externals.push_back(
      {memory->any, filled, memory->storage.unsafeGetStorageImpl(), TensorMeta(filled), where()});
  memory->constant = true;
  memory->known = true;
  memory->blank.reset();
}

// Takes an operator's arguments. What it writes to is kept as it was before the step, and is not empty any more.
void Recorder::takeArguments(Instruction& instruction, const torch::jit::Stack& stack) {
  const bool shapesAlone = readsNoValues(instruction.op);
  for (uint32_t i = 0; i < stack.size(); i++) {
    const c10::Argument& argument = instruction.op.schema().arguments()[i];
    if (isWritten(argument)) {
      eachTensor(stack[i], [&](const at::Tensor& tensor) {
        saveBefore(tensor);
        if (Memory* memory = memoryOf(tensor)) memory->blank.reset();
      });
    } else if (argument.alias_info() == nullptr && !shapesAlone) {
      eachTensor(stack[i], [&](const at::Tensor& tensor) { settle(tensor); });
    }
    takeArgument(instruction, i, instruction.arguments[i]);
  }
}

// What is written with values that are not known is not known either.
void Recorder::forgetWritten(const c10::FunctionSchema& schema, const torch::jit::Stack& stack) {
  for (uint32_t i = 0; i < stack.size(); i++) {
    if (!isWritten(schema.arguments()[i])) continue;
    eachTensor(stack[i], [this](const at::Tensor& tensor) {
      if (Memory* memory = memoryOf(tensor)) memory->known = false;
    });
  }
}

// Takes an operator's results. Views, and what is written in place, share the fate of their memory.
void Recorder::takeResults(Instruction& instruction, const torch::jit::Stack& stack, bool known) {
  const uint32_t before = recorded_.values;
  const bool blank = makesBlank(instruction.op);
  const auto take = [&](const at::Tensor& tensor) {
    instruction.results.push_back(tensor.defined() ? resultOf(tensor) : kNoValue);
    Memory* memory = tensor.defined() ? memoryOf(tensor) : nullptr;
    if (memory == nullptr) return;
    const bool fresh = memory->any >= before;
    memory->known = known && (fresh || memory->known);
    if (blank && fresh) memory->blank = identityOf(tensor);
  };
  for (const c10::IValue& result : stack) {
    if (result.isTensor()) {
      take(result.toTensor());
    } else if (result.isTensorList()) {
      for (const at::Tensor& tensor : result.toTensorVector()) take(tensor);
    }
  }
}

void Recorder::record(const c10::OperatorHandle& op, c10::DispatchKeySet keys, torch::jit::Stack& stack) {
  const Unrecorded below;
  const auto run = [&] {
    op.redispatchBoxed(keys & c10::DispatchKeySet(c10::DispatchKeySet::FULL_AFTER, kKey), &stack);
  };
  checkReads(op, stack);
  Instruction instruction(op);
  instruction.arguments = stack;
  instruction.where = where();
  takeArguments(instruction, stack);
  const bool reshapes = op.hasTag(at::Tag::inplace_view);
  if (reshapes && recordInPlaceView(op, at::Tensor(stack[0].toTensor()), run)) return;
  drew_ = drew_ || draws(op);
  recorded_.draws = drew_;
  const bool known = !draws(op) && instruction.numbers.empty() &&
                     std::ranges::all_of(stack, [this](const c10::IValue& value) { return areKnown(value); });
  if (!known) forgetWritten(op.schema(), stack);
  // How many sequences have an element at each step follows from the lengths alone.
  const bool packs = op.operator_name().name == "aten::_pack_padded_sequence" && areKnown(stack[1]);
  const uint32_t before = recorded_.values;
  if (!reshapes) run();
  takeResults(instruction, stack, known);
  if (packs) memoryOf(stack[1].toTensor())->known = true;
  // What gives nothing new and changes nothing (detach, a view of the same shape) need not run.
  if (isPure(op) && recorded_.values == before) return;
  recorded_.instructions.push_back(std::move(instruction));
}

// Leaves out what nothing needs, and notes after which instruction a value is not needed any more.
void Recorder::release() {
  std::vector<bool> needed(recorded_.values, false);
  for (const ValueId value : recorded_.outputs) needed[value] = true;
  for (const Gradient& gradient : recorded_.gradients) {
    if (gradient.after != kNoValue) needed[gradient.after] = true;
  }
  std::vector<bool> permanent = needed;
  for (const External& external : recorded_.externals) permanent[external.value] = true;
  for (const NumberTensor& number : recorded_.numbers) permanent[number.value] = true;
  std::deque<Instruction> kept;
  for (Instruction& instruction : std::views::reverse(recorded_.instructions)) {
    const bool pure = isPure(instruction.op);
    const bool wanted =
        std::ranges::any_of(instruction.results, [&](ValueId value) { return value != kNoValue && needed[value]; });
    if (pure && !wanted) continue;
    for (const ValueId value : instruction.results) {
      if (value != kNoValue && !needed[value] && !permanent[value]) instruction.dropped.push_back(value);
    }
    for (auto& use : std::views::reverse(instruction.uses)) {
      use.last = !needed[use.value] && !permanent[use.value];
      needed[use.value] = true;
    }
    kept.push_front(std::move(instruction));
  }
  recorded_.instructions = {std::make_move_iterator(kept.begin()), std::make_move_iterator(kept.end())};
}

// What becomes of gradients, and which the step needs to find as they were.
void Recorder::finishGradients() {
  // valueOf() may find further leaves.
  for (size_t i = 0; i < leaves_.size(); i++) {  // NOLINT(modernize-loop-convert)
    const Leaf leaf = leaves_[i];
    if (!leaf.read && !leaf.reset && !touched(leaf)) continue;
    const at::Tensor after = leaf.tensor.grad();
    Gradient gradient;
    gradient.leaf = leaf.tensor;
    gradient.after = after.defined() ? valueOf(after) : kNoValue;
    gradient.depends = !leaf.reset;
    gradient.before = leaf.before;
    gradient.repeats = sameMemory(leaf.before, after);
    for (size_t input = 0; input < inputs_.size(); input++) {
      if (inputs_[input].is_same(leaf.tensor)) gradient.input = static_cast<int32_t>(input);
    }
    recorded_.gradients.push_back(std::move(gradient));
  }
}

Recorded Recorder::finish(std::span<const at::Tensor> outputs) {
  for (const at::Tensor& output : outputs) {
    settle(output);
    recorded_.outputs.push_back(valueOf(output));
  }
  for (const at::Tensor& input : inputs_) {
    recorded_.inputsWritten.push_back(input.has_storage() &&
                                      memory_.at(input.storage().unsafeGetStorageImpl()).before.defined());
  }
  finishGradients();
  for (size_t i = 0; i < placeholders_.size(); i++) {
    if (placeholderUsed_[i]) continue;
    throw std::logic_error("a number that changes from step to step went into no operator as it is");
  }
  release();
  return std::move(recorded_);
}

}  // namespace torch_node

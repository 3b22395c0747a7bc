// Recording.
#include "recorder.h"

#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <bit>
#include <ranges>

#include "../values.h"

namespace torch_node {

namespace {

// The place in the dispatcher right below autograd and above every backend, where no kernel of libtorch's stands. It is
// in force on the threads that record only, and on those of the autograd engine that work for them.
constexpr auto kKey = c10::DispatchKey::Fake;

// Goes along to the threads of the autograd engine, as the key does.
auto infoKind() { return c10::DebugInfoKind::TEST_INFO_2; }

struct Info : c10::DebugInfoBase {
  explicit Info(Recorder& reported) : recorder(&reported) {}
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

TORCH_LIBRARY_IMPL(_, Fake, library) { library.fallback(torch::CppFunction::makeFromBoxedFunction<&onOperator>()); }

bool readsOnHost(const c10::OperatorHandle& op) { return op.hasTag(at::Tag::data_dependent_output); }

bool changes(const c10::FunctionSchema& schema) {
  return std::ranges::any_of(schema.arguments(), [](const c10::Argument& argument) {
    return argument.alias_info() != nullptr && argument.alias_info()->isWrite();
  });
}

bool draws(const c10::OperatorHandle& op) { return op.hasTag(at::Tag::nondeterministic_seeded); }

template <class F>
void eachTensor(const c10::IValue& value, const F& visit) {
  if (value.isTensor()) {
    if (value.toTensor().defined()) visit(value.toTensor());
  } else if (value.isList()) {
    for (const c10::IValue& item : value.toListRef()) {
      if (item.isTensor() && item.toTensor().defined()) visit(item.toTensor());
    }
  }
}

at::Tensor bytesOf(const c10::Storage& storage) {
  const at::Tensor empty = at::empty({0}, at::TensorOptions().dtype(at::kByte).device(storage.device()));
  return empty.set_(storage, 0, {static_cast<int64_t>(storage.nbytes())}, {1});
}

}  // namespace

Unrecorded::Unrecorded() : guard_(kKey) {}

Recorder* Recorder::current() {
  const auto* info = dynamic_cast<const Info*>(c10::ThreadLocalDebugInfo::get(infoKind()));
  return info ? info->recorder : nullptr;
}

void Recorder::refuse(const char* what) {
  if (current() == nullptr) return;
  throw std::invalid_argument(std::string(what) +
                              " cannot be recorded: the step runs again without JavaScript. Give the tensor out of the "
                              "step and read it afterwards");
}

void Recorder::constant(const at::Tensor& tensor) {
  Recorder* recorder = current();
  if (recorder == nullptr || !tensor.has_storage()) return;
  recorder->keep(tensor, false);
  recorder->memory_.at(tensor.storage().unsafeGetStorageImpl()).constant = true;
}

Recorder::Session::Session(Recorder& recorder) : info_(infoKind(), std::make_shared<Info>(recorder)), key_(kKey) {}

Recorder::Recorder(Environment& environment, std::span<const at::Tensor> inputs, std::string library)
    : environment_(environment), library_(std::move(library)) {
  if (current() != nullptr)
    throw std::invalid_argument("a step is being recorded already: compile one after the other");
  std::set<std::pair<at::DeviceType, c10::DeviceIndex>> devices{{at::kCPU, -1}};
  for (const at::Tensor& input : inputs) devices.emplace(input.device().type(), input.device().index());
  for (const auto& [type, index] : devices) {
    const at::Generator& generator = at::globalContext().defaultGenerator(at::Device(type, index));
    random_.emplace_back(generator, generator.get_state());
  }
  for (const at::Tensor& input : inputs) {
    const ValueId value = recorded_.values++;
    values_.emplace(identityOf(input), value);
    keep(input, false);
    if (input.has_storage()) memory_.at(input.storage().unsafeGetStorageImpl()).any = value;
    recorded_.inputs.push_back(value);
    recorded_.looks.emplace_back(input);
  }
}

Recorder::~Recorder() {
  try {
    const at::NoGradGuard noGrad;
    for (auto& [key, memory] : memory_) {
      if (memory.before.defined()) bytesOf(memory.storage).copy_(memory.before);
    }
    for (const auto& [leaf, gradient] : leaves_) leaf.mutable_grad() = gradient;
    for (auto& [generator, state] : random_) generator.set_state(state);
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
  memory_.try_emplace(tensor.storage().unsafeGetStorageImpl(), Memory{tensor.storage(), made, false, {}, kNoValue});
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
    if (at == std::string::npos || line.find("node:") != std::string::npos) continue;
    const size_t own = line.find(library_);
    if (own != std::string::npos && line.find("/experiments/", own) == std::string::npos) continue;
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
    if (const auto column = columnOf(*tensor.const_data_ptr<double>())) {
      recorded_.numbers.push_back({value, column->first, column->second});
      columnUsed_[column->first] = true;
      return value;
    }
  }
  recorded_.externals.push_back(
      {value, tensor, tensor.has_storage() ? tensor.storage().unsafeGetStorageImpl() : nullptr, Look(tensor), where()});
  return value;
}

// Another look at memory that is known, which came about without an operator.
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
  if (tensor.requires_grad() && tensor.is_leaf() && known_.try_emplace(tensor.unsafeGetTensorImpl(), 0).second) {
    leaves_.emplace_back(tensor, tensor.grad());
  }
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

uint32_t Recorder::column(double value) {
  columns_.push_back(value);
  columnUsed_.push_back(false);
  return recorded_.columns++;
}

std::optional<std::pair<uint32_t, bool>> Recorder::columnOf(double value) const {
  for (uint32_t i = 0; i < columns_.size(); i++) {
    if (columns_[i] == value) return std::pair{i, false};
    if (columns_[i] == -value) return std::pair{i, true};
  }
  return std::nullopt;
}

// Takes what differs from run to run out of an argument, and notes where it goes.
void Recorder::takeArgument(Instruction& instruction, uint32_t index, c10::IValue& argument) {
  const auto number = [&](const c10::IValue& value, Place place) {
    if (!value.isDouble()) return;
    const auto column = columnOf(value.toDouble());
    if (!column) return;
    instruction.numbers.push_back({place, column->first, column->second});
    columnUsed_[column->first] = true;
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

void Recorder::record(const c10::OperatorHandle& op, c10::DispatchKeySet keys, torch::jit::Stack& stack) {
  const Unrecorded below;
  const c10::FunctionSchema& schema = op.schema();
  const auto run = [&] {
    op.redispatchBoxed(keys & c10::DispatchKeySet(c10::DispatchKeySet::FULL_AFTER, kKey), &stack);
  };
  if (readsOnHost(op)) refuse("reading a value on the host");
  if (op.hasTag(at::Tag::dynamic_output_shape)) {
    refuse((c10::toString(op.operator_name()) + ", whose result's shape depends on values,").c_str());
  }
  Instruction instruction(op);
  instruction.arguments = stack;
  instruction.where = where();
  for (uint32_t i = 0; i < stack.size(); i++) {
    const auto* alias = schema.arguments()[i].alias_info();
    if (alias && alias->isWrite()) eachTensor(stack[i], [&](const at::Tensor& tensor) { saveBefore(tensor); });
    takeArgument(instruction, i, instruction.arguments[i]);
  }
  const uint32_t before = recorded_.values;
  run();
  for (const c10::IValue& result : stack) {
    if (result.isTensor()) {
      instruction.results.push_back(result.toTensor().defined() ? resultOf(result.toTensor()) : kNoValue);
    } else if (result.isTensorList()) {
      for (const at::Tensor& tensor : result.toTensorVector()) {
        instruction.results.push_back(tensor.defined() ? resultOf(tensor) : kNoValue);
      }
    }
  }
  recorded_.draws = recorded_.draws || draws(op);
  // What gives nothing new and changes nothing (detach, a view of the same shape) need not run.
  const bool pure = !changes(schema) && !draws(op);
  if (pure && recorded_.values == before) return;
  recorded_.instructions.push_back(std::move(instruction));
}

// Leaves out what nothing needs, and notes after which instruction a value is not needed any more.
void Recorder::release() {
  std::vector<bool> needed(recorded_.values, false);
  for (const ValueId value : recorded_.outputs) needed[value] = true;
  for (const auto& [leaf, value] : recorded_.gradients) {
    if (value != kNoValue) needed[value] = true;
  }
  std::vector<bool> permanent = needed;
  for (const External& external : recorded_.externals) permanent[external.value] = true;
  for (const NumberTensor& number : recorded_.numbers) permanent[number.value] = true;
  std::deque<Instruction> kept;
  for (Instruction& instruction : std::views::reverse(recorded_.instructions)) {
    const bool pure = !changes(instruction.op.schema()) && !draws(instruction.op);
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

Recorded Recorder::finish(std::span<const at::Tensor> outputs) {
  for (const at::Tensor& output : outputs) recorded_.outputs.push_back(valueOf(output));
  for (const auto& [leaf, before] : leaves_) {
    const at::Tensor& gradient = leaf.grad();
    if (!gradient.defined() && !before.defined()) continue;
    recorded_.gradients.emplace_back(leaf, gradient.defined() ? valueOf(gradient) : kNoValue);
  }
  for (size_t i = 0; i < columns_.size(); i++) {
    if (columnUsed_[i]) continue;
    throw std::logic_error("a number that changes from step to step went into no operator as it is");
  }
  release();
  return std::move(recorded_);
}

}  // namespace torch_node

// Finds chains of layers in recorded steps.
#include "fusion.h"

#include <algorithm>
#include <unordered_map>

#include "js/errors.h"
#include "calls.h"
#include "fusedChain.h"
#include "fusedSgd.h"
#include "recorder.h"

namespace torch_node {

namespace {

using fused::Layer;

// Raised within this file only: why a step has no chain.
class NotFused : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

std::vector<int64_t> integers(const c10::IValue& value) {
  std::vector<int64_t> out;
  for (const c10::IValue& item : value.toListRef()) {
    out.push_back(item.isInt() ? item.toInt() : item.toSymInt().guard_int(__FILE__, __LINE__));
  }
  return out;
}

bool allAre(const std::vector<int64_t>& list, int64_t value) {
  return std::ranges::all_of(list, [value](int64_t item) { return item == value; });
}

int64_t integer(const c10::IValue& value) {
  return value.isInt() ? value.toInt() : value.toSymInt().guard_int(__FILE__, __LINE__);
}

// A layer as it was found: its values, and the instructions of its forward pass.
struct Found {
  Layer layer{Layer::Kind::kFlatten};
  const Instruction* forward = nullptr;
  ValueId input = kNoValue;
  ValueId output = kNoValue;
  ValueId weight = kNoValue;
  ValueId bias = kNoValue;
  ValueId indices = kNoValue;  // of a pool
  ValueId weightGradient = kNoValue;
  ValueId biasGradient = kNoValue;
};

class Finder {
 public:
  explicit Finder(const Recorded& recorded);
  Fusion find();

 private:
  [[nodiscard]] static bool is(const Instruction& instruction, std::string_view name) {
    return instruction.op.operator_name().name == name;
  }
  // The instruction of a name whose argument is the value, if there is one.
  [[nodiscard]] const Instruction* user(ValueId value, std::string_view name, uint32_t index) const;
  [[nodiscard]] const at::Tensor* parameter(ValueId value) const;

  void walkForward(ValueId input);
  bool step(ValueId value);
  bool linear(ValueId value);
  void walkBackward();
  ValueId back(Found& found, ValueId gradient);
  void backLinear(Found& found, ValueId gradient);
  void take(const Instruction* instruction) { taken_[static_cast<size_t>(instruction - first_)] = true; }
  void takeViews();
  void checkOutside(const Instruction& instruction) const;
  void checkInside(const std::vector<ValueId>& shown) const;
  [[nodiscard]] bool isShown(ValueId value) const;
  [[nodiscard]] static fused::Shape shape(const TensorMeta& meta);

  // It outlives the finder, which is never copied.
  const Recorded& recorded_;  // NOLINT(cppcoreguidelines-avoid-const-or-ref-data-members)
  const Instruction* first_;
  std::vector<bool> taken_;
  std::vector<std::vector<const Instruction*>> users_;  // by value
  std::unordered_map<ValueId, const External*> externals_;
  std::unordered_map<ValueId, ValueId> transposed_;  // by the value of t()
  std::vector<Found> layers_;
  ValueId input_ = kNoValue;
  size_t inputIndex_ = 0;
  ValueId logitsGradient_ = kNoValue;
  const Instruction* firstForward_ = nullptr;
  const Instruction* firstBackward_ = nullptr;
};

Finder::Finder(const Recorded& recorded)
    : recorded_(recorded),
      first_(recorded.instructions.data()),
      taken_(recorded.instructions.size()),
      users_(recorded.values) {
  for (const Instruction& instruction : recorded.instructions) {
    for (const auto& use : instruction.uses) users_[use.value].push_back(&instruction);
    if (is(instruction, "aten::t")) transposed_[instruction.results[0]] = instruction.argument(0);
  }
  for (const External& external : recorded.externals) externals_[external.value] = &external;
}

const Instruction* Finder::user(ValueId value, std::string_view name, uint32_t index) const {
  if (value == kNoValue) return nullptr;
  for (const Instruction* each : users_[value]) {
    if (is(*each, name) && each->argument(index) == value) return each;
  }
  return nullptr;
}

const at::Tensor* Finder::parameter(ValueId value) const {
  const auto found = externals_.find(value);
  if (found == externals_.end()) return nullptr;
  const at::Tensor& tensor = found->second->tensor;
  return tensor.is_cpu() && tensor.scalar_type() == at::kFloat && tensor.is_contiguous() ? &tensor : nullptr;
}

bool Finder::linear(ValueId value) {
  const Instruction* with = user(value, "aten::addmm", 1);
  const Instruction* without = user(value, "aten::mm", 0);
  const Instruction* found = with != nullptr ? with : without;
  if (found == nullptr) return false;
  const auto weight = transposed_.find(found->argument(with ? 2 : 1));
  if (weight == transposed_.end()) return false;
  const at::Tensor* matrix = parameter(weight->second);
  if (matrix == nullptr || matrix->dim() != 2) return false;
  Found layer;
  layer.bias = with ? found->argument(0) : kNoValue;
  if (with != nullptr && (parameter(layer.bias) == nullptr || found->arguments[3].toScalar().toDouble() != 1 ||
                          found->arguments[4].toScalar().toDouble() != 1)) {
    return false;
  }
  layer.layer.kind = Layer::Kind::kLinear;
  layer.layer.inputs = matrix->size(1);
  layer.layer.outputs = matrix->size(0);
  layer.layer.bias = with != nullptr;
  layer.weight = weight->second;
  layer.forward = found;
  layer.input = value;
  layer.output = found->results[0];
  layers_.push_back(layer);
  return true;
}

// One layer more, if the value goes into one.
bool Finder::step(ValueId value) {
  Found found;
  found.input = value;
  const auto add = [&](const Instruction* forward, Layer layer) {
    found.layer = layer;
    found.forward = forward;
    found.output = forward->results[0];
    layers_.push_back(found);
    return true;
  };
  if (const Instruction* conv = user(value, "aten::convolution", 0)) {
    const auto& a = conv->arguments;
    const at::Tensor* weight = parameter(conv->argument(1));
    found.weight = conv->argument(1);
    found.bias = conv->argument(2);
    if (weight == nullptr || weight->dim() != 4 || (found.bias != kNoValue && parameter(found.bias) == nullptr) ||
        !allAre(integers(a[3]), 1) || !allAre(integers(a[5]), 1) || a[6].toBool() || integer(a[8]) != 1) {
      throw NotFused("a convolution with a stride, a dilation, groups or another layout (" + conv->where + ")");
    }
    const auto padding = integers(a[4]);
    Layer layer{Layer::Kind::kConvolution};
    layer.inputs = weight->size(1);
    layer.outputs = weight->size(0);
    layer.kernelHeight = weight->size(2);
    layer.kernelWidth = weight->size(3);
    layer.paddingHeight = padding.front();
    layer.paddingWidth = padding.back();
    layer.bias = found.bias != kNoValue;
    return add(conv, layer);
  }
  if (const Instruction* pool = user(value, "aten::max_pool2d_with_indices", 0)) {
    const auto& a = pool->arguments;
    const auto kernel = integers(a[1]);
    const auto stride = integers(a[2]);
    if (kernel.front() != kernel.back() || (!stride.empty() && !allAre(stride, kernel.front())) ||
        !allAre(integers(a[3]), 0) || !allAre(integers(a[4]), 1) || a[5].toBool()) {
      throw NotFused("a max pool with windows that are not square, overlap or leave something out (" + pool->where +
                     ")");
    }
    Layer layer{Layer::Kind::kMaxPool};
    layer.kernelHeight = layer.kernelWidth = kernel.front();
    found.indices = pool->results[1];
    return add(pool, layer);
  }
  if (const Instruction* relu = user(value, "aten::relu", 0)) return add(relu, {Layer::Kind::kRelu});
  if (const Instruction* tanh = user(value, "aten::tanh", 0)) return add(tanh, {Layer::Kind::kTanh});
  if (const Instruction* leaky = user(value, "aten::leaky_relu", 0)) {
    Layer layer{Layer::Kind::kLeakyRelu};
    layer.slope = static_cast<float>(leaky->arguments[1].toScalar().toDouble());
    return add(leaky, layer);
  }
  if (linear(value)) return true;
  const Instruction* view = user(value, "aten::view", 0);
  if (view != nullptr && integers(view->arguments[1]).size() == 2 &&
      integers(view->arguments[1])[0] == recorded_.metas[inputIndex_].sizes[0]) {
    return add(view, {Layer::Kind::kFlatten});
  }
  return false;
}

void Finder::walkForward(ValueId input) {
  ValueId value = input;
  while (step(value)) value = layers_.back().output;
  // What follows the last layer with parameters belongs to the loss.
  while (!layers_.empty() && layers_.back().weight == kNoValue) layers_.pop_back();
}

// The gradients of a linear layer's parameters.
void Finder::backLinear(Found& found, ValueId gradient) {
  for (const Instruction* each : users_[gradient]) {
    if (is(*each, "aten::t")) {
      const Instruction* product = user(each->results[0], "aten::mm", 0);
      if (product == nullptr || product->argument(1) != found.input) continue;
      take(each);
      take(product);
      found.weightGradient = product->results[0];
    } else if (is(*each, "aten::sum") && each->op.operator_name().overload_name == "dim_IntList") {
      const Instruction* view = user(each->results[0], "aten::view", 0);
      if (view == nullptr || !allAre(integers(each->arguments[1]), 0)) continue;
      take(each);
      take(view);
      found.biasGradient = view->results[0];
    }
  }
}

// Takes the instructions of a layer's backward pass; gives the gradient of its input, if that was computed.
ValueId Finder::back(Found& found, ValueId gradient) {
  const auto taken = [&](const Instruction* instruction, size_t result = 0) {
    if (!instruction) return kNoValue;
    take(instruction);
    return instruction->results[result];
  };
  const auto with = [&](std::string_view name, uint32_t index, ValueId value) -> const Instruction* {
    const Instruction* instruction = user(gradient, name, 0);
    return instruction && instruction->argument(index) == value ? instruction : nullptr;
  };
  switch (found.layer.kind) {
    case Layer::Kind::kRelu: return taken(with("aten::threshold_backward", 1, found.output));
    case Layer::Kind::kTanh: return taken(with("aten::tanh_backward", 1, found.output));
    case Layer::Kind::kLeakyRelu: return taken(with("aten::leaky_relu_backward", 1, found.input));
    case Layer::Kind::kFlatten: return taken(user(gradient, "aten::view", 0));
    case Layer::Kind::kMaxPool: {
      const Instruction* pool = with("aten::max_pool2d_with_indices_backward", 1, found.input);
      return pool && pool->argument(7) == found.indices ? taken(pool) : kNoValue;
    }
    case Layer::Kind::kConvolution: {
      const Instruction* conv = with("aten::convolution_backward", 1, found.input);
      if (!conv || conv->argument(2) != found.weight) return kNoValue;
      take(conv);
      found.weightGradient = conv->results[1];
      found.biasGradient = conv->results[2];
      return conv->results[0];
    }
    case Layer::Kind::kLinear: {
      backLinear(found, gradient);
      return taken(with("aten::mm", 1, found.weight));
    }
  }
  return kNoValue;
}

void Finder::walkBackward() {
  // The gradient of the logits: what the last linear layer's backward pass begins with.
  const Found& last = layers_.back();
  for (const Instruction& each : recorded_.instructions) {
    const bool product = last.layer.kind == Layer::Kind::kLinear && is(each, "aten::mm") &&
                         each.argument(1) == last.input && transposed_.contains(each.argument(0));
    const bool conv = last.layer.kind == Layer::Kind::kConvolution && is(each, "aten::convolution_backward") &&
                      each.argument(1) == last.input && each.argument(2) == last.weight;
    if (product) logitsGradient_ = transposed_.at(each.argument(0));
    if (conv) logitsGradient_ = each.argument(0);
  }
  if (logitsGradient_ == kNoValue) return;
  ValueId gradient = logitsGradient_;
  for (size_t i = layers_.size(); i-- > 0 && gradient != kNoValue;) gradient = back(layers_[i], gradient);
  if (gradient != kNoValue) throw NotFused("the gradient of the input is asked for");
  for (const Found& found : layers_) {
    if (found.weight == kNoValue || found.weightGradient != kNoValue) continue;
    const at::Tensor& weight = externals_.at(found.weight)->tensor;
    if (weight.requires_grad()) {
      throw NotFused("the backward pass is not that of the layers alone (" + found.forward->where + ")");
    }
  }
}

bool Finder::isShown(ValueId value) const {
  return std::ranges::find(recorded_.outputs, value) != recorded_.outputs.end() ||
         std::ranges::any_of(recorded_.gradients,
                             [value](const Gradient& gradient) { return gradient.after == value; });
}

// Other views of the same memory that only the chain needs.
void Finder::takeViews() {
  for (size_t i = taken_.size(); i-- > 0;) {
    const Instruction& instruction = first_[i];
    if (taken_[i] || !(is(instruction, "aten::t") || is(instruction, "aten::view"))) continue;
    const ValueId result = instruction.results[0];
    if (isShown(result)) continue;
    taken_[i] = std::ranges::all_of(
        users_[result], [this](const Instruction* user) { return taken_[static_cast<size_t>(user - first_)]; });
  }
}

// Parameters have to be what they were when the step began.
void Finder::checkOutside(const Instruction& instruction) const {
  if (firstBackward_ != nullptr && &instruction > firstBackward_) return;
  for (const auto& use : instruction.uses) {
    if (isWritten(instruction.op.schema().arguments()[use.place.argument]) && externals_.contains(use.value) &&
        parameter(use.value) != nullptr &&
        std::ranges::any_of(layers_, [&](const Found& f) { return f.weight == use.value || f.bias == use.value; })) {
      throw NotFused("a parameter is changed before the backward pass (" + instruction.where + ")");
    }
  }
}

// Nothing outside of the chain may need what is inside.
void Finder::checkInside(const std::vector<ValueId>& shown) const {
  for (size_t i = 0; i < taken_.size(); i++) {
    const Instruction& instruction = first_[i];
    if (!taken_[i]) {
      checkOutside(instruction);
      continue;
    }
    for (const ValueId result : instruction.results) {
      if (result == kNoValue || std::ranges::find(shown, result) != shown.end()) continue;
      if (isShown(result)) throw NotFused("the step gives something from within the chain (" + instruction.where + ")");
      for (const Instruction* user : users_[result]) {
        if (taken_[static_cast<size_t>(user - first_)]) continue;
        throw NotFused("something from within the chain is used elsewhere (" + user->where + ")");
      }
    }
  }
}

fused::Shape Finder::shape(const TensorMeta& meta) {
  const auto& s = meta.sizes;
  if (!meta.isContiguous()) throw NotFused("the input is not contiguous");
  if (s.size() == 4) return {s[1], s[2], s[3]};
  if (s.size() == 2) return {s[1], 1, 1};
  throw NotFused("the input is neither images [N, C, H, W] nor vectors [N, features]");
}

Fusion Finder::find() {
  for (size_t i = 0; i < recorded_.inputs.size() && layers_.empty(); i++) {
    const TensorMeta& meta = recorded_.metas[i];
    if (!meta.device.is_cpu() || meta.type != at::kFloat) continue;
    input_ = recorded_.inputs[i];
    inputIndex_ = i;
    walkForward(input_);
  }
  if (layers_.empty()) throw NotFused("no float32 input on the CPU goes through a layer that is known here");
  for (const Found& found : layers_) take(found.forward);
  firstForward_ = &first_[std::ranges::find(taken_, true) - taken_.begin()];
  const std::vector<bool> forwardOnly = taken_;
  walkBackward();
  for (size_t i = 0; i < taken_.size() && !firstBackward_; i++) {
    if (taken_[i] && !forwardOnly[i]) firstBackward_ = &first_[i];
  }
  const ValueId logits = layers_.back().output;
  std::vector<ValueId> shown{logits};
  std::vector<Layer> layers;
  for (const Found& found : layers_) {
    layers.push_back(found.layer);
    shown.insert(shown.end(), {found.weightGradient, found.biasGradient});
  }
  takeViews();
  checkInside(shown);
  const TensorMeta& meta = recorded_.metas[inputIndex_];
  if (const auto whyNot = fused::Chain::whyNot(layers, shape(meta))) {
    const Found& first = layers_[std::min(whyNot->layer, layers_.size() - 1)];
    throw NotFused(whyNot->words + " (" + first.forward->where + ")");
  }
  if (meta.sizes[0] < 1 || meta.sizes[0] > fused::Chain::kLargestBatch) {
    throw NotFused("a batch of " + std::to_string(meta.sizes[0]) + " is not one of 1 to " +
                   std::to_string(fused::Chain::kLargestBatch));
  }

  auto engine = std::make_shared<ChainEngine>(fused::Chain(layers, shape(meta)));
  engine->input = input_;
  engine->logits = logits;
  engine->logitsGradient = logitsGradient_;
  engine->batch = meta.sizes[0];
  engine->keeps = firstBackward_ != nullptr;
  const fused::Shape sample = engine->chain.outputShape();
  if (layers_.back().layer.kind == Layer::Kind::kConvolution) {
    engine->outputShape = {meta.sizes[0], sample.channels, sample.height, sample.width};
  } else {
    engine->outputShape = {meta.sizes[0], sample.channels};
  }
  for (const Found& found : layers_) {
    if (found.weight == kNoValue) continue;
    engine->parameters.push_back(found.weight);
    engine->gradients.push_back(found.weightGradient);
    if (found.bias == kNoValue) continue;
    engine->parameters.push_back(found.bias);
    engine->gradients.push_back(found.biasGradient);
  }
  Fusion fusion;
  const std::shared_ptr<FusedKernel> forward = forwardKernel(engine);
  fusion.pieces.push_back({static_cast<size_t>(firstForward_ - first_), forward});
  std::shared_ptr<FusedKernel> backward;
  if (firstBackward_) {
    backward = backwardKernel(engine);
    fusion.pieces.push_back({static_cast<size_t>(firstBackward_ - first_), backward});
  }
  if (!agrees(recorded_, taken_, *engine, meta.sizes, *forward, backward.get(), firstBackward_)) {
    throw NotFused("on random numbers the fused kernels do not give what libtorch's give");
  }
  if (std::ranges::all_of(users_[input_],
                          [this](const Instruction* user) { return taken_[static_cast<size_t>(user - first_)]; }) &&
      !isShown(input_)) {
    fusion.rows = inputIndex_;
  }
  fusion.skipped = std::move(taken_);
  return fusion;
}

}  // namespace

FusionOutcome fuse(const Recorded& recorded) {
  const Unrecorded outside;
  const at::NoGradGuard noGrad;
  try {
    FusionOutcome outcome{Finder(recorded).find(), ""};
    fuseSgd(recorded, *outcome.fusion);
    return outcome;
  } catch (const NotFused& reason) {
    return {std::nullopt, reason.what()};
  } catch (const std::exception& error) {
    // The step itself has run: what went wrong here is the fusion's, and the step can do without.
    return {std::nullopt, "the fused kernels could not be tried: " + firstLine(error)};
  }
}

}  // namespace torch_node

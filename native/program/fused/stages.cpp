// From layers to stages, with what a chain cannot do.
#include "stages.h"

#include <utility>

namespace torch_node::fused {

namespace {

// Larger networks would need more scratch memory than caches have, and gain nothing.
constexpr int64_t kLargestSize = int64_t{1} << 20;

// Reads layers one at a time into stages.
class Reader {
 public:
  explicit Reader(Shape shape) : shape_(shape) {}

  std::optional<std::string> read(const Layer& layer) {
    switch (layer.kind) {
      case Layer::Kind::kConvolution: return convolution(layer);
      case Layer::Kind::kLinear: return linear(layer);
      case Layer::Kind::kMaxPool: return pool(layer);
      case Layer::Kind::kRelu: return activation(Activation::kRelu, 0.0F);
      case Layer::Kind::kLeakyRelu: return activation(Activation::kLeakyRelu, layer.slope);
      case Layer::Kind::kTanh: return activation(Activation::kTanh, 0.0F);
      case Layer::Kind::kFlatten: shape_ = {size(), 1, 1}; return std::nullopt;
    }
    return "an unknown kind of layer";
  }

  [[nodiscard]] std::vector<Stage>& stages() { return stages_; }

 private:
  [[nodiscard]] int64_t size() const { return shape_.channels * shape_.height * shape_.width; }

  void add(Stage stage, const Layer& layer) {
    stage.outputs = layer.outputs;
    stage.weight = parameters_++;
    if (layer.bias) stage.bias = parameters_++;
    shape_ = {stage.outputs, stage.rows, stage.columns};
    stages_.push_back(std::move(stage));
    active_ = false;
    pooled_ = false;
  }

  std::optional<std::string> convolution(const Layer& layer) {
    if (layer.inputs != shape_.channels) {
      return "the convolution takes " + std::to_string(layer.inputs) + " channels, but has " +
             std::to_string(shape_.channels);
    }
    if (!stages_.empty() && !stages_.back().convolution) return "a convolution after a linear layer";
    if (!stages_.empty() && (shape_.height != stages_.back().rows || shape_.width != stages_.back().columns)) {
      return "a convolution after a flatten";
    }
    if (layer.outputs < 1 || layer.kernelHeight < 1 || layer.kernelWidth < 1 || layer.paddingHeight < 0 ||
        layer.paddingWidth < 0 || layer.paddingHeight >= layer.kernelHeight ||
        layer.paddingWidth >= layer.kernelWidth) {
      return "a convolution whose padding is not smaller than its filter";
    }
    Stage stage;
    stage.convolution = true;
    stage.inputs = shape_.channels;
    stage.height = shape_.height;
    stage.width = shape_.width;
    stage.kernelHeight = layer.kernelHeight;
    stage.kernelWidth = layer.kernelWidth;
    stage.paddingHeight = layer.paddingHeight;
    stage.paddingWidth = layer.paddingWidth;
    stage.rows = stage.paddedHeight() - stage.kernelHeight + 1;
    stage.columns = stage.paddedWidth() - stage.kernelWidth + 1;
    if (stage.rows < 1 || stage.columns < 1) return "the filter is larger than its input";
    add(std::move(stage), layer);
    return std::nullopt;
  }

  std::optional<std::string> linear(const Layer& layer) {
    // Without a flatten it would act on the last dimension alone.
    if (shape_.height != 1 || shape_.width != 1) return "a linear layer on images that are not flattened";
    if (layer.inputs != shape_.channels) {
      return "the linear layer takes " + std::to_string(layer.inputs) + " features, but has " +
             std::to_string(shape_.channels);
    }
    if (layer.outputs < 1) return "a linear layer without outputs";
    Stage stage;
    stage.inputs = layer.inputs;
    add(std::move(stage), layer);
    return std::nullopt;
  }

  std::optional<std::string> pool(const Layer& layer) {
    if (stages_.empty() || !stages_.back().convolution || pooled_) return "a pool that does not follow a convolution";
    Stage& stage = stages_.back();
    const int64_t side = layer.kernelHeight;
    if (side < 1 || side != layer.kernelWidth) return "windows that are not square";
    if (shape_.height != stage.rows || shape_.width != stage.columns) return "a pool after a flatten";
    if (stage.rows < side || stage.columns < side) return "windows that are larger than their input";
    stage.pool = side;
    stage.rows /= side;
    stage.columns /= side;
    shape_ = {stage.outputs, stage.rows, stage.columns};
    pooled_ = true;
    return std::nullopt;
  }

  std::optional<std::string> activation(Activation kind, float slope) {
    if (stages_.empty() || active_) return "an activation that does not follow a convolution or a linear layer";
    // A negative slope does not keep the order, so that the activation could not change places with the pool, and the
    // sign of what comes out would not tell that of what went in.
    if (kind == Activation::kLeakyRelu && !(slope >= 0.0F)) return "a leaky ReLU with a negative slope";
    stages_.back().activation = kind;
    stages_.back().slope = slope;
    active_ = true;
    return std::nullopt;
  }

  Shape shape_;
  std::vector<Stage> stages_;
  int64_t parameters_ = 0;
  bool active_ = false;
  bool pooled_ = false;
};

}  // namespace

std::optional<WhyNot> readStages(const std::vector<Layer>& layers, Shape shape, std::vector<Stage>& stages) {
  if (shape.channels < 1 || shape.height < 1 || shape.width < 1) return WhyNot{0, "an input without values"};
  Reader reader(shape);
  for (size_t i = 0; i < layers.size(); i++) {
    if (auto why = reader.read(layers[i])) return WhyNot{i, *why};
  }
  if (reader.stages().empty()) return WhyNot{0, "no layer that has parameters"};
  for (const Stage& stage : reader.stages()) {
    if (stage.inputs * stage.paddedHeight() * stage.paddedWidth() > kLargestSize ||
        stage.outputs * stage.windows() * stage.pool * stage.pool > kLargestSize) {
      return WhyNot{layers.size() - 1, "more than 1048576 values of a sample in one layer"};
    }
  }
  stages = std::move(reader.stages());
  return std::nullopt;
}

}  // namespace torch_node::fused

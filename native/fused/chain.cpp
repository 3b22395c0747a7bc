// Plans a chain of layers: which of them go together, where their values lie in scratch memory, and in what order the
// vector kernels run. Which set of instructions those use is decided here, at run time.
#include "chain.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <new>
#include <stdexcept>
#include <utility>

namespace torch_node::fused {

namespace {

constexpr std::align_val_t kAlignment{64};

// Zeros, aligned for the widest vectors.
class Floats {
 public:
  Floats() = default;
  explicit Floats(int64_t count) : count_(count), data_(static_cast<float*>(::operator new(bytes(count), kAlignment))) {
    std::memset(data_.get(), 0, bytes(count));
  }
  [[nodiscard]] float* data() const { return data_.get(); }
  [[nodiscard]] int64_t count() const { return count_; }

 private:
  static size_t bytes(int64_t count) { return static_cast<size_t>(count) * sizeof(float); }
  struct Free {
    void operator()(float* data) const { ::operator delete(data, kAlignment); }
  };
  int64_t count_ = 0;
  std::unique_ptr<float, Free> data_;
};

const Kernels* kernelsFor(Isa isa) {
#if defined(__x86_64__) && defined(__GNUC__)
  const bool avx512 = __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
                      __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
  const bool avx2 = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
#else
  const bool avx512 = false;
  const bool avx2 = false;
#endif
  const Kernels* kernels = nullptr;
  if (avx512 && (isa == Isa::kBest || isa == Isa::kAvx512)) kernels = kernelsAvx512();
  if (kernels == nullptr && avx2 && (isa == Isa::kBest || isa == Isa::kAvx2)) kernels = kernelsAvx2();
  if (kernels == nullptr && (isa == Isa::kBest || isa == Isa::kBaseline)) kernels = kernelsBaseline();
  return kernels;
}

// A convolution or a linear layer with what follows it.
struct Stage {
  bool convolution = false;
  int64_t inputs = 0;
  int64_t height = 1;
  int64_t width = 1;
  int64_t kernelHeight = 1;
  int64_t kernelWidth = 1;
  int64_t paddingHeight = 0;
  int64_t paddingWidth = 0;
  int64_t outputs = 0;
  int64_t pool = 1;
  // Of the output, pooled.
  int64_t rows = 1;
  int64_t columns = 1;
  Activation activation = Activation::kNone;
  float slope = 0.0F;
  int64_t weight = 0;
  int64_t bias = -1;

  // In a block: the input, padded; the chosen positions.
  int64_t input = 0;
  int64_t codes = 0;
  Place inputPlace{};
  // In a block's part of the memory that backward uses.
  int64_t gradient = 0;
  int64_t pictures = 0;
  int64_t sampleGradients = 0;
  int64_t sampleCodes = 0;
  int64_t spread = 0;
  // Between samples.
  int64_t pictureStride = 0;
  int64_t sampleStride = 0;
  // Where in a block the values of a picture in [y][x][channel] lie.
  std::vector<int64_t> order;
  // The weight as Deconvolve wants it.
  Floats flipped;

  [[nodiscard]] int64_t paddedHeight() const { return height + (2 * paddingHeight); }
  [[nodiscard]] int64_t paddedWidth() const { return width + (2 * paddingWidth); }
  [[nodiscard]] int64_t windows() const { return rows * columns; }
  [[nodiscard]] int64_t inputSize() const { return inputs * height * width; }
  [[nodiscard]] int64_t outputSize() const { return outputs * windows(); }
  [[nodiscard]] int64_t weightSize() const { return outputs * inputs * kernelHeight * kernelWidth; }
  // Columns of zeros for filters, and for tiles of four columns, that reach over the edge.
  [[nodiscard]] int64_t margin() const { return std::max<int64_t>(kernelWidth - 1, 3); }
};

// Larger networks would need more scratch memory than caches have, and gain nothing.
constexpr int64_t kLargestSize = int64_t{1} << 20;

std::string layerNamed(size_t i, const std::string& what) { return "layer " + std::to_string(i) + ": " + what; }

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

std::optional<std::string> read(Reader& reader, const std::vector<Layer>& layers, Shape shape) {
  if (shape.channels < 1 || shape.height < 1 || shape.width < 1) return "an input without values";
  for (size_t i = 0; i < layers.size(); i++) {
    if (auto why = reader.read(layers[i])) return layerNamed(i, *why);
  }
  if (reader.stages().empty()) return "no layer that has parameters";
  for (const Stage& stage : reader.stages()) {
    if (stage.inputs * stage.paddedHeight() * stage.paddedWidth() > kLargestSize ||
        stage.outputs * stage.windows() * stage.pool * stage.pool > kLargestSize) {
      return "more than 1048576 values of a sample in one layer";
    }
  }
  return std::nullopt;
}

}  // namespace

struct Chain::Plan {
  std::vector<Stage> stages;
  const Kernels* kernels;
  int64_t lanes;
  // Samples that go through all layers together: what a vector or several hold, about 32.
  int64_t groupBlocks;
  int64_t batch = 0;

  // Floats of a block, and its output's place in it.
  int64_t blockSize = 0;
  int64_t output = 0;
  Floats blocks;
  int64_t workSize = 0;
  Floats work;

  std::vector<const uint8_t*> bytes;
  std::vector<const float*> rows;
  std::vector<const float*> pictures;
  std::vector<const float*> sampleGradients;
  std::vector<const int32_t*> sampleCodes;
  std::vector<float> outputs;
  std::vector<float> outputGradient;

  [[nodiscard]] int64_t inputSize() const { return stages.front().inputSize(); }
  [[nodiscard]] int64_t outputSize() const { return stages.back().outputSize(); }
  [[nodiscard]] int64_t roundUp(int64_t count) const { return (count + lanes - 1) / lanes * lanes; }
  [[nodiscard]] int64_t blocksOf(int64_t samples) const { return (samples + lanes - 1) / lanes; }
  [[nodiscard]] float* block(int64_t i) const { return blocks.data() + (i * blockSize); }
  [[nodiscard]] float* workOf(int64_t i) const { return work.data() + (i * workSize); }

  // The place of what stage i puts out, which is where the next one reads.
  [[nodiscard]] Place placeAfter(size_t i) const {
    if (i + 1 < stages.size() && stages[i + 1].convolution) return stages[i + 1].inputPlace;
    const Stage& stage = stages[i];
    return {0, stage.windows() * lanes, stage.columns * lanes};
  }
  [[nodiscard]] int64_t outputOf(size_t i) const { return i + 1 < stages.size() ? stages[i + 1].input : output; }

  void place();
  void reserve(int64_t samples);
  void loadGroup(const Input& input, int64_t first, int64_t samples, float* to);
  void forwardGroup(float* from, int64_t count, const float* const* parameters, bool keep);
  void backwardGroup(float* from, int64_t samples, const float* const* parameters, float* const* gradients,
                     bool accumulate);
  void convolutionBackward(size_t i, float* from, int64_t samples, float* gradient, bool accumulate);
  void linearBackward(size_t i, float* from, int64_t samples, float* gradient, bool accumulate);
  void inputGradient(size_t i, float* from, int64_t count, const float* const* parameters);
  void flip(const float* const* parameters);
};

// Lays everything out. A vector's worth of room stays free behind each part, since the last vectors reach over its end.
void Chain::Plan::place() {
  const auto take = [this](int64_t& size, int64_t count) {
    const int64_t at = size;
    size += roundUp(count) + (16 * lanes);
    return at;
  };
  for (size_t i = 0; i < stages.size(); i++) {
    Stage& stage = stages[i];
    const int64_t row = stage.paddedWidth() * lanes;
    const int64_t plane = stage.paddedHeight() * row;
    stage.inputPlace = {(stage.paddingHeight * row) + (stage.paddingWidth * lanes), plane, row};
    // Transposing reads whole squares of lanes x lanes values.
    stage.input = take(blockSize, (stage.inputs * plane) + (lanes * lanes));
    if (stage.pool > 1) stage.codes = take(blockSize, stage.outputSize() * lanes);

    stage.gradient = take(workSize, (stage.outputSize() * lanes) + (lanes * lanes));
    const int64_t values = stage.inputs * stage.paddedHeight() * stage.paddedWidth();
    stage.pictureStride = roundUp(values) + (2 * lanes);
    stage.pictures = take(workSize, stage.pictureStride * lanes);
    if (!stage.convolution) continue;
    stage.sampleStride = roundUp(stage.outputSize()) + lanes;
    stage.sampleGradients = take(workSize, stage.sampleStride * lanes);
    if (stage.pool > 1) stage.sampleCodes = take(workSize, stage.sampleStride * lanes);
    if (i > 0) {
      const int64_t wide = (stage.columns * stage.pool) + (2 * stage.margin());
      stage.spread = take(workSize, stage.outputs * stage.rows * stage.pool * wide * lanes);
      stage.flipped = Floats(stage.weightSize());
    }
    stage.order.resize(static_cast<size_t>(roundUp(values)), 0);
    for (int64_t j = 0; j < values; j++) {
      stage.order[static_cast<size_t>(j)] = ((j % stage.inputs) * plane) + (j / stage.inputs * lanes);
    }
  }
  output = take(blockSize, (outputSize() * lanes) + (lanes * lanes));
  work = Floats(workSize * groupBlocks);
}

void Chain::Plan::reserve(int64_t samples) {
  const int64_t size = std::max(blocksOf(samples), groupBlocks) * blockSize;
  if (blocks.count() < size) blocks = Floats(size);
}

void Chain::Plan::loadGroup(const Input& input, int64_t first, int64_t samples, float* to) {
  const Stage& stage = stages.front();
  const int64_t size = inputSize();
  const bool padded = stage.paddingHeight > 0 || stage.paddingWidth > 0;
  for (int64_t done = 0; done < samples; done += lanes, to += blockSize) {
    const int64_t count = std::min(lanes, samples - done);
    for (int64_t l = 0; l < count; l++) {
      const int64_t i = first + done + l;
      const auto at = static_cast<size_t>(l);
      if (input.images != nullptr) {
        bytes[at] = input.images + ((input.index != nullptr ? input.index[i] : i) * size);
      } else {
        rows[at] = input.values + (i * size);
      }
    }
    Load load{.bytes = input.images != nullptr ? bytes.data() : nullptr,
              .floats = rows.data(),
              .table = input.table,
              .samples = count,
              .segments = 1,
              .rows = 1,
              .length = size,
              .block = to + stage.input,
              .place = {0, 0, 0}};
    if (padded) {
      load.segments = stage.inputs * stage.height;
      load.rows = stage.height;
      load.length = stage.width;
      load.place = stage.inputPlace;
    }
    kernels->load(load);
  }
}

void Chain::Plan::forwardGroup(float* from, int64_t count, const float* const* parameters, bool /*keep*/) {
  for (size_t i = 0; i < stages.size(); i++) {
    const Stage& stage = stages[i];
    const float* bias = stage.bias < 0 ? nullptr : parameters[stage.bias];
    if (!stage.convolution) {
      kernels->product({.block = from + stage.input,
                        .blockStride = blockSize,
                        .blocks = count,
                        .inputs = stage.inputs,
                        .outputs = stage.outputs,
                        .weight = parameters[stage.weight],
                        .transposed = false,
                        .bias = bias,
                        .activation = stage.activation,
                        .slope = stage.slope,
                        .out = from + outputOf(i),
                        .outStride = blockSize});
      continue;
    }
    for (int64_t b = 0; b < count; b++) {
      float* block = from + (b * blockSize);
      kernels->convolve({.block = block + stage.input,
                         .channels = stage.inputs,
                         .height = stage.paddedHeight(),
                         .width = stage.paddedWidth(),
                         .kernelHeight = stage.kernelHeight,
                         .kernelWidth = stage.kernelWidth,
                         .outputs = stage.outputs,
                         .pool = stage.pool,
                         .rows = stage.rows,
                         .columns = stage.columns,
                         .weight = parameters[stage.weight],
                         .bias = bias,
                         .activation = stage.activation,
                         .slope = stage.slope,
                         .out = block + outputOf(i),
                         .place = placeAfter(i),
                         .codes = reinterpret_cast<int32_t*>(block + stage.codes)});
    }
  }
}

void Chain::Plan::convolutionBackward(size_t i, float* from, int64_t samples, float* gradient, bool accumulate) {
  const Stage& stage = stages[i];
  for (int64_t b = 0; b < blocksOf(samples); b++) {
    float* block = from + (b * blockSize);
    float* own = workOf(b);
    kernels->transpose({.block = block + stage.input,
                        .from = stage.order.data(),
                        .count = stage.inputs * stage.paddedHeight() * stage.paddedWidth(),
                        .out = own + stage.pictures,
                        .stride = stage.pictureStride});
    kernels->transpose({.block = own + stage.gradient,
                        .from = nullptr,
                        .count = stage.outputSize(),
                        .out = own + stage.sampleGradients,
                        .stride = stage.sampleStride});
    if (stage.pool > 1) {
      kernels->transpose({.block = block + stage.codes,
                          .from = nullptr,
                          .count = stage.outputSize(),
                          .out = own + stage.sampleCodes,
                          .stride = stage.sampleStride});
    }
    for (int64_t l = 0; l < std::min(lanes, samples - (b * lanes)); l++) {
      const auto at = static_cast<size_t>((b * lanes) + l);
      pictures[at] = own + stage.pictures + (l * stage.pictureStride);
      sampleGradients[at] = own + stage.sampleGradients + (l * stage.sampleStride);
      sampleCodes[at] = reinterpret_cast<int32_t*>(own + stage.sampleCodes + (l * stage.sampleStride));
    }
  }
  kernels->patches({.pictures = pictures.data(),
                    .gradients = sampleGradients.data(),
                    .codes = sampleCodes.data(),
                    .samples = samples,
                    .channels = stage.inputs,
                    .pictureRow = stage.paddedWidth() * stage.inputs,
                    .kernelHeight = stage.kernelHeight,
                    .kernelWidth = stage.kernelWidth,
                    .outputs = stage.outputs,
                    .rows = stage.rows,
                    .columns = stage.columns,
                    .pool = stage.pool,
                    .weight = gradient,
                    .accumulate = accumulate});
}

void Chain::Plan::linearBackward(size_t i, float* from, int64_t samples, float* gradient, bool accumulate) {
  const Stage& stage = stages[i];
  for (int64_t b = 0; b < blocksOf(samples); b++) {
    kernels->transpose({.block = from + (b * blockSize) + stage.input,
                        .from = nullptr,
                        .count = stage.inputs,
                        .out = workOf(b) + stage.pictures,
                        .stride = stage.pictureStride});
  }
  kernels->outer({.inputs = work.data() + stage.pictures,
                  .inputStride = stage.pictureStride,
                  .inputBlockStride = workSize,
                  .gradient = work.data() + stage.gradient,
                  .gradientStride = workSize,
                  .samples = samples,
                  .inputCount = stage.inputs,
                  .outputs = stage.outputs,
                  .weight = gradient,
                  .accumulate = accumulate});
}

void Chain::Plan::inputGradient(size_t i, float* from, int64_t count, const float* const* parameters) {
  const Stage& stage = stages[i];
  const int64_t to = stages[i - 1].gradient;
  if (!stage.convolution) {
    kernels->product({.block = work.data() + stage.gradient,
                      .blockStride = workSize,
                      .blocks = count,
                      .inputs = stage.outputs,
                      .outputs = stage.inputs,
                      .weight = parameters[stage.weight],
                      .transposed = true,
                      .bias = nullptr,
                      .activation = Activation::kNone,
                      .slope = 0.0F,
                      .out = work.data() + to,
                      .outStride = workSize});
    return;
  }
  for (int64_t b = 0; b < count; b++) {
    float* own = workOf(b);
    kernels->spread({.gradient = own + stage.gradient,
                     .codes = reinterpret_cast<int32_t*>(from + (b * blockSize) + stage.codes),
                     .codeRow = stage.paddedWidth() * stage.inputs,
                     .codeColumn = stage.inputs,
                     .channels = stage.outputs,
                     .rows = stage.rows,
                     .columns = stage.columns,
                     .pool = stage.pool,
                     .margin = stage.margin(),
                     .out = own + stage.spread});
    kernels->deconvolve({.spread = own + stage.spread,
                         .outputs = stage.outputs,
                         .rows = stage.rows * stage.pool,
                         .columns = stage.columns * stage.pool,
                         .margin = stage.margin(),
                         .weight = stage.flipped.data(),
                         .kernelHeight = stage.kernelHeight,
                         .kernelWidth = stage.kernelWidth,
                         .channels = stage.inputs,
                         .height = stage.height,
                         .width = stage.width,
                         .paddingHeight = stage.paddingHeight,
                         .paddingWidth = stage.paddingWidth,
                         .out = own + to});
  }
}

// The gradient of the output lies in the last stage's place in `work`.
void Chain::Plan::backwardGroup(float* from, int64_t samples, const float* const* parameters, float* const* gradients,
                                bool accumulate) {
  const int64_t count = blocksOf(samples);
  for (size_t i = stages.size(); i-- > 0;) {
    const Stage& stage = stages[i];
    kernels->derive({.gradient = work.data() + stage.gradient,
                     .gradientStride = workSize,
                     .values = from + outputOf(i),
                     .valuesStride = blockSize,
                     .blocks = count,
                     .place = placeAfter(i),
                     .channels = stage.outputs,
                     .rows = stage.rows,
                     .columns = stage.columns,
                     .activation = stage.activation,
                     .slope = stage.slope,
                     .bias = stage.bias < 0 ? nullptr : gradients[stage.bias],
                     .accumulate = accumulate});
    float* weight = gradients[stage.weight];
    if (weight != nullptr && stage.convolution) convolutionBackward(i, from, samples, weight, accumulate);
    if (weight != nullptr && !stage.convolution) linearBackward(i, from, samples, weight, accumulate);
    if (i > 0) inputGradient(i, from, count, parameters);
  }
}

// [output][channel][tap] to [channel][output][tap].
void Chain::Plan::flip(const float* const* parameters) {
  for (size_t i = 1; i < stages.size(); i++) {
    const Stage& stage = stages[i];
    if (!stage.convolution) continue;
    const float* weight = parameters[stage.weight];
    const int64_t taps = stage.kernelHeight * stage.kernelWidth;
    for (int64_t c = 0; c < stage.inputs; c++) {
      for (int64_t o = 0; o < stage.outputs; o++) {
        std::memcpy(stage.flipped.data() + (((c * stage.outputs) + o) * taps),
                    weight + (((o * stage.inputs) + c) * taps), static_cast<size_t>(taps) * sizeof(float));
      }
    }
  }
}

std::optional<std::string> Chain::whyNot(const std::vector<Layer>& layers, Shape shape, Isa isa) {
  if (kernelsFor(isa) == nullptr) {
    return isa == Isa::kBest ? "no vector code for this processor or from this compiler"
                             : "this processor or build lacks that set of instructions";
  }
  Reader reader(shape);
  return read(reader, layers, shape);
}

Chain::Chain(const std::vector<Layer>& layers, Shape shape, Isa isa) : plan_(std::make_unique<Plan>()) {
  if (auto why = whyNot(layers, shape, isa)) throw std::invalid_argument("fused chain: " + *why);
  Reader reader(shape);
  (void)read(reader, layers, shape);
  plan_->stages = std::move(reader.stages());
  plan_->kernels = kernelsFor(isa);
  plan_->lanes = plan_->kernels->lanes;
  plan_->groupBlocks = std::max<int64_t>(1, 32 / plan_->lanes);
  plan_->place();
  const auto samples = static_cast<size_t>(plan_->groupBlocks * plan_->lanes);
  plan_->bytes.resize(samples);
  plan_->rows.resize(samples);
  plan_->pictures.resize(samples);
  plan_->sampleGradients.resize(samples);
  plan_->sampleCodes.resize(samples);
}

Chain::Chain(Chain&&) noexcept = default;
Chain& Chain::operator=(Chain&&) noexcept = default;
Chain::~Chain() = default;

int64_t Chain::parameterCount() const {
  int64_t count = 0;
  for (const Stage& stage : plan_->stages) count += stage.bias < 0 ? 1 : 2;
  return count;
}

int64_t Chain::parameterSize(int64_t i) const {
  for (const Stage& stage : plan_->stages) {
    if (stage.weight == i) return stage.weightSize();
    if (stage.bias == i) return stage.outputs;
  }
  throw std::out_of_range("fused chain: no parameter " + std::to_string(i));
}

int64_t Chain::inputSize() const { return plan_->inputSize(); }
int64_t Chain::outputSize() const { return plan_->outputSize(); }
const char* Chain::isa() const { return plan_->kernels->name; }

void Chain::forward(const Input& input, int64_t batch, const float* const* parameters, float* outputs, bool keep) {
  if (batch < 1 || batch > kLargestBatch) throw std::out_of_range("fused chain: a batch of " + std::to_string(batch));
  Plan& plan = *plan_;
  const int64_t group = plan.groupBlocks * plan.lanes;
  plan.batch = 0;
  plan.reserve(keep ? batch : group);
  const int64_t size = plan.outputSize();
  for (int64_t first = 0; first < batch; first += group) {
    const int64_t samples = std::min(group, batch - first);
    float* from = plan.block(keep ? first / plan.lanes : 0);
    plan.loadGroup(input, first, samples, from);
    plan.forwardGroup(from, plan.blocksOf(samples), parameters, keep);
    for (int64_t s = 0; s < samples; s++) {
      const float* values = from + (s / plan.lanes * plan.blockSize) + plan.output + (s % plan.lanes);
      float* out = outputs + ((first + s) * size);
      for (int64_t j = 0; j < size; j++) out[j] = values[j * plan.lanes];
    }
  }
  if (keep) plan.batch = batch;
}

void Chain::backward(const float* outputGradient, const float* const* parameters, float* const* gradients) {
  Plan& plan = *plan_;
  if (plan.batch == 0) throw std::logic_error("fused chain: backward without a forward that kept its values");
  const int64_t group = plan.groupBlocks * plan.lanes;
  const int64_t size = plan.outputSize();
  plan.flip(parameters);
  for (int64_t first = 0; first < plan.batch; first += group) {
    const int64_t samples = std::min(group, plan.batch - first);
    for (int64_t s = 0; s < plan.blocksOf(samples) * plan.lanes; s++) {
      float* to = plan.workOf(s / plan.lanes) + plan.stages.back().gradient + (s % plan.lanes);
      const float* values = outputGradient + ((first + s) * size);
      // Lanes without a sample have no gradient, so that nothing of theirs gets into a sum.
      for (int64_t j = 0; j < size; j++) to[j * plan.lanes] = s < samples ? values[j] : 0.0F;
    }
    plan.backwardGroup(plan.block(first / plan.lanes), samples, parameters, gradients, first > 0);
  }
}

float Chain::train(const Input& input, const int64_t* labels, int64_t batch, const float* const* parameters,
                   float* const* gradients, float* outputs) {
  Plan& plan = *plan_;
  const int64_t size = plan.outputSize();
  for (int64_t s = 0; s < batch; s++) {
    if (labels[s] < 0 || labels[s] >= size) {
      throw std::out_of_range("fused chain: label " + std::to_string(labels[s]) + " of sample " + std::to_string(s));
    }
  }
  const auto count = static_cast<size_t>(std::max<int64_t>(batch, 0) * size);
  if (plan.outputGradient.size() < count) plan.outputGradient.resize(count);
  if (outputs == nullptr) {
    if (plan.outputs.size() < count) plan.outputs.resize(count);
    outputs = plan.outputs.data();
  }
  forward(input, batch, parameters, outputs, true);
  double total = 0.0;
  const float scale = 1.0F / static_cast<float>(batch);
  for (int64_t s = 0; s < batch; s++) {
    const float* logits = outputs + (s * size);
    float* gradient = plan.outputGradient.data() + (s * size);
    const float most = *std::max_element(logits, logits + size);
    float sum = 0.0F;
    for (int64_t j = 0; j < size; j++) {
      gradient[j] = std::exp(logits[j] - most);
      sum += gradient[j];
    }
    total += std::log(sum) - (logits[labels[s]] - most);
    for (int64_t j = 0; j < size; j++) gradient[j] *= scale / sum;
    gradient[labels[s]] -= scale;
  }
  backward(plan.outputGradient.data(), parameters, gradients);
  return static_cast<float>(total / static_cast<double>(batch));
}

}  // namespace torch_node::fused

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
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
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
  int64_t runs = 0;
  int64_t sums = 0;
  // In a thread's sums.
  int64_t weightPart = 0;
  int64_t biasPart = 0;
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
  const Kernels* kernels = nullptr;
  int64_t lanes = 0;
  // Blocks that go through all layers together: about 32 samples, and one at least for each thread.
  int64_t groupBlocks = 1;
  int64_t threads = 1;
  Parallel parallel;
  int64_t batch = 0;

  // Floats of a block, and its output's place in it.
  int64_t blockSize = 0;
  int64_t output = 0;
  Floats blocks;
  int64_t workSize = 0;
  Floats work;

  // What each thread sums up of the gradients of filters and biases.
  int64_t partSize = 0;
  Floats parts;

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

  // A run of a filter's row in full vectors, and such runs for a row of positions, in floats.
  [[nodiscard]] int64_t codeColumn(const Stage& stage) const { return roundUp(stage.kernelWidth * stage.inputs); }
  [[nodiscard]] int64_t codeRow(const Stage& stage) const { return stage.columns * stage.pool * codeColumn(stage); }

  void place();
  void use(int64_t count);
  void reserve(int64_t samples);
  template <typename F>
  void each(int64_t count, const F& f);
  void forwardGroup(const Input& input, int64_t first, int64_t samples, float* from, const float* const* parameters,
                    float* outputs);
  void loadBlocks(const Input& input, int64_t first, int64_t samples, float* to, int64_t block);
  void forwardBlocks(float* from, int64_t count, const float* const* parameters);
  void backwardGroup(float* from, int64_t samples, const float* const* parameters, float* const* gradients,
                     bool accumulate);
  void backwardBlocks(float* from, int64_t block, int64_t samples, const float* const* parameters,
                      float* const* gradients, float* part);
  void filterGradient(const Stage& stage, const float* from, int64_t block, int64_t samples, float* gradient);
  void inputGradient(size_t i, const float* from, int64_t block, int64_t count, const float* const* parameters);
  void sumParts(const Stage& stage, int64_t count, float* const* gradients, bool accumulate) const;
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
    stage.biasPart = take(partSize, stage.outputs);
    if (!stage.convolution) continue;
    stage.weightPart = take(partSize, stage.weightSize());
    stage.sampleStride = roundUp(stage.outputSize()) + lanes;
    stage.sampleGradients = take(workSize, stage.sampleStride * lanes);
    stage.runs = take(workSize, codeRow(stage) * ((stage.rows * stage.pool) + stage.kernelHeight - 1));
    stage.sums = take(workSize, stage.outputs * stage.kernelHeight * codeColumn(stage));
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
}

void Chain::Plan::use(int64_t count) {
  threads = count;
  groupBlocks = std::max(threads, 32 / lanes);
  work = Floats(workSize * groupBlocks);
  parts = Floats(partSize * threads);
  const auto samples = static_cast<size_t>(groupBlocks * lanes);
  bytes.resize(samples);
  rows.resize(samples);
  pictures.resize(samples);
  sampleGradients.resize(samples);
  sampleCodes.resize(samples);
}

void Chain::Plan::reserve(int64_t samples) {
  const int64_t size = std::max(blocksOf(samples), groupBlocks) * blockSize;
  if (blocks.count() < size) blocks = Floats(size);
}

// f(0) ... f(count - 1), on several threads if there are.
template <typename F>
void Chain::Plan::each(int64_t count, const F& f) {
  if (count == 1) {
    f(0);
  } else {
    // By reference, so that std::function allocates nothing.
    parallel(count, [&f](int64_t i) { f(i); });
  }
}

// Samples first ... first + samples - 1 of the batch to the blocks at `to`, the group's from number `block` on.
void Chain::Plan::loadBlocks(const Input& input, int64_t first, int64_t samples, float* to, int64_t block) {
  const Stage& stage = stages.front();
  const int64_t size = inputSize();
  const bool padded = stage.paddingHeight > 0 || stage.paddingWidth > 0;
  for (int64_t done = 0; done < samples; done += lanes, to += blockSize, block++) {
    const int64_t count = std::min(lanes, samples - done);
    for (int64_t l = 0; l < count; l++) {
      const int64_t i = first + done + l;
      const auto at = static_cast<size_t>((block * lanes) + l);
      if (input.images != nullptr) {
        bytes[at] = input.images + ((input.index != nullptr ? input.index[i] : i) * size);
      } else {
        rows[at] = input.values + (i * size);
      }
    }
    Load load{.bytes = input.images != nullptr ? bytes.data() + (block * lanes) : nullptr,
              .floats = rows.data() + (block * lanes),
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

void Chain::Plan::forwardBlocks(float* from, int64_t count, const float* const* parameters) {
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
                         .codes = reinterpret_cast<int32_t*>(block + stage.codes),
                         .codeRow = codeRow(stage),
                         .codeColumn = codeColumn(stage)});
    }
  }
}

void Chain::Plan::forwardGroup(const Input& input, int64_t first, int64_t samples, float* from,
                               const float* const* parameters, float* outputs) {
  const int64_t count = blocksOf(samples);
  const int64_t tasks = std::min(threads, count);
  const int64_t size = outputSize();
  each(tasks, [&](int64_t task) {
    const int64_t begin = count * task / tasks;
    const int64_t end = count * (task + 1) / tasks;
    const int64_t own = std::min(samples, end * lanes) - (begin * lanes);
    float* to = from + (begin * blockSize);
    loadBlocks(input, first + (begin * lanes), own, to, begin);
    forwardBlocks(to, end - begin, parameters);
    for (int64_t s = begin * lanes; s < (begin * lanes) + own; s++) {
      const float* values = from + (s / lanes * blockSize) + output + (s % lanes);
      float* out = outputs + ((first + s) * size);
      for (int64_t j = 0; j < size; j++) out[j] = values[j * lanes];
    }
  });
}

// From here on `from` is the first of the blocks in question, and `block` its number in the group.

void Chain::Plan::filterGradient(const Stage& stage, const float* from, int64_t block, int64_t samples,
                                 float* gradient) {
  const int64_t first = block * lanes;
  for (int64_t b = 0; b < blocksOf(samples); b++) {
    float* own = workOf(block + b);
    kernels->transpose({.block = own + stage.gradient,
                        .from = nullptr,
                        .count = stage.outputSize(),
                        .out = own + stage.sampleGradients,
                        .stride = stage.sampleStride});
    if (stage.pool > 1) {
      kernels->transpose({.block = from + (b * blockSize) + stage.codes,
                          .from = nullptr,
                          .count = stage.outputSize(),
                          .out = own + stage.sampleCodes,
                          .stride = stage.sampleStride});
    }
    for (int64_t l = 0; l < std::min(lanes, samples - (b * lanes)); l++) {
      const auto at = static_cast<size_t>(first + (b * lanes) + l);
      pictures[at] = own + stage.pictures + (l * stage.pictureStride);
      sampleGradients[at] = own + stage.sampleGradients + (l * stage.sampleStride);
      sampleCodes[at] = reinterpret_cast<const int32_t*>(own + stage.sampleCodes + (l * stage.sampleStride));
    }
  }
  kernels->patches({.pictures = pictures.data() + first,
                    .gradients = sampleGradients.data() + first,
                    .codes = sampleCodes.data() + first,
                    .samples = samples,
                    .channels = stage.inputs,
                    .pictureRow = stage.paddedWidth() * stage.inputs,
                    .kernelHeight = stage.kernelHeight,
                    .kernelWidth = stage.kernelWidth,
                    .outputs = stage.outputs,
                    .rows = stage.rows,
                    .columns = stage.columns,
                    .pool = stage.pool,
                    .runs = workOf(block) + stage.runs,
                    .sums = workOf(block) + stage.sums,
                    .weight = gradient});
}

void Chain::Plan::inputGradient(size_t i, const float* from, int64_t block, int64_t count,
                                const float* const* parameters) {
  const Stage& stage = stages[i];
  const int64_t to = stages[i - 1].gradient;
  if (!stage.convolution) {
    kernels->product({.block = workOf(block) + stage.gradient,
                      .blockStride = workSize,
                      .blocks = count,
                      .inputs = stage.outputs,
                      .outputs = stage.inputs,
                      .weight = parameters[stage.weight],
                      .transposed = true,
                      .bias = nullptr,
                      .activation = Activation::kNone,
                      .slope = 0.0F,
                      .out = workOf(block) + to,
                      .outStride = workSize});
    return;
  }
  for (int64_t b = 0; b < count; b++) {
    float* own = workOf(block + b);
    kernels->spread({.gradient = own + stage.gradient,
                     .codes = reinterpret_cast<const int32_t*>(from + (b * blockSize) + stage.codes),
                     .codeRow = codeRow(stage),
                     .codeColumn = codeColumn(stage),
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

// Everything but the weights of linear layers, for which only the inputs are turned: one thread's share. The gradient
// of the output lies in the last stage's place in `work`.
void Chain::Plan::backwardBlocks(float* from, int64_t block, int64_t samples, const float* const* parameters,
                                 float* const* gradients, float* part) {
  const int64_t count = blocksOf(samples);
  for (size_t i = stages.size(); i-- > 0;) {
    const Stage& stage = stages[i];
    const bool biased = stage.bias >= 0 && gradients[stage.bias] != nullptr;
    kernels->derive({.gradient = workOf(block) + stage.gradient,
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
                     .bias = biased ? part + stage.biasPart : nullptr,
                     .accumulate = false});
    if (gradients[stage.weight] != nullptr) {
      for (int64_t b = 0; b < count; b++) {
        kernels->transpose({.block = from + (b * blockSize) + stage.input,
                            .from = stage.convolution ? stage.order.data() : nullptr,
                            .count = stage.inputs * stage.paddedHeight() * stage.paddedWidth(),
                            .out = workOf(block + b) + stage.pictures,
                            .stride = stage.pictureStride});
      }
      if (stage.convolution) filterGradient(stage, from, block, samples, part + stage.weightPart);
    }
    if (i > 0) inputGradient(i, from, block, count, parameters);
  }
}

void Chain::Plan::sumParts(const Stage& stage, int64_t count, float* const* gradients, bool accumulate) const {
  const auto sum = [&](float* to, int64_t at, int64_t size) {
    if (to == nullptr) return;
    for (int64_t p = 0; p < count; p++) {
      const float* from = parts.data() + (p * partSize) + at;
      if (p == 0 && !accumulate) {
        std::memcpy(to, from, static_cast<size_t>(size) * sizeof(float));
      } else {
        for (int64_t j = 0; j < size; j++) to[j] += from[j];
      }
    }
  };
  if (stage.bias >= 0) sum(gradients[stage.bias], stage.biasPart, stage.outputs);
  if (stage.convolution) sum(gradients[stage.weight], stage.weightPart, stage.weightSize());
}

void Chain::Plan::backwardGroup(float* from, int64_t samples, const float* const* parameters, float* const* gradients,
                                bool accumulate) {
  const int64_t count = blocksOf(samples);
  const int64_t tasks = std::min(threads, count);
  each(tasks, [&](int64_t task) {
    const int64_t begin = count * task / tasks;
    const int64_t end = count * (task + 1) / tasks;
    backwardBlocks(from + (begin * blockSize), begin, std::min(samples, end * lanes) - (begin * lanes), parameters,
                   gradients, parts.data() + (task * partSize));
  });
  // The weights of linear layers are most of the parameters: divided by outputs, no thread's share is added to another.
  each(tasks, [&](int64_t task) {
    for (const Stage& stage : stages) {
      if (stage.convolution || gradients[stage.weight] == nullptr) continue;
      const int64_t begin = stage.outputs * task / tasks;
      const int64_t end = stage.outputs * (task + 1) / tasks;
      kernels->outer({.inputs = work.data() + stage.pictures,
                      .inputStride = stage.pictureStride,
                      .inputBlockStride = workSize,
                      .gradient = work.data() + stage.gradient + (begin * lanes),
                      .gradientStride = workSize,
                      .samples = samples,
                      .inputCount = stage.inputs,
                      .outputs = end - begin,
                      .weight = gradients[stage.weight] + (begin * stage.inputs),
                      .accumulate = accumulate});
    }
  });
  for (const Stage& stage : stages) sumParts(stage, tasks, gradients, accumulate);
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
  plan_->place();
  plan_->use(1);
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
void Chain::useThreads(int64_t threads, Parallel parallel) {
  if (threads < 1 || threads > kMostThreads || (threads > 1 && !parallel)) {
    throw std::invalid_argument("fused chain: " + std::to_string(threads) + " threads");
  }
  plan_->batch = 0;
  plan_->parallel = std::move(parallel);
  plan_->use(threads);
}
const char* Chain::isa() const { return plan_->kernels->name; }

void Chain::forward(const Input& input, int64_t batch, const float* const* parameters, float* outputs, bool keep) {
  if (batch < 1 || batch > kLargestBatch) throw std::out_of_range("fused chain: a batch of " + std::to_string(batch));
  Plan& plan = *plan_;
  const int64_t group = plan.groupBlocks * plan.lanes;
  plan.batch = 0;
  plan.reserve(keep ? batch : group);
  for (int64_t first = 0; first < batch; first += group) {
    const int64_t samples = std::min(group, batch - first);
    plan.forwardGroup(input, first, samples, plan.block(keep ? first / plan.lanes : 0), parameters, outputs);
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

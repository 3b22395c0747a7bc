// Stages: the layers of a chain that run as one, a convolution or a linear layer with its activation and its pool.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "chain.h"

namespace torch_node::fused {

inline constexpr std::align_val_t kAlignment{64};

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

// Reads a network into stages; gives why it cannot run as a chain, or nothing.
std::optional<WhyNot> readStages(const std::vector<Layer>& layers, Shape shape, std::vector<Stage>& stages);

}  // namespace torch_node::fused

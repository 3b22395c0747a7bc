// The vector code of the fused engine as a table of functions, one table for each set of instructions. Plain structs
// only: this header is compiled with flags that the rest of the binary must not see, so it has no inline functions and
// includes nothing that has.
//
// All activations are [channel][y][x][lane]: a "block" is one vector's worth of samples, all of whose values lie
// together, so that every load is of a full vector and no kernel ever shuffles. Sizes and strides are in floats unless
// they are called counts.
#pragma once

#include <cstddef>
#include <cstdint>

namespace torch_node::fused {

enum class Activation : int32_t { kNone, kRelu, kLeakyRelu, kTanh };

// Where the values of a picture lie in a block: first + (channel * plane) + (y * row) + (x * lanes).
struct Place {
  int64_t first;
  int64_t plane;
  int64_t row;
};

// Samples of bytes (through `table`) or of floats, one pointer for each lane in use, to a block. A sample is `segments`
// runs of `length` values; the run s goes to channel s / rows, y = s % rows. The lanes behind `samples` become zero.
struct Load {
  const uint8_t* const* bytes;
  const float* const* floats;
  const float* table;
  int64_t samples;
  int64_t segments;
  int64_t rows;
  int64_t length;
  float* block;
  Place place;
};

// Convolution, bias, largest value of each pool x pool window, activation. `codes` gets, for each value of the output
// and each lane, the chosen position in the window: y * codeRow + x * codeColumn.
struct Convolve {
  const float* block;
  int64_t channels;
  int64_t height;
  int64_t width;
  int64_t kernelHeight;
  int64_t kernelWidth;
  int64_t outputs;
  int64_t pool;
  int64_t rows;
  int64_t columns;
  const float* weight;
  const float* bias;
  Activation activation;
  float slope;
  float* out;
  Place place;
  int32_t* codes;
  int64_t codeRow;
  int64_t codeColumn;
};

// Also the gradient of a linear layer's input: then `transposed` is set, inputs and outputs are those of the product
// that is computed, and the weight is [inputs][outputs].
struct Product {
  const float* block;
  int64_t blockStride;
  int64_t blocks;
  int64_t inputs;
  int64_t outputs;
  const float* weight;
  bool transposed;
  const float* bias;
  Activation activation;
  float slope;
  float* out;
  int64_t outStride;
};

// gradient *= derivative of the activation, which is found from the activated values; then the sum over all positions
// and lanes of each channel goes to bias, where that is not null.
struct Derive {
  float* gradient;
  int64_t gradientStride;
  const float* values;
  int64_t valuesStride;
  int64_t blocks;
  Place place;
  int64_t channels;
  int64_t rows;
  int64_t columns;
  Activation activation;
  float slope;
  float* bias;
  bool accumulate;
};

// [i][lane] to [lane][i]. `from` (null: i * lanes) says where the i-th value lies in the block. Written are full
// vectors: out and `from` need room for `count` rounded up to one.
struct Transpose {
  const float* block;
  const int64_t* from;
  int64_t count;
  float* out;
  int64_t stride;
};

// The pooled gradient back to the positions that were chosen, with `margin` columns (zero already, left alone) at both
// ends of each row.
struct Spread {
  const float* gradient;
  const int32_t* codes;
  int64_t codeRow;
  int64_t codeColumn;
  int64_t channels;
  int64_t rows;
  int64_t columns;
  int64_t pool;
  int64_t margin;
  float* out;
};

// Gradient of a convolution's input. `spread` is what Spread made, rows x columns its size without the margin. Weight
// is [channel][output][ky][kx].
struct Deconvolve {
  const float* spread;
  int64_t outputs;
  int64_t rows;
  int64_t columns;
  int64_t margin;
  const float* weight;
  int64_t kernelHeight;
  int64_t kernelWidth;
  int64_t channels;
  int64_t height;
  int64_t width;
  int64_t paddingHeight;
  int64_t paddingWidth;
  float* out;
};

// Gradient of a convolution's weight, sample by sample: pictures are [y][x][channel], so that a row of a filter is a
// run of kernelWidth * channels values, and those are in the lanes here. Only the chosen position of each window has a
// gradient: a quarter of the work for windows of 2 x 2. gradients and codes are [output][window].
//
// `runs` is room for a sample's runs, one for each position and each row of a filter there, rounded up to full vectors:
// loads that straddle cache lines would cost twice as much. So codeColumn is the size of one, and codeRow that of
// columns * pool. `sums` is room for [output][ky][run].
struct Patches {
  const float* const* pictures;
  const float* const* gradients;
  const int32_t* const* codes;
  int64_t samples;
  int64_t channels;
  int64_t pictureRow;
  int64_t kernelHeight;
  int64_t kernelWidth;
  int64_t outputs;
  int64_t rows;
  int64_t columns;
  int64_t pool;
  float* runs;
  float* sums;
  float* weight;
};

// Gradient of a linear layer's weight: inputs are [sample][input] (rounded up to full vectors), gradients
// [output][lane] in blocks.
struct Outer {
  const float* inputs;
  int64_t inputStride;
  int64_t inputBlockStride;
  const float* gradient;
  int64_t gradientStride;
  int64_t samples;
  int64_t inputCount;
  int64_t outputs;
  float* weight;
  bool accumulate;
};

struct Kernels {
  const char* name;
  int64_t lanes;
  void (*load)(const Load&);
  void (*convolve)(const Convolve&);
  void (*product)(const Product&);
  void (*derive)(const Derive&);
  void (*transpose)(const Transpose&);
  void (*spread)(const Spread&);
  void (*deconvolve)(const Deconvolve&);
  void (*patches)(const Patches&);
  void (*outer)(const Outer&);
};

// Null where the compiler or the target has no such code.
const Kernels* kernelsBaseline();
const Kernels* kernelsAvx2();
const Kernels* kernelsAvx512();

}  // namespace torch_node::fused

// Training of small networks on the CPU with the samples of a batch in the vector lanes: a chain of convolutions,
// activations, max pools and linear layers is planned once, and then runs forward and backward without an allocation.
// At batches of a few dozen small images this is several times as fast as one general kernel after another, since no
// kernel has edges to take care of, pooling and activation cost no pass over memory, and nothing leaves the second
// level cache. The results agree with PyTorch's to rounding, not to the bit.
//
// Nothing here knows libtorch: parameters and gradients are plain float32 in PyTorch's layouts.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernels.h"

namespace torch_node::fused {

enum class Isa { kBest, kBaseline, kAvx2, kAvx512 };

struct Shape {
  int64_t channels;
  int64_t height;
  int64_t width;
};

struct Layer {
  enum class Kind { kConvolution, kLinear, kMaxPool, kRelu, kLeakyRelu, kTanh, kFlatten };
  Kind kind;
  // Channels of a convolution, features of a linear layer.
  int64_t inputs = 0;
  int64_t outputs = 0;
  // Of the convolution's filter; kernelHeight also the side of a pool's windows and their stride.
  int64_t kernelHeight = 0;
  int64_t kernelWidth = 0;
  int64_t paddingHeight = 0;
  int64_t paddingWidth = 0;
  bool bias = true;
  // LeakyReLU's.
  float slope = 0.01F;
};

// A batch: either bytes, image index[i] (i where index is null) of a large array, each looked up in a table of 256
// floats, or floats in NCHW.
struct Input {
  const uint8_t* images = nullptr;
  const int64_t* index = nullptr;
  const float* table = nullptr;
  const float* values = nullptr;
};

// Calls its second argument with 0 ... count - 1, at the same time or not, and returns when all have returned.
using Parallel = std::function<void(int64_t count, const std::function<void(int64_t)>& call)>;

// Why layers are no chain: at which layer, and the reason.
struct WhyNot {
  size_t layer;
  std::string words;
};

class Chain {
 public:
  static constexpr int64_t kLargestBatch = 4096;
  static constexpr int64_t kMostThreads = 256;

  // Why a network cannot run here; nothing when it can. `shape` is that of one sample; {features, 1, 1} for vectors.
  static std::optional<WhyNot> whyNot(const std::vector<Layer>& layers, Shape shape, Isa isa = Isa::kBest);

  // Throws std::invalid_argument with whyNot's words.
  Chain(const std::vector<Layer>& layers, Shape shape, Isa isa = Isa::kBest);
  Chain(const Chain&) = delete;
  Chain& operator=(const Chain&) = delete;
  Chain(Chain&&) noexcept;
  Chain& operator=(Chain&&) noexcept;
  ~Chain();

  // From now on divides a batch among so many threads, a vector's worth of samples each at least. Sums are then added
  // up in another order. What forward kept is gone.
  void useThreads(int64_t threads, Parallel parallel);

  // Parameters are each layer's weight and then, if it has one, its bias, in order.
  [[nodiscard]] int64_t parameterCount() const;
  [[nodiscard]] int64_t parameterSize(int64_t i) const;
  // Values of a sample, and those that come out of the last layer.
  [[nodiscard]] int64_t inputSize() const;
  [[nodiscard]] int64_t outputSize() const;
  // Of a sample; {features, 1, 1} after a linear layer.
  [[nodiscard]] Shape outputShape() const;
  // "avx512", "avx2" or "baseline".
  [[nodiscard]] const char* isa() const;

  // Writes [batch][outputSize()] to `outputs`. With `keep`, everything stays that backward needs; without, the memory
  // for a few samples does for any batch.
  void forward(const Input& input, int64_t batch, const float* const* parameters, float* outputs, bool keep);

  // After a forward that kept, with the same parameters: from the gradient of the outputs, [batch][outputSize()], the
  // gradients of the parameters. They are overwritten; those that are null are left out. Throws std::logic_error
  // where no forward has kept anything.
  void backward(const float* outputGradient, const float* const* parameters, float* const* gradients);

  // Forward, the mean cross entropy against `labels` (0 <= label < outputSize()), and backward. Returns the loss;
  // `outputs` may be null. Throws std::out_of_range for another label.
  float train(const Input& input, const int64_t* labels, int64_t batch, const float* const* parameters,
              float* const* gradients, float* outputs = nullptr);

 private:
  struct Plan;
  std::unique_ptr<Plan> plan_;
};

}  // namespace torch_node::fused

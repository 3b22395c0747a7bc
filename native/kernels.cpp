// CPU kernels that take the place of ATen's where those are slow at the sizes of small networks. They give the same
// bits, so nothing above them can tell, and whatever they do not cover goes on to ATen's own.
//
// max_pool2d_with_indices: ATen walks NCHW windows one value at a time with a branch that random data mispredicts,
// which made it a fifth of a training step. Windows of 2 x 2 that do not overlap are the case that networks have.
#include <ATen/CPUFunctions.h>
#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <torch/library.h>

#include <array>
#include <limits>
#include <memory>

#include "rooms.h"

namespace torch_node {

namespace {

constexpr int64_t kColumns = 64;  // as many outputs of a row as are held at once

// One step of the search for a window's largest value, in ATen's order and by its rule: a NaN always wins.
inline void consider(float value, int32_t offset, float& largest, int32_t& where) {
  // Not ||, which compilers make a branch of.
  // NOLINTNEXTLINE(readability-implicit-bool-conversion)
  const bool better = (value > largest) | (value != value);
  largest = better ? value : largest;
  where = better ? offset : where;
}

// `count` windows whose upper left corners are at top, top + 2, ...; `first` is the index of the first in its plane.
void poolRow(const float* top, int64_t width, int64_t count, int64_t first, float* values, int64_t* indices) {
  const float* bottom = top + width;
  const auto below = static_cast<int32_t>(width);
  std::array<float, kColumns> largest;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled just below
  std::array<int32_t, kColumns> where;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  for (int64_t i = 0; i < count; i++) {
    float most = -std::numeric_limits<float>::infinity();
    int32_t offset = 0;
    consider(top[2 * i], 0, most, offset);
    consider(top[(2 * i) + 1], 1, most, offset);
    consider(bottom[2 * i], below, most, offset);
    consider(bottom[(2 * i) + 1], below + 1, most, offset);
    largest[i] = most;
    where[i] = offset;
  }
  for (int64_t i = 0; i < count; i++) {
    values[i] = largest[i];
    indices[i] = first + (2 * i) + where[i];
  }
}

bool isPair(at::IntArrayRef list, int64_t value) {
  return (list.size() == 1 && list[0] == value) || (list.size() == 2 && list[0] == value && list[1] == value);
}

bool covers(const at::Tensor& input, at::IntArrayRef kernel, at::IntArrayRef stride, at::IntArrayRef padding,
            at::IntArrayRef dilation, bool ceilMode) {
  return input.scalar_type() == at::kFloat && input.dim() == 4 && input.is_contiguous() && input.size(0) > 0 &&
         input.size(1) > 0 && input.size(2) >= 2 && input.size(3) >= 2 && isPair(kernel, 2) &&
         (stride.empty() || isPair(stride, 2)) && isPair(padding, 0) && isPair(dilation, 1) && !ceilMode &&
         // In one memory format only: where C is 1, or the image a single pixel wide, both hold and ATen takes the
         // other.
         input.suggest_memory_format() == at::MemoryFormat::Contiguous &&
         input.size(2) * input.size(3) <= std::numeric_limits<int32_t>::max();
}

std::tuple<at::Tensor, at::Tensor> maxPool2dWithIndices(const at::Tensor& input, at::IntArrayRef kernel,
                                                        at::IntArrayRef stride, at::IntArrayRef padding,
                                                        at::IntArrayRef dilation, bool ceilMode) {
  if (!covers(input, kernel, stride, padding, dilation, ceilMode)) {
    return at::cpu::max_pool2d_with_indices(input, kernel, stride, padding, dilation, ceilMode);
  }
  const int64_t planes = input.size(0) * input.size(1);
  const int64_t height = input.size(2);
  const int64_t width = input.size(3);
  const int64_t rows = height / 2;
  const int64_t columns = width / 2;
  const std::array<int64_t, 4> shape{input.size(0), input.size(1), rows, columns};
  at::Tensor values = at::detail::empty_cpu(shape, input.options());
  at::Tensor indices = at::detail::empty_cpu(shape, input.options().dtype(at::kLong));
  const auto* in = input.const_data_ptr<float>();
  auto* out = values.mutable_data_ptr<float>();
  auto* places = indices.mutable_data_ptr<int64_t>();
  at::parallel_for(0, planes * rows, std::max<int64_t>(1, at::internal::GRAIN_SIZE / (4 * columns)),
                   [&](int64_t begin, int64_t end) {
                     for (int64_t row = begin; row < end; row++) {
                       const int64_t y = 2 * (row % rows);
                       const float* top = in + (((row / rows * height) + y) * width);
                       for (int64_t x = 0; x < columns; x += kColumns) {
                         const int64_t to = (row * columns) + x;
                         poolRow(top + (2 * x), width, std::min(kColumns, columns - x), (y * width) + (2 * x), out + to,
                                 places + to);
                       }
                     }
                   });
  return {std::move(values), std::move(indices)};
}

// libtorch warns when a kernel is replaced. Here that is the purpose.
class Silence : public c10::WarningHandler {
  void process(const c10::Warning& /*warning*/) override {}
};

}  // namespace

void registerKernels() {
  static const auto kLibrary = [] {
    Silence silence;
    const c10::WarningUtils::WarningHandlerGuard guard(&silence);
    auto library = std::make_unique<torch::Library>(torch::Library::IMPL, "aten", c10::DispatchKey::CPU, __FILE__,
                                                    static_cast<uint32_t>(__LINE__));
    library->impl("max_pool2d_with_indices", TORCH_FN(maxPool2dWithIndices));
    return library;
  }();
  (void)kLibrary;
}

}  // namespace torch_node

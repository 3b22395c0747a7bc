// CPU kernels that take the place of ATen's where those are slow at the sizes of small networks. They give the same
// bits, so nothing above them can tell, and whatever they do not cover goes on to ATen's own.
//
// max_pool2d_with_indices: ATen walks NCHW windows one value at a time with a branch that random data mispredicts,
// which made it a fifth of a training step. Windows of 2 x 2 that do not overlap are the case that networks have; here
// eight of them are taken at once.
//
// div of integers that rounds to zero: the least int32 or int64 by -1, whose quotient is one more than the type holds,
// ends the process at ATen's, by a trap of the processor. Here it wraps, as it does rounded down, in int8 and in int16.
#include <ATen/CPUFunctions.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <torch/library.h>

#include <array>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "bindings.h"

#ifdef __linux__
// NNPACK's own, in libtorch_cpu; 0 is success. Builds without NNPACK have none.
extern "C" __attribute__((weak)) int nnp_initialize();
#endif

namespace torch_node {

namespace {

// One step of the search for a window's largest value, in ATen's order and by its rule: a NaN always wins.
inline void consider(float value, int32_t offset, float& largest, int32_t& where) {
  // Not ||, which compilers make a branch of.
  // NOLINTNEXTLINE(readability-implicit-bool-conversion)
  const bool better = (value > largest) | (value != value);
  largest = better ? value : largest;
  where = better ? offset : where;
}

// A row of windows. `top` points at the upper left value of the first, `first` is that one's index in its plane.
struct Row {
  const float* top;
  int64_t width;
  int64_t count;
  int64_t first;
  float* values;
  int64_t* indices;
};

void poolWindow(const Row& row, int64_t i) {
  const float* top = row.top + (2 * i);
  const float* bottom = top + row.width;
  const auto below = static_cast<int32_t>(row.width);
  float largest = -std::numeric_limits<float>::infinity();
  int32_t where = 0;
  consider(top[0], 0, largest, where);
  consider(top[1], 1, largest, where);
  consider(bottom[0], below, largest, where);
  consider(bottom[1], below + 1, largest, where);
  row.values[i] = largest;
  row.indices[i] = row.first + (2 * i) + where;
}

#ifdef __GNUC__

// Vectors of N lanes. GCC knows their types in a template only when they are written out.
template <int N>
struct Lanes;
// NOLINTBEGIN(modernize-use-using): an alias would drop the attribute
template <>
struct Lanes<4> {
  typedef float Floats __attribute__((vector_size(16)));
  typedef int32_t Offsets __attribute__((vector_size(16)));
  typedef int64_t Indices __attribute__((vector_size(32)));
};
template <>
struct Lanes<8> {
  typedef float Floats __attribute__((vector_size(32)));
  typedef int32_t Offsets __attribute__((vector_size(32)));
  typedef int64_t Indices __attribute__((vector_size(64)));
};
// NOLINTEND(modernize-use-using)

// The windows i ... i + N - 1 at once, in vectors that the compiler maps to what the target has. The larger value of
// each pair is found first: of equal values the earlier one is kept at every step, so that the outcome is that of a
// search in order.
template <int N, size_t... I>
[[gnu::always_inline]] inline void poolWindows(const Row& row, int64_t i, std::index_sequence<I...> /*lanes*/) {
  using Floats = typename Lanes<N>::Floats;
  using Offsets = typename Lanes<N>::Offsets;
  using Indices = typename Lanes<N>::Indices;
  const float* top = row.top + (2 * i);
  const float* bottom = top + row.width;
  Floats a;
  Floats b;
  Floats c;
  Floats d;
  std::memcpy(&a, top, sizeof(a));
  std::memcpy(&b, top + N, sizeof(b));
  std::memcpy(&c, bottom, sizeof(c));
  std::memcpy(&d, bottom + N, sizeof(d));
  const Floats topLeft = __builtin_shufflevector(a, b, (2 * I)...);
  const Floats topRight = __builtin_shufflevector(a, b, ((2 * I) + 1)...);
  const Floats bottomLeft = __builtin_shufflevector(c, d, (2 * I)...);
  const Floats bottomRight = __builtin_shufflevector(c, d, ((2 * I) + 1)...);

  // NOLINTBEGIN(misc-redundant-expression): not equal to itself is what a NaN is
  const Offsets right = (topRight > topLeft) | (topRight != topRight);
  const Floats ofTop = right ? topRight : topLeft;
  const Offsets lowerRight = (bottomRight > bottomLeft) | (bottomRight != bottomRight);
  const Floats ofBottom = lowerRight ? bottomRight : bottomLeft;
  const Offsets lower = (ofBottom > ofTop) | (ofBottom != ofBottom);
  // NOLINTEND(misc-redundant-expression)
  const Floats largest = lower ? ofBottom : ofTop;
  const Offsets where = (lower ? (lowerRight & 1) + static_cast<int32_t>(row.width) : right & 1) +
                        Offsets{static_cast<int32_t>(2 * I)...};
  const Indices indices = __builtin_convertvector(where, Indices) + (row.first + (2 * i));
  std::memcpy(row.values + i, &largest, sizeof(largest));
  std::memcpy(row.indices + i, &indices, sizeof(indices));
}

// The last windows that do not fill a vector are taken together with some before them, which come out the same again.
template <int N>
[[gnu::always_inline]] inline void poolRowBy(const Row& row) {
  for (int64_t i = 0; i + N < row.count; i += N) poolWindows<N>(row, i, std::make_index_sequence<N>());
  poolWindows<N>(row, row.count - N, std::make_index_sequence<N>());
}

#ifdef __x86_64__
__attribute__((target("avx2"))) void poolRowAvx2(const Row& row) { poolRowBy<8>(row); }
const bool kHasAvx2 = __builtin_cpu_supports("avx2");
#endif

void poolRow(const Row& row) {
#ifdef __x86_64__
  if (row.count >= 8 && kHasAvx2) {
    poolRowAvx2(row);
    return;
  }
#endif
  if (row.count >= 4) {
    poolRowBy<4>(row);
  } else {
    for (int64_t i = 0; i < row.count; i++) poolWindow(row, i);
  }
}

#else

void poolRow(const Row& row) {
  for (int64_t i = 0; i < row.count; i++) poolWindow(row, i);
}

#endif

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
                       poolRow({top, width, columns, y * width, out + (row * columns), places + (row * columns)});
                     }
                   });
  return {std::move(values), std::move(indices)};
}

// The same quotients, rounded to zero, of operands that make no processor trap: where the divisor is -1 the least value
// is negated and divided by 1. Nothing where they trap as they are.
struct Operands {
  at::Tensor dividend;
  at::Tensor divisor;
};

Operands trapless(const at::Tensor& self, const at::Tensor& other, const std::optional<std::string_view>& rounding) {
  if (rounding != "trunc" || self.numel() == 0 || other.numel() == 0) return {self, other};
  const at::ScalarType type = at::result_type(self, other);
  if (type != at::kInt && type != at::kLong) return {self, other};
  const at::Tensor minusOne = other.eq(-1);
  if (!minusOne.any().item<bool>()) return {self, other};
  const int64_t least = type == at::kInt ? std::numeric_limits<int32_t>::min() : std::numeric_limits<int64_t>::min();
  const at::Tensor dividend = self.to(type);
  if (!dividend.eq(least).any().item<bool>()) return {self, other};
  return {at::where(minusOne, dividend.neg(), dividend), other.to(type).masked_fill(minusOne, 1)};
}

at::Tensor divide(const at::Tensor& self, const at::Tensor& other, std::optional<std::string_view> rounding) {
  const Operands operands = trapless(self, other, rounding);
  return at::cpu::div(operands.dividend, operands.divisor, rounding);
}

at::Tensor& divideOut(const at::Tensor& self, const at::Tensor& other, std::optional<std::string_view> rounding,
                      at::Tensor& out) {
  const Operands operands = trapless(self, other, rounding);
  return at::cpu::div_outf(operands.dividend, operands.divisor, rounding, out);
}

at::Tensor& divideInPlace(at::Tensor& self, const at::Tensor& other, std::optional<std::string_view> rounding) {
  const Operands operands = trapless(self, other, rounding);
  if (operands.dividend.is_same(self)) return at::cpu::div_(self, other, rounding);
  TORCH_CHECK(operands.dividend.sizes() == self.sizes(), "output with shape ", self.sizes(),
              " doesn't match the broadcast shape ", operands.dividend.sizes());
  return at::cpu::div_outf(operands.dividend, operands.divisor, rounding, self);
}

// Where NNPACK cannot run, as on the machine of the benchmarks, libtorch finds out at each convolution that it would
// suit, writes a warning to stderr each time, which takes longer than the convolution, and goes on without it. Switched
// off, it is not asked.
void forgoNnpack() {
#ifdef __linux__
  if (nnp_initialize != nullptr && nnp_initialize() != 0) at::globalContext().setUserEnabledNNPACK(false);
#endif
}

// libtorch warns when a kernel is replaced. Here that is the purpose.
class Silence : public c10::WarningHandler {
  void process(const c10::Warning& /*warning*/) override {}
};

}  // namespace

void registerKernels() {
  static const auto kLibrary = [] {
    forgoNnpack();
    Silence silence;
    const c10::WarningUtils::WarningHandlerGuard guard(&silence);
    auto library = std::make_unique<torch::Library>(torch::Library::IMPL, "aten", c10::DispatchKey::CPU, __FILE__,
                                                    static_cast<uint32_t>(__LINE__));
    library->impl("max_pool2d_with_indices", TORCH_FN(maxPool2dWithIndices));
    library->impl("div.Tensor_mode", TORCH_FN(divide));
    library->impl("div.out_mode", TORCH_FN(divideOut));
    library->impl("div_.Tensor_mode", TORCH_FN(divideInPlace));
    return library;
  }();
  (void)kLibrary;
}

}  // namespace torch_node

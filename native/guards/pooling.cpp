// Guards of pooling, padding and sampling by a grid.
#include "given.h"

#include <algorithm>

namespace torch_node {

namespace {

// Goes through the window place by place, however far it reaches beyond the input.
void maxPool1d(const Given& given) {
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  given.allAtLeast("kernel_size", 1);
  const Sizes kernel = given.integers("kernel_size");
  given.expect(std::ranges::all_of(kernel, [](int64_t size) { return size <= kMost; }), "kernel_size", "no more than ",
               kMost);
}

// Gradients of pooling over the last `spatial` dimensions: each goes to a place in its input plane.
void poolingBackward(const Given& given, int64_t spatial, bool allowsNone) {
  for (const char* name : {"self", "grad_output", "indices"}) {
    given.rank(name, spatial + 1, spatial + 2);
    given.strided(name);
  }
  given.type("indices", at::kLong);
  given.sameShape("indices", "grad_output");
  const at::Tensor input = given.tensor("self");
  const at::Tensor gradient = given.tensor("grad_output");
  const at::IntArrayRef planes = input.sizes().slice(0, input.dim() - spatial);
  given.expect(gradient.dim() == input.dim() && gradient.sizes().slice(0, planes.size()) == planes, "grad_output",
               "the batch and channels of 'self', ", planes);
  int64_t plane = 1;
  for (int64_t i = input.dim() - spatial; i < input.dim(); i++) plane *= input.size(i);
  given.values("indices", allowsNone ? -1 : 0, plane - 1);
}
template <int64_t Spatial>
void fractionalPoolBackward(const Given& given) {
  given.length("output_size", Spatial);
  given.length("kernel_size", Spatial);
  poolingBackward(given, Spatial, false);
}
template <int64_t Spatial>
void maxPoolBackward(const Given& given) {
  poolingBackward(given, Spatial, true);
}

template <int64_t Spatial>
void averagePoolBackward(const Given& given) {
  for (const char* name : {"self", "grad_output"}) given.rank(name, Spatial + 1, Spatial + 2);
  const at::Tensor input = given.tensor("self");
  const at::Tensor gradient = given.tensor("grad_output");
  const at::IntArrayRef planes = input.sizes().slice(0, input.dim() - Spatial);
  given.expect(gradient.dim() == input.dim() && gradient.sizes().slice(0, planes.size()) == planes, "grad_output",
               "the batch and channels of 'self', ", planes);
  given.expect((gradient.numel() == 0) == (input.numel() == 0), "grad_output", "elements where 'self' has any");
}

// The kernels count the places of the result one dimension inside the other, also where it has none.
void adaptivePool(const Given& given) {
  const Sizes sizes = given.integers("output_size");
  const auto most = static_cast<int64_t>(std::numeric_limits<int32_t>::max());
  given.expect(std::ranges::all_of(sizes, [&](int64_t size) { return size <= most; }), "output_size", "no more than ",
               most, " in each dimension");
}

void gridSamplerBackward(const Given& given) {
  const at::Tensor input = given.tensor("input");
  const at::Tensor grid = given.tensor("grid");
  given.rank("input", 4, 5);
  given.rank("grid", input.dim(), input.dim());
  given.expect(grid.size(0) == input.size(0), "grid", "the batch of 'input', ", input.size(0));
  Sizes shape{input.size(0), input.size(1)};
  for (int64_t i = 1; i < grid.dim() - 1; i++) shape.push_back(grid.size(i));
  given.shape("grad_output", shape);
}

// Reflection must stay inside the input; both forms need a gradient of the padded shape.
template <int64_t Spatial, bool Reflects>
void paddingBackward(const Given& given) {
  given.length("padding", 2 * Spatial);
  given.rank("self", Spatial + 1, Spatial + 2);
  for (const char* name : {"self", "grad_output"}) given.strided(name);
  const at::Tensor input = given.tensor("self");
  const Sizes padding = given.integers("padding");
  Sizes padded = input.sizes().vec();
  for (int64_t i = 0; i < Spatial; i++) {
    const int64_t before = padding[2 * i];
    const int64_t after = padding[(2 * i) + 1];
    int64_t& size = padded[input.dim() - 1 - i];
    const int64_t largest = Reflects ? size - 1 : std::numeric_limits<int32_t>::max();
    given.expect(before <= largest && after <= largest && before >= -size && after >= -size, "padding",
                 "less on each side than the ", size, " values there");
    size += before + after;
  }
  given.shape("grad_output", padded);
}

}  // namespace

GuardRows poolingGuards() {
  return {
      {"aten::_adaptive_avg_pool2d_backward", &run<averagePoolBackward<2>>},
      {"aten::_adaptive_avg_pool3d_backward", &run<averagePoolBackward<3>>},
      {"aten::_grid_sampler_2d_cpu_fallback_backward", &run<gridSamplerBackward>},
      {"aten::adaptive_avg_pool3d_backward", &run<averagePoolBackward<3>>},
      {"aten::adaptive_max_pool2d", &run<adaptivePool>},
      {"aten::adaptive_max_pool2d_backward", &run<maxPoolBackward<2>>},
      {"aten::adaptive_max_pool3d", &run<adaptivePool>},
      {"aten::adaptive_max_pool3d_backward", &run<maxPoolBackward<3>>},
      {"aten::fractional_max_pool2d_backward", &run<fractionalPoolBackward<2>>},
      {"aten::fractional_max_pool3d_backward", &run<fractionalPoolBackward<3>>},
      {"aten::grid_sampler_2d_backward", &run<gridSamplerBackward>},
      {"aten::grid_sampler_3d_backward", &run<gridSamplerBackward>},
      {"aten::max_pool1d", &run<maxPool1d>},
      {"aten::max_pool2d_with_indices_backward", &run<maxPoolBackward<2>>},
      {"aten::max_pool3d_with_indices_backward", &run<maxPoolBackward<3>>},
      {"aten::reflection_pad1d_backward", &run<paddingBackward<1, true>>},
      {"aten::reflection_pad2d_backward", &run<paddingBackward<2, true>>},
      {"aten::reflection_pad3d_backward", &run<paddingBackward<3, true>>},
      {"aten::replication_pad1d_backward", &run<paddingBackward<1, false>>},
      {"aten::replication_pad2d_backward", &run<paddingBackward<2, false>>},
      {"aten::replication_pad3d_backward", &run<paddingBackward<3, false>>},
  };
}

}  // namespace torch_node

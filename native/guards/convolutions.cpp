// Guards of convolutions: on the CPU, by NNPACK, and by oneDNN, whose packed weights they check.
#include "given.h"

namespace torch_node {

namespace {

void reorderConvolution(const Given& given) {
  given.rank("self", 4, 5);
  const at::Tensor weight = given.tensor("self");
  given.expect(weight.numel() > 0, "self", "at least one element");
  for (const char* name : {"stride", "dilation", "groups"}) {
    if (given.value(name).isInt()) {
      given.atLeast(name, 1);
    } else {
      given.allAtLeast(name, 1);
    }
  }
  given.allAtLeast("padding", 0);
  given.expect(weight.size(0) % given.integer("groups") == 0, "groups", "a divisor of the ", weight.size(0),
               " planes of 'self'");
  if (given.has("input_size")) {
    given.length("input_size", weight.dim());
    given.allAtLeast("input_size", 1);
  }
}

void slowConv2dBackward(const Given& given) {
  for (const char* name : {"kernel_size", "stride"}) {
    given.length(name, 2);
    given.allAtLeast(name, 1);
  }
  given.length("padding", 2);
  given.allAtLeast("padding", 0);
  given.rank("self", 4, 4);
  given.rank("grad_output", 4, 4);
  given.rank("weight", 2, 4);
  for (const char* name : {"self", "grad_output", "weight"}) given.strided(name);
  const at::Tensor input = given.tensor("self");
  const at::Tensor weight = given.tensor("weight");
  const Sizes kernel = given.integers("kernel_size");
  const Sizes stride = given.integers("stride");
  const Sizes padding = given.integers("padding");
  Sizes output{input.size(0), weight.size(0)};
  for (size_t i = 0; i < 2; i++) {
    const int64_t size = input.size(static_cast<int64_t>(i) + 2);
    // Far below what overflows.
    given.expect(padding[i] <= std::numeric_limits<int32_t>::max(), "padding", "less than 2^31");
    given.expect(kernel[i] <= size + (2 * padding[i]), "kernel_size", "no more than the padded input");
    output.push_back(((size + (2 * padding[i]) - kernel[i]) / stride[i]) + 1);
  }
  given.shape("grad_output", output);
  const Sizes flat{weight.size(0), input.size(1) * kernel[0] * kernel[1]};
  const Sizes whole{weight.size(0), input.size(1), kernel[0], kernel[1]};
  given.expect(weight.sizes() == flat || weight.sizes() == whole, "weight", "the shape ", whole);
}

// The products go by the window's size as it was given, whatever the weight has.
template <int64_t Spatial>
void windowOfWeight(const Given& given) {
  given.rank("self", Spatial + 1, Spatial + 2);
  given.rank("weight", 2, Spatial + 2);
  const at::Tensor weight = given.tensor("weight");
  const Sizes window = given.integers("kernel_size");
  if (weight.dim() == Spatial + 2) {
    given.expect(weight.sizes().slice(2) == window, "weight", "windows of the size ", at::IntArrayRef(window));
    return;
  }
  // Flat, as some of the kernels take it too: a row of channels and windows for each channel of the other side.
  int64_t places = given.tensor("self").size(-Spatial - 1);
  for (const int64_t size : window) {
    given.expect(size > 0 && size <= std::numeric_limits<int32_t>::max(), "kernel_size", "sizes from 1 on");
    places = size <= weight.numel() ? places * size : 0;
  }
  given.expect(weight.dim() == 2 && places > 0 && weight.size(1) == places, "weight", "the shape of ", Spatial + 2,
               " dimensions");
}

void nnpack(const Given& given) {
  given.rank("input", 4, 4);
  given.rank("weight", 4, 4);
  given.type("input", at::kFloat);
  given.type("weight", at::kFloat);
  for (const char* name : {"input", "weight"}) given.strided(name);
  for (const char* name : {"padding", "stride"}) given.length(name, 2);
  given.allAtLeast("padding", 0);
  given.allAtLeast("stride", 1);
  const at::Tensor input = given.tensor("input");
  const at::Tensor weight = given.tensor("weight");
  given.expect(input.numel() > 0, "input", "at least one element");
  given.expect(weight.numel() > 0, "weight", "at least one element");
  given.expect(weight.size(1) == input.size(1), "weight", "the ", input.size(1), " channels of 'input'");
  const Sizes padding = given.integers("padding");
  for (int64_t i = 0; i < 2; i++) {
    given.expect(padding[i] < weight.size(i + 2), "padding", "less than the size of the window");
    given.expect(weight.size(i + 2) <= input.size(i + 2) + (2 * padding[i]), "weight",
                 "windows no larger than the padded input");
  }
  if (given.has("bias")) {
    given.type("bias", at::kFloat);
    given.elements("bias", weight.size(0));
    given.dense("bias");
  }
}

}  // namespace

GuardRows convolutionGuards() {
  return {
      {"aten::_nnpack_spatial_convolution", &run<nnpack>},
      {"aten::_slow_conv2d_backward", &run<slowConv2dBackward>},
      {"aten::mkldnn_reorder_conv2d_weight", &run<reorderConvolution>},
      {"aten::mkldnn_reorder_conv3d_weight", &run<reorderConvolution>},
      {"aten::slow_conv3d", &run<windowOfWeight<3>>},
      {"aten::slow_conv3d_forward", &run<windowOfWeight<3>>},
      {"aten::slow_conv_transpose2d", &run<windowOfWeight<2>>},
      {"aten::slow_conv_transpose3d", &run<windowOfWeight<3>>},
      {"mkldnn::_reorder_convolution_transpose_weight", &run<reorderConvolution>},
      {"mkldnn::_reorder_convolution_weight", &run<reorderConvolution>},
  };
}

}  // namespace torch_node

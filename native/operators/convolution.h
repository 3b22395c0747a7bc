// The shortcut for convolutions.
#pragma once

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "libtorch.h"

namespace torch_node {

// A convolution as the dispatcher calls it passes through conv2d, convolution and _convolution, of which the first two
// hand their arguments on and take 200 ns for that. This is _convolution at once, for tensors that autograd has nothing
// to record of, and gives nothing where the other two would do more: for a batch's missing dimension, complex numbers,
// a bias of another dtype, and wherever a key beside the CPU's own has a say (autocast, a program's recorder, a mode).
template <int64_t Dimensions>
at::Tensor convolve(const at::Tensor& input, const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                    c10::SymIntArrayRef stride, c10::SymIntArrayRef padding, c10::SymIntArrayRef dilation,
                    c10::SymInt groups) {
  static const std::vector<c10::SymInt> kOutputPadding(Dimensions, 0);
  constexpr c10::DispatchKeySet kPlain{c10::DispatchKey::CPU, c10::DispatchKey::BackendSelect};
  if (input.dim() != Dimensions + 2 || input.is_complex()) return {};
  c10::DispatchKeySet keys = input.key_set() | weight.key_set();
  if (bias) {
    if (bias->scalar_type() != input.scalar_type()) return {};
    keys = keys | bias->key_set();
  }
  const c10::impl::LocalDispatchKeySet here = c10::impl::tls_local_dispatch_key_set();
  if (((keys | here.included_) - here.excluded_) != kPlain) return {};
  // What the last four say is for cuDNN.
  return at::_convolution_symint(input, weight, bias, stride, padding, dilation, false, kOutputPadding,
                                 std::move(groups), false, false, false, false);
}

// What is tried before an operator, given its name, where autograd has nothing to record.
template <class... A>
auto shortcutOf(const std::string& name) -> at::Tensor (*)(A...) {
  using Shortcut = at::Tensor (*)(A...);
  if constexpr (std::is_same_v<Shortcut, decltype(&convolve<2>)>) {
    if (name == "aten::conv1d") return &convolve<1>;
    if (name == "aten::conv2d") return &convolve<2>;
    if (name == "aten::conv3d") return &convolve<3>;
  }
  return nullptr;
}

}  // namespace torch_node

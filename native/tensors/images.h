// Batches of images, as the operator torch_node::gather_images and for programs.
#pragma once

#include "libtorch.h"

namespace torch_node {

// images[index] with every byte b replaced by table[b].
//
// images: uint8 [N, ...]; index: int64 [B] on the same device; table: float32 [256] on the same device. Any function
// of one byte is a table of 256 values, computed once with the very operators that define it, so the result has
// the bits of normalising the images themselves.
at::Tensor gatherImages(const at::Tensor& images, const at::Tensor& index, const at::Tensor& table);

}  // namespace torch_node

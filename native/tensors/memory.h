// Memory that JavaScript and tensors share: where the bytes of JavaScript's buffers lie, and which tensors lie over
// them.
#pragma once

#include <memory>
#include <vector>

#include "js/values.h"

namespace torch_node {

// Where the bytes of a TypedArray or an ArrayBuffer lie.
struct Bytes {
  void* data = nullptr;
  size_t size = 0;
  napi_value buffer = nullptr;  // the ArrayBuffer or SharedArrayBuffer that they are part of
  size_t offset = 0;            // where in it
};

// Throws a TypeMismatch for anything else, and for a buffer that was detached.
Bytes bytesOf(Environment& environment, napi_value value);

// How many elements a shape has; throws an OutOfRange for sizes below 0 and for more than fit.
int64_t countOf(const std::vector<int64_t>& shape);

// Throws a TypeMismatch unless the bytes are as many as a tensor of that shape and type needs.
void checkSize(const Bytes& bytes, const std::vector<int64_t>& shape, at::ScalarType type);

// Whether the memory is not libtorch's own: a buffer of JavaScript's, which ends with its thread, or another library's.
bool isBorrowed(const at::Tensor& tensor);

// What keeps the memory where a tensor lies now, whatever becomes of the tensor: resize_() and shareMemory_() give a
// storage other memory.
using MemoryShare = std::shared_ptr<at::DataPtr>;
MemoryShare shareMemory(const at::Tensor& tensor);

// Whether resize_() could free memory that a background call reads: such calls hold a share of it.
bool hasHostMemory(const at::Tensor& tensor);

// The same values in the same memory, in a storage of its own.
at::Tensor aliasWithShare(const at::Tensor& tensor);

// Lets a storage over foreign memory on the CPU move into memory of libtorch's when it has to grow. Where it may not,
// resize_() throws after it has set the tensor's shape, which then reaches beyond the memory.
void makeResizable(const at::Tensor& tensor);

}  // namespace torch_node

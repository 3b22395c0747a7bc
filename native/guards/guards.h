// Guards: checks of an operator's arguments, for operators of libtorch that take them on trust and would read or write
// past their memory, divide by zero or never end. Python PyTorch dies of the same calls; here they end with an error.
#pragma once

#include <cstddef>

#include "libtorch.h"

namespace torch_node {

// Throws when the arguments on the stack, which are all of the schema's, are such that the operator must not be called.
using Guard = void (*)(const c10::FunctionSchema& schema, c10::ArrayRef<c10::IValue> arguments);

// The guard of an operator and all its overloads ("aten::_stack"), or nothing: most need none.
Guard guardOf(const c10::OperatorName& name);

// Whether an operator makes something of a number beside an integer tensor that has nothing to do with what the number
// wraps to in the tensor's type, as comparisons and divisions do; aten::eq, and aten::eq_ with it.
bool takesNumbersAsTheyAre(const c10::OperatorName& name);
// Throws where the number is an integer that the tensor's type, one of integers, cannot hold.
void checkNumber(const at::Tensor& tensor, const at::Scalar& number);
// The same for two tensors of which one may stand for a bare number.
void checkNumber(const at::Tensor& one, const at::Tensor& other);
// The guard that does so for all numbers of a call.
Guard numberGuard();

// Throws when a list of a fixed length ("int[2] padding") has another length: kernels index such lists without checking
// it.
void checkLength(const c10::Argument& argument, size_t expected, size_t given);

}  // namespace torch_node

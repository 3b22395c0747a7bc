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

// Throws when a list of a fixed length ("int[2] padding") has another length: kernels index such lists without checking
// it.
void checkLength(const c10::Argument& argument, size_t expected, size_t given);

}  // namespace torch_node

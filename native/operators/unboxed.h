// The unboxed call: signatures known at compile time.
#pragma once

#include <memory>

#include "operators.h"
#include "types.h"

namespace torch_node {

// The operator under one of the signatures that are compiled in; nothing when its schema is none of them.
std::unique_ptr<Operator> unboxedOperator(const c10::OperatorHandle& handle, const Signature& signature);

}  // namespace torch_node

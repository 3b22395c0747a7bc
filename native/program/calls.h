// Properties of operators and of their arguments, for the recorder and the analyses of recordings.
#pragma once

#include <algorithm>

#include "libtorch.h"

namespace torch_node {

// Whether an operator writes to an argument. The schemas of batch norm's older operators do not say so of the running
// statistics.
inline bool isWritten(const c10::Argument& argument) {
  if (argument.alias_info() != nullptr) return argument.alias_info()->isWrite();
  return argument.name() == "running_mean" || argument.name() == "running_var";
}

// Whether an operator writes to any argument.
inline bool changes(const c10::FunctionSchema& schema) { return std::ranges::any_of(schema.arguments(), isWritten); }

// Whether it draws random numbers.
inline bool draws(const c10::OperatorHandle& op) { return op.hasTag(at::Tag::nondeterministic_seeded); }

// Whether nothing is lost where it does not run and nobody wants its results. What gives none, such as an assertion,
// runs for its own sake.
inline bool isPure(const c10::OperatorHandle& op) {
  return !changes(op.schema()) && !draws(op) && !op.schema().returns().empty();
}

template <class F>
void eachTensor(const c10::IValue& value, const F& visit) {
  if (value.isTensor()) {
    if (value.toTensor().defined()) visit(value.toTensor());
  } else if (value.isList()) {
    for (const c10::IValue& item : value.toListRef()) {
      if (item.isTensor() && item.toTensor().defined()) visit(item.toTensor());
    }
  }
}

// All of a storage, as bytes.
inline at::Tensor bytesOf(const c10::Storage& storage) {
  const at::Tensor empty = at::empty({0}, at::TensorOptions().dtype(at::kByte).device(storage.device()));
  return empty.set_(storage, 0, {static_cast<int64_t>(storage.nbytes())}, {1});
}

}  // namespace torch_node

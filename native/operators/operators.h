// Operators: everything in the dispatcher of the linked libtorch, found by name and called by its own schema.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "js/bind.h"

namespace torch_node {

// An operator, found once and called many times: boxed, or through a signature known at compile time.
class Operator {
 public:
  virtual ~Operator() = default;
  Operator(const Operator&) = delete;
  Operator& operator=(const Operator&) = delete;
  virtual napi_value call(Environment& environment, std::span<const napi_value> arguments) const = 0;
  // Whether lists of integers may come through Environment::integers.
  [[nodiscard]] virtual bool takesLists() const { return false; }

 protected:
  Operator() = default;
};

// Adds anything else that takes a stack of values and leaves one, under a schema, to the environment's operators. Gives
// its description, as findOperator() does.
Raw addCallable(Environment& environment, c10::FunctionSchema schema, std::function<void(torch::jit::Stack&)> run);

}  // namespace torch_node

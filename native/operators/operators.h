// Operators: anything in the dispatcher of the linked libtorch, found by name and called by its own schema.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "js/bind.h"

namespace torch_node {

// An operator found once and called many times. How it is called (boxed, or through a signature known at compile
// time) is the subclass's affair.
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

struct Signature;

// The two conversions of a schema, for what does not run where JavaScript calls it.
class SchemaConverter {
 public:
  explicit SchemaConverter(c10::FunctionSchema schema);
  ~SchemaConverter();
  SchemaConverter(const SchemaConverter&) = delete;
  SchemaConverter& operator=(const SchemaConverter&) = delete;

  [[nodiscard]] const c10::FunctionSchema& schema() const { return schema_; }
  // The stack to call with. Arguments that are left out take the schema's defaults.
  [[nodiscard]] torch::jit::Stack in(Environment& environment, std::span<const napi_value> arguments) const;
  // What the call left on it.
  [[nodiscard]] napi_value out(Environment& environment, const torch::jit::Stack& stack) const;
  // { schema, arguments, results }, as findOperator() describes an operator.
  [[nodiscard]] Raw describe(Environment& environment) const;

 private:
  [[nodiscard]] c10::IValue argument(Environment& environment, size_t index,
                                     std::span<const napi_value> arguments) const;
  [[nodiscard]] napi_value result(Environment& environment, const c10::IValue& value, size_t index) const;

  c10::FunctionSchema schema_;
  std::unique_ptr<Signature> signature_;
};

// Anything else that takes a stack of values and leaves one, under a schema, as an operator: added to the
// environment's, and described as findOperator() describes one.
Raw addCallable(Environment& environment, c10::FunctionSchema schema, std::function<void(torch::jit::Stack&)> run);

std::vector<Binding> operatorBindings();

}  // namespace torch_node

// The boxed call: arguments on a stack, converted by the schema. Every operator can be called so.
#pragma once

#include <functional>
#include <span>

#include "guards/guards.h"
#include "operators.h"
#include "types.h"

namespace torch_node {

// Arguments and results of a call by its schema: a script's method may run between the two on another thread.
class SchemaConverter {
 public:
  explicit SchemaConverter(c10::FunctionSchema schema) : schema_(std::move(schema)), signature_(signatureOf(schema_)) {}

  [[nodiscard]] const c10::FunctionSchema& schema() const { return schema_; }
  // The stack to call with. Arguments that are left out take the schema's defaults.
  [[nodiscard]] torch::jit::Stack in(Environment& environment, std::span<const napi_value> arguments) const;
  // What the call left on it.
  [[nodiscard]] napi_value out(Environment& environment, const torch::jit::Stack& stack) const;

 private:
  [[nodiscard]] c10::IValue argument(Environment& environment, size_t index,
                                     std::span<const napi_value> arguments) const;
  [[nodiscard]] napi_value result(Environment& environment, const c10::IValue& value, size_t index) const;

  c10::FunctionSchema schema_;
  Signature signature_;
};

class BoxedOperator final : public Operator {
 public:
  BoxedOperator(const c10::OperatorHandle& handle, Guard guard)
      : BoxedOperator(handle.schema(), [handle](torch::jit::Stack& stack) { handle.callBoxed(stack); }, guard) {}
  BoxedOperator(c10::FunctionSchema schema, std::function<void(torch::jit::Stack&)> run, Guard guard = nullptr)
      : converter_(std::move(schema)), run_(std::move(run)), guard_(guard) {}

  napi_value call(Environment& environment, std::span<const napi_value> arguments) const override;

 private:
  SchemaConverter converter_;
  std::function<void(torch::jit::Stack&)> run_;
  Guard guard_;
};

}  // namespace torch_node

// What guards are written with: the arguments of a call, the checks of them, and the rows of a family's table.
#pragma once

#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "guards.h"
#include "js/values.h"

namespace torch_node {

using Sizes = std::vector<int64_t>;

// The arguments of one call, by the schema's names, and the checks of them. Each check throws an error that names the
// argument, what it is and what was expected.
class Given {
 public:
  Given(const c10::FunctionSchema& schema, c10::ArrayRef<c10::IValue> values) : schema_(&schema), values_(values) {}

  // ---- what was given ----

  // Whether the schema has the argument and a value was given for it.
  [[nodiscard]] bool has(std::string_view name) const;
  [[nodiscard]] at::Tensor tensor(std::string_view name) const;
  [[nodiscard]] std::vector<at::Tensor> tensors(std::string_view name) const { return at(name).toTensorVector(); }
  [[nodiscard]] int64_t integer(std::string_view name) const { return at(name).toInt(); }
  [[nodiscard]] bool flag(std::string_view name) const { return at(name).toBool(); }
  [[nodiscard]] const c10::IValue& value(std::string_view name) const { return at(name); }
  // A list of integers, or a tensor of them.
  [[nodiscard]] Sizes integers(std::string_view name) const;
  [[nodiscard]] std::vector<bool> flags(std::string_view name) const;

  // ---- checks ----

  // That something holds which is expected of an argument.
  template <class... Words>
  void expect(bool holds, std::string_view name, const Words&... expected) const {
    if (!holds) refuse(name, c10::str(expected...));
  }
  // A tensor's dimensions.
  void rank(std::string_view name, int64_t lowest, int64_t highest = std::numeric_limits<int64_t>::max()) const;
  void shape(std::string_view name, at::IntArrayRef sizes) const;
  void sameShape(std::string_view name, std::string_view other) const;
  void elements(std::string_view name, int64_t count) const;
  void type(std::string_view name, at::ScalarType expected) const;
  void sameType(std::string_view name, std::string_view other) const { type(name, tensor(other).scalar_type()); }
  // Kernels that go through numel() elements from data_ptr() on need them side by side, in whatever order.
  void dense(std::string_view name) const;
  void strided(std::string_view name) const;
  // How many items a list, or a tensor, has.
  void length(std::string_view name, size_t expected) const;
  // An integer's bounds, both included.
  void within(std::string_view name, int64_t lowest, int64_t highest) const;
  void atLeast(std::string_view name, int64_t lowest) const;
  void allAtLeast(std::string_view name, int64_t lowest) const;
  // The bounds of an integer tensor's values in the CPU's memory; elsewhere kernels check for themselves, or nothing
  // can be read without a wait.
  void values(std::string_view name, int64_t lowest, int64_t highest) const;

  // That the values of a tensor are the same in every run of a step that is being recorded: the operator reads them on
  // its way to the kernels that the step is made of.
  void readOnce(std::string_view name) const;

 private:
  [[noreturn]] void refuse(std::string_view name, const std::string& expected) const;
  [[nodiscard]] const c10::IValue* find(std::string_view name) const;
  [[nodiscard]] const c10::IValue& at(std::string_view name) const;

  const c10::FunctionSchema* schema_;
  c10::ArrayRef<c10::IValue> values_;
};

// Which of some names the schema has.
std::string_view oneOf(const Given& given, std::initializer_list<std::string_view> names);

// A row of a family's table: an operator and all its overloads ("aten::_stack"), and their guard.
struct GuardRow {
  std::string_view name;
  Guard guard;
};
using GuardRows = std::vector<GuardRow>;

// The guard that runs a check.
template <void (*Check)(const Given&)>
void run(const c10::FunctionSchema& schema, c10::ArrayRef<c10::IValue> arguments) {
  Check(Given(schema, arguments));
}

// ---- the families, a file each ----

GuardRows attentionGuards();
GuardRows convolutionGuards();
GuardRows indexingGuards();
GuardRows layoutGuards();
GuardRows linalgGuards();
GuardRows listGuards();
GuardRows lossGuards();
GuardRows mathGuards();
GuardRows normalizationGuards();
GuardRows poolingGuards();
GuardRows quantizationGuards();
GuardRows recurrentGuards();

// Of every foreach operator that has no row: there are a hundred of them.
Guard foreachGuard();

}  // namespace torch_node

// The table of guards, out of its families. Each guard writes down what the kernels of ATen (libtorch 2.13) take for
// granted; whatever works in PyTorch passes. Arguments are looked up by the schema's names, so that one guard serves an
// operator's overloads.
#include "guards.h"

#include <stdexcept>
#include <string_view>
#include <unordered_map>

#include "given.h"

namespace torch_node {

namespace {

std::unordered_map<std::string_view, Guard> table() {
  std::unordered_map<std::string_view, Guard> out;
  for (const GuardRows& rows :
       {attentionGuards(), convolutionGuards(), indexingGuards(), layoutGuards(), linalgGuards(), listGuards(),
        lossGuards(), mathGuards(), normalizationGuards(), poolingGuards(), quantizationGuards(), recurrentGuards()}) {
    for (const GuardRow& row : rows) out.emplace(row.name, row.guard);
  }
  return out;
}

}  // namespace

Guard guardOf(const c10::OperatorName& name) {
  static const std::unordered_map<std::string_view, Guard> kGuards = table();
  const auto found = kGuards.find(name.name);
  if (found != kGuards.end()) return found->second;
  return name.name.starts_with("aten::_foreach_") ? foreachGuard() : nullptr;
}

void checkLength(const c10::Argument& argument, size_t expected, size_t given) {
  // One value stands for all, and an empty stride for the size of the window.
  if (given >= expected || given == 1 || (given == 0 && argument.name() == "stride")) return;
  throw std::invalid_argument(c10::str("expected ", expected, " values, got ", given));
}

}  // namespace torch_node

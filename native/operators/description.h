// Descriptions: what TypeScript has to know of an operator to call it.
#pragma once

#include "js/values.h"

namespace torch_node {

// { schema, arguments: [{ name, kind, type, keywordOnly, required }], results: [{ kind, argument }] }; see
// OperatorDescription in lib/native/binding.ts. `takesLists` says that lists of integers may come through
// Environment::integers.
Napi::Object describeOperator(Environment& environment, const c10::FunctionSchema& schema, bool takesLists = false);

}  // namespace torch_node

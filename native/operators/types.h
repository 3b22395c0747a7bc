// Schema types: what JavaScript passes for each, worked out once for each operator.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "js/values.h"

namespace torch_node {

enum class Kind : uint8_t {
  kTensor,
  kScalar,
  kInt,
  kFloat,
  kBool,
  kString,
  kScalarType,
  kDevice,
  kLayout,
  kMemoryFormat,
  kGenerator,
  kList,
  kQScheme,
  kStream,
  kTuple,
  kDict,
  kObject,  // of a custom class, a storage: what objects.h holds
  kAny,
};

// A schema type, worked out once.
struct SchemaType {
  Kind kind = Kind::kAny;
  bool optional = false;
  int32_t length = 0;                   // of a list with a fixed length ("int[2]"), else 0
  std::unique_ptr<SchemaType> element;  // of a list
  c10::TypePtr boxedElement;            // what the dispatcher's own list of it holds
  std::vector<SchemaType> members;      // of a tuple; of a dictionary its keys and its values
  c10::TypePtr real;                    // of a dictionary, an object, or any value: what the schema asks for
};

// Whether values of a type need tags (objects.h); others cross as they are, tensors and generators as the numbers of
// their handles.
bool needsTags(const SchemaType& type);

// A value of JavaScript's as the dispatcher takes it; throws a TypeMismatch for a value of another kind. `untagged`
// says that handles are plain numbers, not tagged values.
c10::IValue toIValue(Environment& environment, const SchemaType& type, napi_value value, bool untagged);
// The way back. Tensors get handles of their own.
napi_value toJs(Environment& environment, const c10::IValue& value, const SchemaType& type);

// One result of a schema: its type, and which argument it is when the operator gives an argument back
// ("Tensor(a!) self" of the in-place and out= forms), else -1.
struct Result {
  SchemaType type;
  int32_t argument = -1;
};

struct Signature {
  std::vector<SchemaType> arguments;
  std::vector<Result> results;
};

Signature signatureOf(const c10::FunctionSchema& schema);

// Throws the error being handled again, with the argument's name before its words.
[[noreturn]] void rethrowNamed(const c10::Argument& argument);

}  // namespace torch_node

// Tagged values: how JavaScript passes what its own values cannot tell apart. Where a schema's type says enough, a
// tensor is passed as the number of its handle; inside dictionaries, tuples, lists of lists and values of any type it
// is passed in an object that says what it is: { tensor: 5 }, { generator: 5 }, { object: 5 }, { stream: [device, id]
// }, { entries: [[key, value], ...] }. lib/operators/taggedValues.ts is the other side.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "js/bind.h"

namespace torch_node {

// The number of a handle: what the tagged value of that name holds or, where handles come untagged, the value itself.
// Inside a dictionary a number is a number, whatever tensor may have it for a handle.
uint32_t taggedHandle(Environment& environment, napi_value value, const char* name, bool untagged = false);
at::Generator taggedGenerator(Environment& environment, napi_value value, bool untagged = false);
c10::Stream taggedStream(Environment& environment, napi_value value);
// The keys and values of a dictionary.
std::vector<std::pair<napi_value, napi_value>> taggedEntries(Environment& environment, napi_value value);
// An object of a type; throws a TypeMismatch for an object of another.
c10::IValue taggedObject(Environment& environment, napi_value value, const c10::Type& type);
// Any value, converted by what it is in JavaScript; throws a TypeMismatch when it is not of the type, which may be a
// union.
c10::IValue taggedValue(Environment& environment, napi_value value, const c10::Type& type);
// The way back. A value that JavaScript has no counterpart of becomes an object, held in environment.objects.
napi_value taggedToJs(Environment& environment, const c10::IValue& value);

// The quantization scheme of a name such as "per_tensor_affine".
c10::QScheme qscheme(const std::string& name);

}  // namespace torch_node

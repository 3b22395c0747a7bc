// Values that JavaScript has no type for, and those that lie inside others. Where a schema's type says enough, a tensor
// crosses as the number of its handle; inside dictionaries, tuples, lists of lists and values of any type it crosses in
// a carrier that says what it is: { tensor: 5 }, { generator: 5 }, { object: 5 }, { stream: [device, id] },
// { entries: [[key, value], ...] }. lib/tensor/carriers.ts is the other side.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "bind.h"

namespace torch_node {

// The number of a handle: what the carrier of that name holds or, where handles come bare, the value itself. Inside a
// dictionary a number is a number, whatever tensor may have it for a handle.
uint32_t carriedHandle(Environment& environment, napi_value value, const char* name, bool bare = false);
at::Generator carriedGenerator(Environment& environment, napi_value value, bool bare = false);
c10::Stream carriedStream(Environment& environment, napi_value value);
// The keys and values of a dictionary.
std::vector<std::pair<napi_value, napi_value>> carriedEntries(Environment& environment, napi_value value);
// An object of a type; a TypeMismatch says what it is where it is of another.
c10::IValue carriedObject(Environment& environment, napi_value value, const c10::Type& type);
// Any value, by what it is in JavaScript; a TypeMismatch when it is not of the type, which may be a union.
c10::IValue carriedValue(Environment& environment, napi_value value, const c10::Type& type);
// The way back. Whatever has no counterpart becomes an object, held in environment.objects.
napi_value carriedToJs(Environment& environment, const c10::IValue& value);

// The quantization scheme of a name such as "per_tensor_affine".
c10::QScheme qscheme(const std::string& name);

}  // namespace torch_node

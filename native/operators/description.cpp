// Descriptions of operators for TypeScript.
#include "description.h"

#include <string>

#include "types.h"

namespace torch_node {

namespace {

// What TypeScript has to know of a value: where the tensors (and generators) are, and the lists of integers that it may
// pass through Environment::integers.
std::string handleKind(const SchemaType& type, bool takesLists = false) {
  if (type.kind == Kind::kTensor) return type.optional ? "tensor?" : "tensor";
  if (type.kind == Kind::kGenerator) return "generator";
  if (type.kind == Kind::kList && type.element->kind == Kind::kTensor) return "tensors";
  if (takesLists && type.kind == Kind::kList && type.element->kind == Kind::kInt) return "integers";
  return needsTags(type) ? "tagged" : "plain";
}

}  // namespace

Napi::Object describeOperator(Environment& environment, const c10::FunctionSchema& schema, bool takesLists) {
  const Napi::Env env(environment.env());
  const Signature signature = signatureOf(schema);
  Napi::Object out = Napi::Object::New(env);
  out.Set("schema", c10::toString(schema));
  const Napi::Array arguments = Napi::Array::New(env);
  for (uint32_t i = 0; i < signature.arguments.size(); i++) {
    const Napi::Object entry = Napi::Object::New(env);
    const auto& argument = schema.arguments()[i];
    entry.Set("name", argument.name());
    entry.Set("kind", handleKind(signature.arguments[i], takesLists));
    entry.Set("type", argument.real_type()->str());
    entry.Set("keywordOnly", argument.kwarg_only());
    entry.Set("required", !argument.default_value().has_value());
    arguments.Set(i, entry);
  }
  out.Set("arguments", arguments);
  const Napi::Array results = Napi::Array::New(env);
  for (uint32_t i = 0; i < signature.results.size(); i++) {
    const Napi::Object entry = Napi::Object::New(env);
    entry.Set("kind", handleKind(signature.results[i].type));
    entry.Set("argument", signature.results[i].argument);
    results.Set(i, entry);
  }
  out.Set("results", results);
  return out;
}

}  // namespace torch_node

// The boxed call.
#include "boxed.h"

#include <algorithm>

namespace torch_node {

torch::jit::Stack SchemaConverter::in(Environment& environment, std::span<const napi_value> arguments) const {
  const auto& schema = schema_.arguments();
  if (arguments.size() > schema.size()) {
    throw TypeMismatch("expected at most " + std::to_string(schema.size()) + " arguments, got " +
                       std::to_string(arguments.size()));
  }
  torch::jit::Stack stack;
  stack.reserve(std::max(schema.size(), signature_.results.size()));
  for (size_t i = 0; i < schema.size(); i++) stack.push_back(argument(environment, i, arguments));
  return stack;
}

napi_value SchemaConverter::out(Environment& environment, const torch::jit::Stack& stack) const {
  napi_env env = environment.env();
  const size_t count = signature_.results.size();
  if (count == 1) return result(environment, stack[0], 0);
  napi_value out = nullptr;
  if (count == 0) {
    check(env, napi_get_undefined(env, &out));
    return out;
  }
  check(env, napi_create_array_with_length(env, count, &out));
  for (size_t i = 0; i < count; i++) {
    check(env, napi_set_element(env, out, static_cast<uint32_t>(i), result(environment, stack[i], i)));
  }
  return out;
}

c10::IValue SchemaConverter::argument(Environment& environment, size_t index,
                                      std::span<const napi_value> arguments) const {
  const c10::Argument& schema = schema_.arguments()[index];
  napi_valuetype given = napi_undefined;
  if (index < arguments.size()) check(environment.env(), napi_typeof(environment.env(), arguments[index], &given));
  if (given == napi_undefined) {
    if (const auto& fallback = schema.default_value()) return *fallback;
    if (signature_.arguments[index].optional) return {};
    throw TypeMismatch("argument '" + schema.name() + "' is missing");
  }
  try {
    const SchemaType& type = signature_.arguments[index];
    c10::IValue value = toIValue(environment, type, arguments[index], !needsTags(type));
    if (type.length > 1 && value.isList()) {
      checkLength(schema, static_cast<size_t>(type.length), value.toListRef().size());
    }
    return value;
  } catch (const std::invalid_argument&) {
    rethrowNamed(schema);
  }
}

// A result that is one of the arguments is not given a second handle: the caller has the argument.
napi_value SchemaConverter::result(Environment& environment, const c10::IValue& value, size_t index) const {
  const Result& entry = signature_.results[index];
  if (entry.argument < 0) return toJs(environment, value, entry.type);
  napi_value out = nullptr;
  check(environment.env(), napi_get_null(environment.env(), &out));
  return out;
}

napi_value BoxedOperator::call(Environment& environment, std::span<const napi_value> arguments) const {
  torch::jit::Stack stack = converter_.in(environment, arguments);
  if (guard_) guard_(converter_.schema(), stack);
  run_(stack);
  return converter_.out(environment, stack);
}

}  // namespace torch_node

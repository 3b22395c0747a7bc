// The one call path for every operator of the dispatcher: found by name once, then called by number.
#include "operators.h"

#include <algorithm>
#include <array>

#include "bindings.h"
#include "boxed.h"
#include "description.h"
#include "unboxed.h"

namespace torch_node {

namespace {

// Operators with a guard are called boxed, as guards look arguments up by name. Numbers beside a tensor are checked in
// both.
std::unique_ptr<Operator> makeOperator(const c10::OperatorHandle& handle) {
  const Guard guard = guardOf(handle.operator_name());
  std::unique_ptr<Operator> out;
  if (guard == nullptr) out = unboxedOperator(handle, signatureOf(handle.schema()));
  if (!out) {
    const bool checksNumbers = guard == nullptr && takesNumbersAsTheyAre(handle.operator_name());
    out = std::make_unique<BoxedOperator>(handle, checksNumbers ? numberGuard() : guard);
  }
  return out;
}

// findOperator(name, overload): { id, schema, arguments, results } or null
Raw findOperator(Environment& environment, const std::string& name, const std::string& overload) {
  napi_env env = environment.env();
  const auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
  if (!handle) {
    napi_value none = nullptr;
    check(env, napi_get_null(env, &none));
    return {none};
  }
  auto made = makeOperator(*handle);
  const auto out = describeOperator(environment, handle->schema(), made->takesLists());
  out.Set("id", static_cast<double>(environment.operators.size()));
  environment.operators.push_back(std::move(made));
  return {out};
}

// Every name in the dispatcher, as "aten::add.Tensor".
std::vector<std::string> operatorNames(Environment& /*environment*/) {
  std::vector<std::string> out;
  for (const auto& name : c10::Dispatcher::singleton().getAllOpNames()) out.push_back(c10::toString(name));
  std::ranges::sort(out);
  return out;
}

// More than any schema has, and as many as most calls have. Node-API fills what the caller left out, so that a large
// array costs every call.
constexpr size_t kMaxArguments = 64;
constexpr size_t kUsualArguments = 7;

template <size_t N>
napi_value callOperatorOf(Environment& environment, std::array<napi_value, N>& argv, size_t argc) {
  const uint32_t id = FromJs<uint32_t>::get(environment, argv[0]);
  if (id >= environment.operators.size()) throw TypeMismatch("no operator has this number");
  return environment.operators[id]->call(environment, std::span(argv).subspan(1, argc - 1));
}

// callOperator(id, ...arguments)
napi_value callOperator(napi_env env, napi_callback_info info) {
  return guarded(env, [&]() -> napi_value {
    std::array<napi_value, kUsualArguments + 1> usual;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled below
    size_t argc = usual.size();
    void* data = nullptr;
    check(env, napi_get_cb_info(env, info, &argc, usual.data(), nullptr, &data));
    auto& environment = *static_cast<Environment*>(data);
    if (argc < 1) throw TypeMismatch("expected an operator");
    if (argc <= usual.size()) return callOperatorOf(environment, usual, argc);
    std::array<napi_value, kMaxArguments + 1> many{};
    if (argc > many.size()) throw TypeMismatch("expected at most 64 arguments, got " + std::to_string(argc - 1));
    check(env, napi_get_cb_info(env, info, &argc, many.data(), nullptr, nullptr));
    return callOperatorOf(environment, many, argc);
  });
}

}  // namespace

Raw addCallable(Environment& environment, c10::FunctionSchema schema, std::function<void(torch::jit::Stack&)> run) {
  const auto out = describeOperator(environment, schema);
  out.Set("id", static_cast<double>(environment.operators.size()));
  environment.operators.push_back(std::make_unique<BoxedOperator>(std::move(schema), std::move(run)));
  return {out};
}

std::vector<Binding> operatorBindings() {
  return {
      bound<&findOperator>("findOperator"),
      bound<&operatorNames>("operatorNames"),
      {"callOperator", &callOperator},
  };
}

}  // namespace torch_node

// JavaScript functions that C++ calls.
#include "callback.h"

#include "relay.h"

namespace torch_node {

namespace {

// Node-API refuses most calls while an exception is pending, so it is taken off before anything else.
[[noreturn]] void throwPending(Environment& environment, const std::string& what) {
  napi_env env = environment.env();
  bool pending = false;
  napi_value thrown = nullptr;
  if (napi_is_exception_pending(env, &pending) != napi_ok || !pending ||
      napi_get_and_clear_last_exception(env, &thrown) != napi_ok) {
    throw std::runtime_error(what + ": JavaScript cannot run any more, its thread is ending");
  }
  throw JavaScriptError(environment, thrown);
}

}  // namespace

JsReference::JsReference(Environment& environment, napi_value value) : environment_(&environment) {
  check(environment.env(), napi_create_reference(environment.env(), value, 1, &reference_));
  environment.retain();
}

JsReference::~JsReference() {
  environment_->dropReference(reference_);
  environment_->release();
}

napi_value JsReference::value() const {
  napi_value out = nullptr;
  check(environment_->env(), napi_get_reference_value(environment_->env(), reference_, &out));
  return out;
}

JavaScriptError::JavaScriptError(Environment& environment, napi_value thrown) {
  napi_env env = environment.env();
  napi_value box = nullptr;
  check(env, napi_create_array_with_length(env, 1, &box));
  check(env, napi_set_element(env, box, 0, thrown));
  box_ = std::make_shared<JsReference>(environment, box);
}

bool JavaScriptError::rethrow(napi_env env) const noexcept {
  try {
    if (!box_->environment().isCurrent() || box_->environment().env() != env) return false;
    napi_value thrown = nullptr;
    check(env, napi_get_element(env, box_->value(), 0, &thrown));
    return napi_throw(env, thrown) == napi_ok;
  } catch (const std::exception&) {
    return false;
  }
}

std::vector<at::Tensor> JsCallback::call(const std::string& what,
                                         std::span<const std::vector<at::Tensor>> lists) const {
  Environment& environment = function_.environment();
  if (environment.isCurrent()) return callHere(what, lists);
  Relay* relay = Relay::current();
  if (!relay || !relay->isOf(environment)) {
    throw std::runtime_error(what +
                             ": a JavaScript function runs on the thread that it was made on only, and autograd "
                             "called it from another (the tensors were handed to another thread, or backward() was "
                             "nested too deep)");
  }
  std::vector<at::Tensor> out;
  relay->call([&] { out = callHere(what, lists); });
  return out;
}

std::vector<at::Tensor> JsCallback::callHere(const std::string& what,
                                             std::span<const std::vector<at::Tensor>> lists) const {
  Environment& environment = function_.environment();
  napi_env env = environment.env();
  const HandleScope scope(env);
  std::vector<napi_value> arguments;
  for (const auto& list : lists) arguments.push_back(ToJs<std::vector<at::Tensor>>::set(environment, list));
  napi_value receiver = nullptr;
  check(env, napi_get_undefined(env, &receiver));
  napi_value result = nullptr;
  if (napi_call_function(env, receiver, function_.value(), arguments.size(), arguments.data(), &result) != napi_ok) {
    throwPending(environment, what);
  }
  std::vector<at::Tensor> out;
  for (const uint32_t handle : FromJs<std::vector<uint32_t>>::get(environment, {result})) {
    out.push_back(handle == 0 ? at::Tensor() : environment.tensor(handle));
    environment.releaseTensor(handle);
  }
  return out;
}

}  // namespace torch_node

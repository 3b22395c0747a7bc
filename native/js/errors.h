// C++ exceptions become JavaScript errors here, and nowhere else.
#pragma once

#include <exception>
#include <stdexcept>
#include <string>

#include "libtorch.h"

namespace torch_node {

// A value of another kind than expected: becomes a TypeError with the code ERR_INVALID_ARG_TYPE, Node's own for this.
class TypeMismatch : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

// A number outside its bounds: becomes a RangeError with the code ERR_OUT_OF_RANGE, Node's own for this.
class OutOfRange : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

// Thrown when a Node-API call failed with a JavaScript exception already pending.
class JavaScriptPending : public std::exception {};

// libtorch's words without its C++ backtrace and without the pages of kernel registrations that follow a failed
// dispatch.
std::string readable(const c10::Error& error);

// The first line of an exception's words.
inline std::string firstLine(const std::exception& error) {
  const std::string text = error.what();
  return text.substr(0, text.find('\n'));
}

// Turns the exception being handled into a pending JavaScript error.
void throwCurrent(napi_env env) noexcept;

// The exception being handled as a JavaScript error, which is not thrown; null where JavaScript cannot run any more.
napi_value currentError(napi_env env) noexcept;

// Runs a function; no exception leaves it.
template <class F>
napi_value guarded(napi_env env, const F& function) noexcept {
  try {
    return function();
  } catch (...) {
    throwCurrent(env);
    return nullptr;
  }
}

// Throws unless a Node-API call succeeded.
inline void check(napi_env env, napi_status status) {
  if (status == napi_ok) return;
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (pending) throw JavaScriptPending();
  const napi_extended_error_info* info = nullptr;
  napi_get_last_error_info(env, &info);
  throw TypeMismatch(info && info->error_message ? info->error_message : "a Node-API call failed");
}

}  // namespace torch_node

// JavaScript functions that C++ calls, from inside the autograd engine too; what they throw passes through C++
// unchanged.
#pragma once

#include <exception>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "values.h"

namespace torch_node {

// JavaScript values made inside do not wait for the end of the native call around it.
class HandleScope {
 public:
  explicit HandleScope(napi_env env) : env_(env) { check(env, napi_open_handle_scope(env, &scope_)); }
  ~HandleScope() { napi_close_handle_scope(env_, scope_); }
  HandleScope(const HandleScope&) = delete;
  HandleScope& operator=(const HandleScope&) = delete;

 private:
  napi_env env_;
  napi_handle_scope scope_ = nullptr;
};

// A strong reference to a JavaScript value that may die on any thread.
class JsReference {
 public:
  JsReference(Environment& environment, napi_value value);
  ~JsReference();
  JsReference(const JsReference&) = delete;
  JsReference& operator=(const JsReference&) = delete;

  // On the environment's own thread only.
  [[nodiscard]] napi_value value() const;
  [[nodiscard]] Environment& environment() const { return *environment_; }

 private:
  Environment* environment_;
  napi_ref reference_ = nullptr;
};

// What a JavaScript function threw, on its way through C++ code that knows nothing of JavaScript.
class JavaScriptError : public std::exception {
 public:
  JavaScriptError(Environment& environment, napi_value thrown);
  [[nodiscard]] const char* what() const noexcept override { return "a JavaScript function threw an error"; }
  // Throws the same value again, as a pending JavaScript exception; false where it belongs to another environment.
  [[nodiscard]] bool rethrow(napi_env env) const noexcept;

 private:
  // An array that holds it: not every value can be referred to. Shared, as exceptions are copied.
  std::shared_ptr<JsReference> box_;
};

// A JavaScript function that takes lists of tensor handles and gives one back. The handles that it gets are its own to
// release; those that it gives are released here.
class JsCallback {
 public:
  JsCallback(Environment& environment, napi_value function) : function_(environment, function) {}
  // On the environment's own thread, or on one that works for a pass which that thread serves (relay.h). Throws on
  // others, and when the function throws. `what` is for the words.
  [[nodiscard]] std::vector<at::Tensor> call(const std::string& what,
                                             std::span<const std::vector<at::Tensor>> lists) const;

 private:
  [[nodiscard]] std::vector<at::Tensor> callHere(const std::string& what,
                                                 std::span<const std::vector<at::Tensor>> lists) const;

  JsReference function_;
};

}  // namespace torch_node

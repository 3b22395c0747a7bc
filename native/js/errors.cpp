// From C++ exceptions to JavaScript errors.
#include "errors.h"

#include "callback.h"

namespace torch_node {

std::string readable(const c10::Error& error) {
  std::string text = error.what_without_backtrace();
  // A failed dispatch goes on with advice on libtorch builds, a list of all backends and a paragraph for each of
  // them; internal checks end with the C++ source position.
  for (const char* tail : {" This could be because the operator doesn't exist for this backend", ": registered at ",
                           "\nException raised from", "\nC++ CapturedTraceback"}) {
    if (const size_t at = text.find(tail); at != std::string::npos) text.resize(at);
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

void throwCurrent(napi_env env) noexcept {
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (pending) return;
  try {
    throw;
  } catch (const JavaScriptError& error) {
    if (!error.rethrow(env)) napi_throw_error(env, "ERR_TORCH", error.what());
  } catch (const TypeMismatch& error) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", error.what());
  } catch (const OutOfRange& error) {
    napi_throw_range_error(env, "ERR_OUT_OF_RANGE", error.what());
  } catch (const c10::OutOfMemoryError& error) {
    napi_throw_error(env, "ERR_TORCH_OUT_OF_MEMORY", readable(error).c_str());
  } catch (const c10::Error& error) {
    napi_throw_error(env, "ERR_TORCH", readable(error).c_str());
  } catch (const Napi::Error& error) {
    napi_value value = error.Value();
    napi_throw(env, value);
  } catch (const std::bad_alloc&) {
    napi_throw_error(env, "ERR_TORCH_OUT_OF_MEMORY", "out of memory");
  } catch (const std::exception& error) {
    napi_throw_error(env, "ERR_TORCH", error.what());
  } catch (...) {
    napi_throw_error(env, "ERR_TORCH", "an unknown C++ exception");
  }
}

napi_value currentError(napi_env env) noexcept {
  throwCurrent(env);
  napi_value error = nullptr;
  napi_get_and_clear_last_exception(env, &error);
  return error;
}

}  // namespace torch_node

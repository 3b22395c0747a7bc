// The addon's start: makes an environment, and puts the table of bindings into exports.
#include <climits>

#include "bindings.h"

namespace torch_node {

namespace {

// exports.integers: the memory of Environment::integers. The reference is deleted together with the JavaScript
// environment.
void shareIntegers(Environment& environment, napi_value exports) {
  constexpr size_t kCount = 1024;
  napi_env env = environment.env();
  void* data = nullptr;
  napi_value buffer = nullptr;
  napi_value array = nullptr;
  napi_ref reference = nullptr;
  check(env, napi_create_arraybuffer(env, kCount * sizeof(double), &data, &buffer));
  check(env, napi_create_typedarray(env, napi_float64_array, kCount, buffer, 0, &array));
  check(env, napi_create_reference(env, buffer, 1, &reference));
  check(env, napi_set_named_property(env, exports, "integers", array));
  environment.integers = {static_cast<const double*>(data), kCount};
}

napi_value initialize(napi_env env, napi_value exports) {
  return guarded(env, [&]() -> napi_value {
    keepSmallBlocks();
    registerKernels();
    Environment* environment = Environment::create(env);
    const auto close = [](napi_env /*env*/, void* data, void* /*hint*/) {
      auto* closing = static_cast<Environment*>(data);
      closing->close();
      closing->release();
    };
    check(env, napi_set_instance_data(env, environment, close, nullptr));
    shareIntegers(*environment, exports);
    for (const auto& table :
         {anomalyBindings(), autocastBindings(), autogradBindings(), deviceBindings(), dlpackBindings(),
          functionBindings(), inductorBindings(), mappingBindings(), memoryBindings(), moduleBindings(),
          objectBindings(), operatorBindings(), optimizerBindings(), programBindings(), runtimeBindings(),
          scriptBindings(), tensorBindings(), transferBindings(), warningBindings()}) {
      for (const Binding& binding : table) {
        napi_value function = nullptr;
        check(env, napi_create_function(env, binding.name, NAPI_AUTO_LENGTH, binding.call, environment, &function));
        check(env, napi_set_named_property(env, exports, binding.name, function));
      }
    }
    return exports;
  });
}

}  // namespace

}  // namespace torch_node

#ifdef __GLIBC__
// libstdc++'s shared_ptr asks glibc 2.32 and later whether the process has one thread only. Answering "no" here keeps
// the addon loadable on glibc 2.28, and is the truth: libtorch starts threads.
extern "C" {
__attribute__((visibility("hidden"))) char __libc_single_threaded = 0;  // NOLINT: glibc's name
}
#endif

// Only functions of Node-API 9 are called. The version declared is the experimental one for a single reason: under
// it finalizers run during garbage collection, under 9 they wait for the event loop, and a synchronous loop that
// makes tensors outside a scope grows without bound (measured on Node 20: none of 2,000,000 finalizers ran within
// the loop under 9, all but the last few under the experimental version).
extern "C" NAPI_MODULE_EXPORT int32_t node_api_module_get_api_version_v1() { return INT_MAX; }

extern "C" NAPI_MODULE_EXPORT napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  return torch_node::initialize(env, exports);
}

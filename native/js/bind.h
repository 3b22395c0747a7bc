// Binding as a table: `bound<&function>` makes a Node-API callback of a C++ function
// `R function(Environment&, A...)`, converting by the traits of values.h.
#pragma once

#include <array>
#include <tuple>
#include <utility>

#include "values.h"

namespace torch_node {

template <auto F>
struct Bound;

template <class R, class... A, R (*F)(Environment&, A...)>
struct Bound<F> {
  static napi_value call(napi_env env, napi_callback_info info) {
    return guarded(env, [&]() -> napi_value {
      // Node-API fills what the caller left out with undefined.
      std::array<napi_value, sizeof...(A) + 1> argv{};
      size_t argc = argv.size();
      void* data = nullptr;
      check(env, napi_get_cb_info(env, info, &argc, argv.data(), nullptr, &data));
      auto& environment = *static_cast<Environment*>(data);
      return apply(environment, argv, std::index_sequence_for<A...>());
    });
  }

 private:
  template <size_t... I>
  static napi_value apply(Environment& environment, const std::array<napi_value, sizeof...(A) + 1>& argv,
                          std::index_sequence<I...> /*indices*/) {
    // Braces keep the conversions in the order of the arguments.
    const std::tuple<std::decay_t<A>...> arguments{FromJs<std::decay_t<A>>::get(environment, argv[I])...};
    if constexpr (std::is_void_v<R>) {
      F(environment, std::get<I>(arguments)...);
      return nullptr;
    } else {
      return ToJs<std::decay_t<R>>::set(environment, F(environment, std::get<I>(arguments)...));
    }
  }
};

struct Binding {
  const char* name;
  napi_callback call;
};

template <auto F>
constexpr Binding bound(const char* name) {
  return {name, &Bound<F>::call};
}

}  // namespace torch_node

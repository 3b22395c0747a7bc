// Conversions between JavaScript and C++: traits that the binding table (bind.h) and the operators share.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "environment.h"
#include "errors.h"
#include "libtorch.h"

namespace torch_node {

// What a value is, in words for an error message.
std::string describe(napi_env env, napi_value value);
bool isNullish(napi_env env, napi_value value);

// The scalar type for a name such as "float32"; throws a TypeMismatch that lists the names.
at::ScalarType scalarType(const std::string& name);
std::string scalarTypeName(at::ScalarType type);

// The generator that a handle stands for; throws where it was released.
at::Generator generatorOf(Environment& environment, uint32_t handle);

// A JavaScript number (when it is exact) or a bigint.
napi_value integerToJs(napi_env env, int64_t value);

template <class T>
struct FromJs;
template <class T>
struct ToJs;

// A JavaScript value passed through as it is.
struct Raw {
  napi_value value = nullptr;
};

template <>
struct FromJs<Raw> {
  static Raw get(Environment& /*environment*/, napi_value value) { return {value}; }
};
template <>
struct FromJs<bool> {
  static bool get(Environment& environment, napi_value value);
};
template <>
struct FromJs<double> {
  static double get(Environment& environment, napi_value value);
};
template <>
struct FromJs<int64_t> {
  static int64_t get(Environment& environment, napi_value value);
};
template <>
struct FromJs<uint32_t> {
  static uint32_t get(Environment& environment, napi_value value);
};
template <>
struct FromJs<std::string> {
  static std::string get(Environment& environment, napi_value value);
};
template <>
struct FromJs<at::ScalarType> {
  static at::ScalarType get(Environment& environment, napi_value value) {
    return scalarType(FromJs<std::string>::get(environment, value));
  }
};
template <>
struct FromJs<at::Device> {
  static at::Device get(Environment& environment, napi_value value) {
    return {FromJs<std::string>::get(environment, value)};
  }
};
// number, bigint, boolean, { re, im } for a complex number or { dtype, value } for a number that says what it is. A
// number with no fraction is an integer, as in PyTorch's own scalars.
template <>
struct FromJs<at::Scalar> {
  static at::Scalar get(Environment& environment, napi_value value);
};
template <>
struct FromJs<at::Tensor> {
  static at::Tensor get(Environment& environment, napi_value value) {
    return environment.tensor(FromJs<uint32_t>::get(environment, value));
  }
};
template <>
struct FromJs<at::Generator> {
  static at::Generator get(Environment& environment, napi_value value) {
    return generatorOf(environment, FromJs<uint32_t>::get(environment, value));
  }
};
template <class T>
struct FromJs<std::optional<T>> {
  static std::optional<T> get(Environment& environment, napi_value value) {
    if (isNullish(environment.env(), value)) return std::nullopt;
    return FromJs<T>::get(environment, value);
  }
};
template <class T>
struct FromJs<std::vector<T>> {
  static std::vector<T> get(Environment& environment, napi_value value) {
    napi_env env = environment.env();
    uint32_t length = 0;
    if (napi_get_array_length(env, value, &length) != napi_ok) {
      throw TypeMismatch("expected an array, got " + describe(env, value));
    }
    std::vector<T> out;
    out.reserve(length);
    for (uint32_t i = 0; i < length; i++) {
      napi_value item = nullptr;
      check(env, napi_get_element(env, value, i, &item));
      out.push_back(FromJs<T>::get(environment, item));
    }
    return out;
  }
};

template <>
struct ToJs<Raw> {
  static napi_value set(Environment& /*environment*/, const Raw& raw) { return raw.value; }
};
template <>
struct ToJs<bool> {
  static napi_value set(Environment& environment, bool value);
};
template <>
struct ToJs<double> {
  static napi_value set(Environment& environment, double value);
};
template <>
struct ToJs<int64_t> {
  static napi_value set(Environment& environment, int64_t value) { return integerToJs(environment.env(), value); }
};
template <>
struct ToJs<uint32_t> {
  static napi_value set(Environment& environment, uint32_t value);
};
template <>
struct ToJs<std::string> {
  static napi_value set(Environment& environment, const std::string& value);
};
// A new handle; 0 for a tensor that is not defined.
template <>
struct ToJs<at::Tensor> {
  static napi_value set(Environment& environment, at::Tensor tensor) {
    return ToJs<uint32_t>::set(environment, tensor.defined() ? environment.insert(std::move(tensor)) : 0);
  }
};
template <>
struct ToJs<at::Scalar> {
  static napi_value set(Environment& environment, const at::Scalar& value);
};
template <class T>
struct ToJs<std::vector<T>> {
  static napi_value set(Environment& environment, const std::vector<T>& values) {
    napi_env env = environment.env();
    napi_value out = nullptr;
    check(env, napi_create_array_with_length(env, values.size(), &out));
    uint32_t i = 0;
    for (const auto& value : values) check(env, napi_set_element(env, out, i++, ToJs<T>::set(environment, value)));
    return out;
  }
};

}  // namespace torch_node

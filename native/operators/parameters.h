// Parameters of the unboxed call: how each C++ type is read from JavaScript. A header, so that a call is compiled as
// one piece.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "guards/guards.h"
#include "types.h"

namespace torch_node {

// One parameter: how it is read from JavaScript, and which schema type it stands for. Made once for each operator, with
// the schema's default, which leaveOut() takes without asking Node-API what was given.
template <class T>
struct Parameter;

template <>
struct Parameter<const at::Tensor&> {
  explicit Parameter(const c10::Argument& /*argument*/) {}
  using Held = const at::Tensor*;
  static bool fits(const SchemaType& type) { return type.kind == Kind::kTensor && !type.optional; }
  static void read(Environment& environment, napi_value value, Held& out) {
    out = &environment.tensor(FromJs<uint32_t>::get(environment, value));
  }
  static const at::Tensor& pass(Held held) { return *held; }
  static bool leaveOut(Held& /*out*/) { return false; }
};

template <>
struct Parameter<const std::optional<at::Tensor>&> {
  explicit Parameter(const c10::Argument& /*argument*/) {}
  using Held = std::optional<at::Tensor>;
  static bool fits(const SchemaType& type) { return type.kind == Kind::kTensor && type.optional; }
  static void read(Environment& environment, napi_value value, Held& out) {
    out = FromJs<Held>::get(environment, value);
  }
  static const Held& pass(const Held& held) { return held; }
  static const Held& pass(Held&& held) = delete;
  static bool leaveOut(Held& /*out*/) { return true; }
};

inline bool isUndefined(Environment& environment, napi_value value) {
  napi_valuetype given = napi_undefined;
  check(environment.env(), napi_typeof(environment.env(), value, &given));
  return given == napi_undefined;
}

template <class T, Kind K, bool Optional = false>
class ValueParameter {
 public:
  using Held = T;
  explicit ValueParameter(const c10::Argument& argument) {
    if (const auto& value = argument.default_value()) fallback_ = value->to<T>();
  }
  static bool fits(const SchemaType& type) { return type.kind == K && type.optional == Optional; }
  void read(Environment& environment, napi_value value, T& out) const {
    out = fallback_ && isUndefined(environment, value) ? *fallback_ : FromJs<T>::get(environment, value);
  }
  static const T& pass(const T& held) { return held; }
  static const T& pass(T&& held) = delete;
  bool leaveOut(T& out) const {
    if (fallback_) out = *fallback_;
    return fallback_.has_value();
  }

 private:
  std::optional<T> fallback_;
};

template <>
struct Parameter<const at::Scalar&> : ValueParameter<at::Scalar, Kind::kScalar> {
  using ValueParameter::ValueParameter;
};
template <>
struct Parameter<int64_t> : ValueParameter<int64_t, Kind::kInt> {
  using ValueParameter::ValueParameter;
};
template <>
struct Parameter<bool> : ValueParameter<bool, Kind::kBool> {
  using ValueParameter::ValueParameter;
};
template <>
struct Parameter<std::optional<at::ScalarType>>
    : ValueParameter<std::optional<at::ScalarType>, Kind::kScalarType, true> {
  using ValueParameter::ValueParameter;
};
template <>
struct Parameter<c10::SymInt> : Parameter<int64_t> {
  using Parameter<int64_t>::Parameter;
  static c10::SymInt pass(int64_t held) { return {held}; }
};

// Where in Environment::integers a list lies: JavaScript passes -(64 * start + length) - 0.5, which is no integer.
inline std::optional<std::span<const double>> listIn(Environment& environment, napi_value value) {
  double number = 0;
  if (napi_get_value_double(environment.env(), value, &number) != napi_ok || number >= 0) return std::nullopt;
  if (number < -64.0 * 1024) return std::nullopt;
  const auto place = static_cast<size_t>(-number);  // cuts the half off
  if (static_cast<double>(place) + 0.5 != -number) return std::nullopt;
  const size_t start = place / 64;
  const size_t length = place % 64;
  if (start + length > environment.integers.size()) return std::nullopt;
  return environment.integers.subspan(start, length);
}

// A list of integers, as many as shapes usually have without an allocation. `I` is the kernels' type: int64_t, or
// c10::SymInt.
template <class I, bool Optional>
class ListParameter {
 public:
  using List = c10::SmallVector<I, 5>;
  // The list that is passed: its own, the schema's default, or none.
  struct Held {
    List own;
    const List* list = nullptr;
  };
  explicit ListParameter(const c10::Argument& argument)
      : argument_(argument), length_(argument.N().value_or(0)), hasFallback_(argument.default_value().has_value()) {
    const auto& fallback = argument.default_value();
    if (!fallback || fallback->isNone()) return;
    List list;
    for (const int64_t item : fallback->toIntVector()) list.push_back(I(item));
    fallback_ = std::move(list);
  }
  static bool fits(const SchemaType& type) {
    return type.kind == Kind::kList && type.optional == Optional && type.element->kind == Kind::kInt &&
           !type.element->optional;
  }
  void read(Environment& environment, napi_value value, Held& out) const {
    napi_env env = environment.env();
    if (const auto list = listIn(environment, value)) {
      List& integers = fresh(out);
      for (const double number : *list) integers.push_back(I(static_cast<int64_t>(number)));
      checked(integers);
      return;
    }
    uint32_t length = 0;
    if (napi_get_array_length(env, value, &length) == napi_ok) {
      List& integers = fresh(out);
      for (uint32_t i = 0; i < length; i++) {
        napi_value item = nullptr;
        check(env, napi_get_element(env, value, i, &item));
        integers.push_back(I(FromJs<int64_t>::get(environment, item)));
      }
      checked(integers);
      return;
    }
    if (hasFallback_ && isUndefined(environment, value)) {
      leaveOut(out);
      return;
    }
    if constexpr (Optional) {
      if (isNullish(env, value)) return;
    }
    if (length_ == 0) throw TypeMismatch("expected an array, got " + describe(env, value));
    // "int[2] stride" takes one integer for both, as in PyTorch.
    fresh(out).assign(static_cast<size_t>(length_), I(FromJs<int64_t>::get(environment, value)));
  }
  bool leaveOut(Held& out) const {
    if (hasFallback_ && fallback_) out.list = &*fallback_;
    return hasFallback_;
  }

 private:
  static List& fresh(Held& held) {
    held.list = &held.own;
    return held.own;
  }

  void checked(const List& list) const {
    if (length_ > 1) checkLength(argument_, static_cast<size_t>(length_), list.size());
  }

  c10::Argument argument_;
  int32_t length_;
  bool hasFallback_;
  std::optional<List> fallback_;
};

template <class I>
struct Parameter<c10::ArrayRef<I>> : ListParameter<I, false> {
  using ListParameter<I, false>::ListParameter;
  static c10::ArrayRef<I> pass(const typename ListParameter<I, false>::Held& held) {
    return held.list == nullptr ? held.own : *held.list;
  }
};
template <>
struct Parameter<at::OptionalIntArrayRef> : ListParameter<int64_t, true> {
  using ListParameter::ListParameter;
  static at::OptionalIntArrayRef pass(const Held& held) {
    if (held.list == nullptr) return std::nullopt;
    return at::IntArrayRef(*held.list);
  }
};

}  // namespace torch_node

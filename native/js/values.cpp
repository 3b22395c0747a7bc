// Conversions between JavaScript and C++.
#include "values.h"

#include <array>
#include <cmath>

namespace torch_node {

namespace {

struct NamedType {
  const char* name;
  at::ScalarType type;
};

constexpr std::array<NamedType, 27> kTypes{{
    {"uint8", at::kByte},
    {"int8", at::kChar},
    {"int16", at::kShort},
    {"int32", at::kInt},
    {"int64", at::kLong},
    {"float16", at::kHalf},
    {"bfloat16", at::kBFloat16},
    {"float32", at::kFloat},
    {"float64", at::kDouble},
    {"bool", at::kBool},
    {"complex64", at::kComplexFloat},
    {"complex128", at::kComplexDouble},
    {"uint16", at::kUInt16},
    {"uint32", at::kUInt32},
    {"uint64", at::kUInt64},
    {"complex32", at::kComplexHalf},
    {"float8_e5m2", at::kFloat8_e5m2},
    {"float8_e4m3fn", at::kFloat8_e4m3fn},
    {"float8_e5m2fnuz", at::kFloat8_e5m2fnuz},
    {"float8_e4m3fnuz", at::kFloat8_e4m3fnuz},
    {"float8_e8m0fnu", at::kFloat8_e8m0fnu},
    {"float4_e2m1fn_x2", at::kFloat4_e2m1fn_x2},
    {"qint8", at::kQInt8},
    {"quint8", at::kQUInt8},
    {"qint32", at::kQInt32},
    {"quint4x2", at::kQUInt4x2},
    {"quint2x4", at::kQUInt2x4},
}};

constexpr double kMaxSafeInteger = 9007199254740991.0;

std::string text(napi_env env, napi_value value) {
  size_t size = 0;
  check(env, napi_get_value_string_utf8(env, value, nullptr, 0, &size));
  std::string out(size, '\0');
  check(env, napi_get_value_string_utf8(env, value, out.data(), size + 1, &size));
  return out;
}

// The property of an object, or nothing where it has none of that name or the value is no plain object.
std::optional<napi_value> property(napi_env env, napi_value object, const char* name) {
  napi_valuetype type = napi_undefined;
  check(env, napi_typeof(env, object, &type));
  if (type != napi_object) return std::nullopt;
  bool has = false;
  check(env, napi_has_named_property(env, object, name, &has));
  if (!has) return std::nullopt;
  napi_value out = nullptr;
  check(env, napi_get_named_property(env, object, name, &out));
  return out;
}

// Numbers that JavaScript has no type for, as lib/core/scalar.ts writes them: { re, im }, and { dtype, value }.
std::optional<at::Scalar> numberObject(Environment& environment, napi_value value) {
  napi_env env = environment.env();
  if (const auto real = property(env, value, "re")) {
    const auto imaginary = property(env, value, "im");
    if (!imaginary) return std::nullopt;
    return at::Scalar(
        c10::complex<double>(FromJs<double>::get(environment, *real), FromJs<double>::get(environment, *imaginary)));
  }
  const auto dtype = property(env, value, "dtype");
  const auto inner = property(env, value, "value");
  if (!dtype || !inner) return std::nullopt;
  const at::ScalarType type = scalarType(FromJs<std::string>::get(environment, *dtype));
  const auto plain = FromJs<at::Scalar>::get(environment, *inner);
  switch (type) {
    case at::kDouble: return at::Scalar(plain.toDouble());
    case at::kLong: return at::Scalar(plain.toLong());
    case at::kBool: return at::Scalar(plain.toBool());
    case at::kComplexDouble: return at::Scalar(plain.toComplexDouble());
    default: throw TypeMismatch("a scalar is of dtype float64, int64, bool or complex128, not " + scalarTypeName(type));
  }
}

}  // namespace

std::string describe(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  napi_typeof(env, value, &type);
  switch (type) {
    case napi_undefined: return "undefined";
    case napi_null: return "null";
    case napi_boolean: return "a boolean";
    case napi_number: {
      double number = 0;
      napi_get_value_double(env, value, &number);
      if (std::isnan(number)) return "NaN";
      std::ostringstream out;
      out << "the number " << number;
      return out.str();
    }
    case napi_string: return "the string '" + text(env, value).substr(0, 40) + "'";
    case napi_bigint: return "a bigint";
    case napi_function: return "a function";
    case napi_symbol: return "a symbol";
    default: break;
  }
  bool array = false;
  napi_is_array(env, value, &array);
  return array ? "an array" : "an object";
}

bool isNullish(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  check(env, napi_typeof(env, value, &type));
  return type == napi_undefined || type == napi_null;
}

at::ScalarType scalarType(const std::string& name) {
  for (const auto& entry : kTypes) {
    if (name == entry.name) return entry.type;
  }
  std::string names;
  for (const auto& entry : kTypes) names += std::string(names.empty() ? "" : ", ") + entry.name;
  throw TypeMismatch("unknown dtype '" + name + "': expected one of " + names);
}

std::string scalarTypeName(at::ScalarType type) {
  for (const auto& entry : kTypes) {
    if (type == entry.type) return entry.name;
  }
  return c10::toString(type);
}

napi_value integerToJs(napi_env env, int64_t value) {
  napi_value out = nullptr;
  if (std::abs(static_cast<double>(value)) <= kMaxSafeInteger) {
    check(env, napi_create_int64(env, value, &out));
  } else {
    check(env, napi_create_bigint_int64(env, value, &out));
  }
  return out;
}

bool FromJs<bool>::get(Environment& environment, napi_value value) {
  bool out = false;
  if (napi_get_value_bool(environment.env(), value, &out) != napi_ok) {
    throw TypeMismatch("expected a boolean, got " + describe(environment.env(), value));
  }
  return out;
}

double FromJs<double>::get(Environment& environment, napi_value value) {
  double out = 0;
  if (napi_get_value_double(environment.env(), value, &out) != napi_ok) {
    if (const auto number = numberObject(environment, value); number && !number->isComplex() && !number->isBoolean()) {
      return number->toDouble();
    }
    throw TypeMismatch("expected a number, got " + describe(environment.env(), value));
  }
  return out;
}

int64_t FromJs<int64_t>::get(Environment& environment, napi_value value) {
  napi_env env = environment.env();
  double number = 0;
  if (napi_get_value_double(env, value, &number) == napi_ok) {
    if (std::trunc(number) != number) throw TypeMismatch("expected an integer, got " + describe(env, value));
    if (std::abs(number) > kMaxSafeInteger) {
      throw OutOfRange("expected an integer within 2^53, or a bigint, got " + describe(env, value));
    }
    return static_cast<int64_t>(number);
  }
  int64_t out = 0;
  bool lossless = false;
  if (napi_get_value_bigint_int64(env, value, &out, &lossless) != napi_ok) {
    if (const auto number = numberObject(environment, value); number && number->isIntegral(false)) {
      return number->toLong();
    }
    throw TypeMismatch("expected an integer, got " + describe(env, value));
  }
  if (!lossless) throw OutOfRange("expected an integer of 64 bits, got a larger bigint");
  return out;
}

uint32_t FromJs<uint32_t>::get(Environment& environment, napi_value value) {
  uint32_t out = 0;
  if (napi_get_value_uint32(environment.env(), value, &out) != napi_ok) {
    throw TypeMismatch("expected a handle, got " + describe(environment.env(), value));
  }
  return out;
}

std::string FromJs<std::string>::get(Environment& environment, napi_value value) {
  napi_env env = environment.env();
  napi_valuetype type = napi_undefined;
  check(env, napi_typeof(env, value, &type));
  if (type != napi_string) throw TypeMismatch("expected a string, got " + describe(env, value));
  return text(env, value);
}

at::Scalar FromJs<at::Scalar>::get(Environment& environment, napi_value value) {
  napi_env env = environment.env();
  double number = 0;
  if (napi_get_value_double(env, value, &number) == napi_ok) {
    const bool integer =
        std::trunc(number) == number && std::abs(number) <= kMaxSafeInteger && (number != 0 || !std::signbit(number));
    return integer ? at::Scalar(static_cast<int64_t>(number)) : at::Scalar(number);
  }
  bool flag = false;
  if (napi_get_value_bool(env, value, &flag) == napi_ok) return {flag};
  int64_t big = 0;
  bool lossless = false;
  if (napi_get_value_bigint_int64(env, value, &big, &lossless) == napi_ok) {
    if (lossless) return {big};
    uint64_t unsignedBig = 0;
    check(env, napi_get_value_bigint_uint64(env, value, &unsignedBig, &lossless));
    if (lossless) return {unsignedBig};
    throw OutOfRange("expected an integer from -2^63 to 2^64 - 1, got a bigint outside of them");
  }
  if (const auto object = numberObject(environment, value)) return *object;
  throw TypeMismatch("expected a number, a bigint, a boolean or a complex { re, im }, got " + describe(env, value));
}

at::Generator generatorOf(Environment& environment, uint32_t handle) {
  const c10::IValue* found = environment.objects.find(handle);
  if (!found || !found->isGenerator()) throw std::invalid_argument("this generator was released");
  return found->toGenerator();
}

napi_value ToJs<bool>::set(Environment& environment, bool value) {
  napi_value out = nullptr;
  check(environment.env(), napi_get_boolean(environment.env(), value, &out));
  return out;
}

napi_value ToJs<double>::set(Environment& environment, double value) {
  napi_value out = nullptr;
  check(environment.env(), napi_create_double(environment.env(), value, &out));
  return out;
}

napi_value ToJs<uint32_t>::set(Environment& environment, uint32_t value) {
  napi_value out = nullptr;
  check(environment.env(), napi_create_uint32(environment.env(), value, &out));
  return out;
}

napi_value ToJs<std::string>::set(Environment& environment, const std::string& value) {
  napi_value out = nullptr;
  check(environment.env(), napi_create_string_utf8(environment.env(), value.data(), value.size(), &out));
  return out;
}

napi_value ToJs<at::Scalar>::set(Environment& environment, const at::Scalar& value) {
  if (value.isBoolean()) return ToJs<bool>::set(environment, value.toBool());
  if (value.type() == at::kUInt64) {
    // Such a Scalar is one of 2^63 or more.
    napi_value out = nullptr;
    check(environment.env(), napi_create_bigint_uint64(environment.env(), value.toUInt64(), &out));
    return out;
  }
  if (value.isIntegral(false)) return ToJs<int64_t>::set(environment, value.toLong());
  if (value.isFloatingPoint()) return ToJs<double>::set(environment, value.toDouble());
  const auto complex = value.toComplexDouble();
  const Napi::Object out = Napi::Object::New(environment.env());
  out.Set("re", complex.real());
  out.Set("im", complex.imag());
  return out;
}

}  // namespace torch_node

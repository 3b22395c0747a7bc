// Numbers beside integer tensors. libtorch takes them in the tensors' type: sums and products with what 300 wraps to in
// uint8 are those with 300, wrapped; but that 44 equals 300, or that 300 divides as 44 does, is not so.
#include <algorithm>
#include <array>

#include "given.h"

namespace torch_node {

namespace {

constexpr std::array<std::string_view, 17> kNumbersAsTheyAre{
    "aten::div", "aten::divide",  "aten::eq",        "aten::floor_divide", "aten::fmod",          "aten::ge",
    "aten::gt",  "aten::greater", "aten::isin",      "aten::le",           "aten::less",          "aten::less_equal",
    "aten::lt",  "aten::ne",      "aten::not_equal", "aten::remainder",    "aten::greater_equal",
};

template <class T>
bool fits(const at::Scalar& number) {
  if (number.type() == at::kUInt64) return std::is_same_v<T, uint64_t>;
  return std::in_range<T>(number.toLong());
}

bool fits(at::ScalarType type, const at::Scalar& number) {
  switch (type) {
    case at::kByte: return fits<uint8_t>(number);
    case at::kChar: return fits<int8_t>(number);
    case at::kShort: return fits<int16_t>(number);
    case at::kInt: return fits<int32_t>(number);
    case at::kLong: return fits<int64_t>(number);
    case at::kUInt16: return fits<uint16_t>(number);
    case at::kUInt32: return fits<uint32_t>(number);
    case at::kUInt64: return fits<uint64_t>(number);
    default: return true;
  }
}

void checkNumbers(const c10::FunctionSchema& /*schema*/, c10::ArrayRef<c10::IValue> arguments) {
  for (size_t i = 0; i + 1 < std::min<size_t>(arguments.size(), 3); i++) {
    const c10::IValue& one = arguments[i];
    const c10::IValue& other = arguments[i + 1];
    if (one.isTensor() && other.isTensor()) checkNumber(one.toTensor(), other.toTensor());
    if (one.isTensor() && other.isScalar()) checkNumber(one.toTensor(), other.toScalar());
    if (one.isScalar() && other.isTensor()) checkNumber(other.toTensor(), one.toScalar());
  }
}

}  // namespace

bool takesNumbersAsTheyAre(const c10::OperatorName& given) {
  std::string_view name = given.name;
  if (name.ends_with('_')) name.remove_suffix(1);
  // Without rounding division is one of floats.
  if (name.starts_with("aten::div") && given.overload_name.find("mode") == std::string::npos) return false;
  return std::ranges::find(kNumbersAsTheyAre, name) != kNumbersAsTheyAre.end();
}

void checkNumber(const at::Tensor& tensor, const at::Scalar& number) {
  if (!tensor.defined() || !at::isIntegralType(tensor.scalar_type(), false) || !number.isIntegral(false)) return;
  // A number that stands for itself has no say in the type that the two are computed in.
  if (fits(tensor.scalar_type(), number)) return;
  std::ostringstream out;
  if (number.isUnsigned()) {
    out << number.toUInt64();
  } else {
    out << number.toLong();
  }
  const std::string type = scalarTypeName(tensor.scalar_type());
  throw OutOfRange(out.str() + " is beyond what a tensor of " + type + " holds, where libtorch would take " +
                   "what it wraps to: convert the tensor, as with to('int64') or to('float64')");
}

void checkNumber(const at::Tensor& one, const at::Tensor& other) {
  const auto isNumber = [](const at::Tensor& tensor) {
    return tensor.defined() && tensor.unsafeGetTensorImpl()->is_wrapped_number();
  };
  if (isNumber(other)) {
    checkNumber(one, other.item());
  } else if (isNumber(one)) {
    checkNumber(other, one.item());
  }
}

Guard numberGuard() { return &checkNumbers; }

}  // namespace torch_node

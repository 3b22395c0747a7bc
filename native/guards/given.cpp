// The arguments of a call, and the checks of them.
#include "given.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>

#include "program/recorder.h"

namespace torch_node {

namespace {

// An argument in words.
std::string inWords(const c10::IValue& value) {
  if (value.isNone()) return "not given";
  if (value.isTensor()) {
    const at::Tensor& tensor = value.toTensor();
    if (!tensor.defined()) return "not given";
    return c10::str(scalarTypeName(tensor.scalar_type()), " ", tensor.is_nested() ? "nested" : c10::str(tensor.sizes()),
                    tensor.layout() == at::kStrided ? "" : c10::str(", ", tensor.layout()));
  }
  if (value.isTensorList()) return c10::str("a list of ", value.toListRef().size(), " tensors");
  std::ostringstream out;
  out << value;
  return out.str();
}

}  // namespace

bool Given::has(std::string_view name) const {
  const c10::IValue* value = find(name);
  return value != nullptr && !value->isNone() && (!value->isTensor() || value->toTensor().defined());
}

at::Tensor Given::tensor(std::string_view name) const {
  expect(has(name), name, "a tensor");
  return at(name).toTensor();
}

Sizes Given::integers(std::string_view name) const {
  const c10::IValue& value = at(name);
  if (!value.isTensor()) return value.toIntVector();
  const at::Tensor list = value.toTensor().detach().to(at::kCPU, at::kLong).contiguous();
  return {list.const_data_ptr<int64_t>(), list.const_data_ptr<int64_t>() + list.numel()};
}

std::vector<bool> Given::flags(std::string_view name) const {
  std::vector<bool> out;
  for (const c10::IValue& each : at(name).toListRef()) out.push_back(each.toBool());
  return out;
}

void Given::rank(std::string_view name, int64_t lowest, int64_t highest) const {
  const int64_t dimensions = tensor(name).dim();
  if (lowest == highest) {
    expect(dimensions == lowest, name, lowest, " dimensions");
    return;
  }
  expect(dimensions >= lowest && dimensions <= highest, name, lowest,
         highest == std::numeric_limits<int64_t>::max() ? std::string(" or more") : c10::str(" to ", highest),
         " dimensions");
}

void Given::shape(std::string_view name, at::IntArrayRef sizes) const {
  expect(tensor(name).sizes() == sizes, name, "the shape ", sizes);
}

void Given::sameShape(std::string_view name, std::string_view other) const {
  const at::Tensor model = tensor(other);
  expect(tensor(name).sizes() == model.sizes(), name, "the shape of '", other, "', ", model.sizes());
}

void Given::elements(std::string_view name, int64_t count) const {
  expect(tensor(name).numel() == count, name, count, " elements");
}

void Given::type(std::string_view name, at::ScalarType expected) const {
  expect(tensor(name).scalar_type() == expected, name, "a tensor of ", scalarTypeName(expected));
}

void Given::dense(std::string_view name) const {
  const at::Tensor given = tensor(name);
  expect(given.layout() == at::kStrided && given.is_non_overlapping_and_dense(), name,
         "a strided tensor without gaps or repeats (see contiguous())");
}

void Given::strided(std::string_view name) const {
  expect(tensor(name).layout() == at::kStrided, name, "a strided tensor");
}

void Given::length(std::string_view name, size_t expected) const {
  const c10::IValue& value = at(name);
  const size_t given = value.isTensor() ? value.toTensor().numel() : value.toListRef().size();
  expect(given == expected, name, expected, value.isTensorList() ? " tensors" : " integers");
}

void Given::within(std::string_view name, int64_t lowest, int64_t highest) const {
  const int64_t given = integer(name);
  expect(given >= lowest && given <= highest, name, "an integer from ", lowest, " to ", highest);
}

void Given::atLeast(std::string_view name, int64_t lowest) const {
  expect(integer(name) >= lowest, name, lowest, " or more");
}

void Given::allAtLeast(std::string_view name, int64_t lowest) const {
  const Sizes list = integers(name);
  expect(std::ranges::all_of(list, [&](int64_t each) { return each >= lowest; }), name, "integers of ", lowest,
         " or more");
}

void Given::values(std::string_view name, int64_t lowest, int64_t highest) const {
  const at::Tensor given = tensor(name).detach();
  expect(at::isIntegralType(given.scalar_type(), true), name, "a tensor of integers");
  if (!given.device().is_cpu() || given.numel() == 0) return;
  strided(name);
  const auto [low, high] = at::aminmax(given.scalar_type() == at::kBool ? given.to(at::kByte) : given);
  expect(low.item<int64_t>() >= lowest && high.item<int64_t>() <= highest, name, "values from ", lowest, " to ",
         highest);
}

const c10::IValue* Given::find(std::string_view name) const {
  for (size_t i = 0; i < values_.size(); i++) {
    if (schema_->arguments()[i].name() == name) return &values_[i];
  }
  return nullptr;
}

const c10::IValue& Given::at(std::string_view name) const {
  const c10::IValue* value = find(name);
  if (!value || value->isNone()) throw std::runtime_error(c10::str("argument '", name, "' is missing"));
  return *value;
}

void Given::readOnce(std::string_view name) const {
  const c10::IValue* value = find(name);
  if (value == nullptr || !value->isTensor()) return;
  Recorder::reads(value->toTensor(),
                  c10::str(schema_->name(), ", which reads the values of '", name, "' on the host,"));
}

void Given::refuse(std::string_view name, const std::string& expected) const {
  const c10::IValue* value = find(name);
  throw std::runtime_error(
      c10::str("argument '", name, "' is ", value ? inWords(*value) : "not given", "; expected ", expected));
}

std::string_view oneOf(const Given& given, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (given.has(name)) return name;
  }
  return *names.begin();
}

}  // namespace torch_node

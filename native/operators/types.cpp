// Schema types, and values to and from them.
#include "types.h"

#include <array>
#include <string>

#include "objects.h"

namespace torch_node {

namespace {

SchemaType plain(Kind kind) {
  SchemaType type;
  type.kind = kind;
  return type;
}

SchemaType typeOf(const c10::TypePtr& real, const c10::TypePtr& boxed, std::optional<int32_t> length) {
  switch (real->kind()) {
    case c10::TypeKind::OptionalType: {
      const auto inner = boxed->cast<c10::OptionalType>();
      SchemaType type = typeOf(real->expectRef<c10::OptionalType>().getElementType(),
                               inner ? inner->getElementType() : boxed, length);
      type.optional = true;
      return type;
    }
    case c10::TypeKind::ListType: {
      const c10::TypePtr element = boxed->expectRef<c10::ListType>().getElementType();
      SchemaType type = plain(Kind::kList);
      type.length = length.value_or(0);
      type.element = std::make_unique<SchemaType>(
          typeOf(real->expectRef<c10::ListType>().getElementType(), element, std::nullopt));
      type.boxedElement = element;
      return type;
    }
    case c10::TypeKind::TensorType: return plain(Kind::kTensor);
    case c10::TypeKind::NumberType: return plain(Kind::kScalar);
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType: return plain(Kind::kInt);
    case c10::TypeKind::FloatType:
    case c10::TypeKind::SymFloatType: return plain(Kind::kFloat);
    case c10::TypeKind::BoolType:
    case c10::TypeKind::SymBoolType: return plain(Kind::kBool);
    case c10::TypeKind::StringType: return plain(Kind::kString);
    case c10::TypeKind::ScalarTypeType: return plain(Kind::kScalarType);
    case c10::TypeKind::DeviceObjType: return plain(Kind::kDevice);
    case c10::TypeKind::LayoutType: return plain(Kind::kLayout);
    case c10::TypeKind::MemoryFormatType: return plain(Kind::kMemoryFormat);
    case c10::TypeKind::GeneratorType: return plain(Kind::kGenerator);
    case c10::TypeKind::QSchemeType: return plain(Kind::kQScheme);
    case c10::TypeKind::StreamObjType: return plain(Kind::kStream);
    default: break;
  }
  const bool tuple = real->kind() == c10::TypeKind::TupleType;
  const bool dict = real->kind() == c10::TypeKind::DictType;
  const bool object = real->kind() == c10::TypeKind::ClassType || real->kind() == c10::TypeKind::StorageType;
  SchemaType type;
  if (tuple) {
    type.kind = Kind::kTuple;
  } else if (dict) {
    type.kind = Kind::kDict;
  } else if (object) {
    type.kind = Kind::kObject;
  }
  type.real = real;
  if (tuple || dict) {
    for (const auto& member : real->containedTypes()) type.members.push_back(typeOf(member, member, std::nullopt));
  }
  return type;
}

}  // namespace

bool needsTags(const SchemaType& type) {
  if (type.kind == Kind::kList) {
    const Kind element = type.element->kind;
    return needsTags(*type.element) || element == Kind::kList || element == Kind::kGenerator;
  }
  return type.kind == Kind::kStream || type.kind == Kind::kTuple || type.kind == Kind::kDict ||
         type.kind == Kind::kObject || type.kind == Kind::kAny;
}

namespace {

at::Layout layout(const std::string& name) {
  static const std::array<std::pair<const char*, at::Layout>, 6> kLayouts{{{"strided", at::kStrided},
                                                                           {"sparse", at::kSparse},
                                                                           {"sparse_csr", at::kSparseCsr},
                                                                           {"sparse_csc", at::kSparseCsc},
                                                                           {"sparse_bsr", at::kSparseBsr},
                                                                           {"sparse_bsc", at::kSparseBsc}}};
  for (const auto& [key, value] : kLayouts) {
    if (name == key) return value;
  }
  throw TypeMismatch("unknown layout '" + name +
                     "': expected strided, sparse, sparse_csr, sparse_csc, sparse_bsr or "
                     "sparse_bsc");
}

at::MemoryFormat memoryFormat(const std::string& name) {
  if (name == "contiguous") return at::MemoryFormat::Contiguous;
  if (name == "preserve") return at::MemoryFormat::Preserve;
  if (name == "channels_last") return at::MemoryFormat::ChannelsLast;
  if (name == "channels_last_3d") return at::MemoryFormat::ChannelsLast3d;
  throw TypeMismatch("unknown memory format '" + name +
                     "': expected contiguous, preserve, channels_last or channels_last_3d");
}

c10::IValue listToIValue(Environment& environment, const SchemaType& type, napi_value value, bool untagged) {
  napi_env env = environment.env();
  const c10::impl::GenericList list(type.boxedElement);
  bool array = false;
  check(env, napi_is_array(env, value, &array));
  if (!array) {
    if (type.length == 0) throw TypeMismatch("expected an array, got " + describe(env, value));
    // "int[2] stride" takes one integer for both, as in PyTorch.
    const c10::IValue one = toIValue(environment, *type.element, value, untagged);
    for (int32_t i = 0; i < type.length; i++) list.push_back(one);
    return list;
  }
  uint32_t length = 0;
  check(env, napi_get_array_length(env, value, &length));
  list.reserve(length);
  for (uint32_t i = 0; i < length; i++) {
    napi_value item = nullptr;
    check(env, napi_get_element(env, value, i, &item));
    list.push_back(toIValue(environment, *type.element, item, untagged));
  }
  return list;
}

c10::IValue tupleToIValue(Environment& environment, const SchemaType& type, napi_value value) {
  const auto items = FromJs<std::vector<Raw>>::get(environment, value);
  if (items.size() != type.members.size()) {
    throw TypeMismatch("expected an array of " + std::to_string(type.members.size()) + ", got one of " +
                       std::to_string(items.size()));
  }
  std::vector<c10::IValue> out;
  out.reserve(items.size());
  for (size_t i = 0; i < items.size(); i++)
    out.push_back(toIValue(environment, type.members[i], items[i].value, false));
  return c10::ivalue::Tuple::create(std::move(out));
}

c10::IValue dictToIValue(Environment& environment, const SchemaType& type, napi_value value) {
  const c10::impl::GenericDict out(type.real->containedType(0), type.real->containedType(1));
  for (const auto& [key, item] : taggedEntries(environment, value)) {
    out.insert(toIValue(environment, type.members[0], key, false), toIValue(environment, type.members[1], item, false));
  }
  return out;
}

}  // namespace

c10::IValue toIValue(Environment& environment, const SchemaType& type, napi_value value, bool untagged) {
  if (isNullish(environment.env(), value)) {
    if (type.optional || (type.kind == Kind::kAny && type.real->kind() == c10::TypeKind::AnyType)) return {};
    throw TypeMismatch("expected a value, got " + describe(environment.env(), value));
  }
  switch (type.kind) {
    case Kind::kTensor: return environment.tensor(taggedHandle(environment, value, "tensor", untagged));
    case Kind::kScalar: return FromJs<at::Scalar>::get(environment, value);
    case Kind::kInt: return FromJs<int64_t>::get(environment, value);
    case Kind::kFloat: return FromJs<double>::get(environment, value);
    case Kind::kBool: return FromJs<bool>::get(environment, value);
    case Kind::kString: return FromJs<std::string>::get(environment, value);
    case Kind::kScalarType: return FromJs<at::ScalarType>::get(environment, value);
    case Kind::kDevice: return FromJs<at::Device>::get(environment, value);
    case Kind::kLayout: return layout(FromJs<std::string>::get(environment, value));
    case Kind::kMemoryFormat: return memoryFormat(FromJs<std::string>::get(environment, value));
    case Kind::kGenerator: return taggedGenerator(environment, value, untagged);
    case Kind::kList: return listToIValue(environment, type, value, untagged);
    case Kind::kQScheme: return static_cast<int64_t>(qscheme(FromJs<std::string>::get(environment, value)));
    case Kind::kStream: return taggedStream(environment, value);
    case Kind::kTuple: return tupleToIValue(environment, type, value);
    case Kind::kDict: return dictToIValue(environment, type, value);
    case Kind::kObject: return taggedObject(environment, value, *type.real);
    case Kind::kAny: return taggedValue(environment, value, *type.real);
  }
  throw TypeMismatch("values of this type cannot be passed from JavaScript");
}

napi_value toJs(Environment& environment, const c10::IValue& value, const SchemaType& type) {
  napi_env env = environment.env();
  napi_value out = nullptr;
  if (needsTags(type)) return taggedToJs(environment, value);
  if (value.isNone()) {
    check(env, napi_get_null(env, &out));
    return out;
  }
  if (type.kind == Kind::kQScheme) return ToJs<std::string>::set(environment, toString(value.toQScheme()));
  if (type.kind == Kind::kScalarType && value.isInt()) {
    return ToJs<std::string>::set(environment, scalarTypeName(static_cast<at::ScalarType>(value.toInt())));
  }
  if (value.isTensor()) return ToJs<at::Tensor>::set(environment, value.toTensor());
  if (value.isInt()) return integerToJs(env, value.toInt());
  if (value.isSymInt()) return integerToJs(env, value.toSymInt().guard_int(__FILE__, __LINE__));
  if (value.isDouble()) return ToJs<double>::set(environment, value.toDouble());
  if (value.isBool()) return ToJs<bool>::set(environment, value.toBool());
  if (value.isComplexDouble()) return ToJs<at::Scalar>::set(environment, value.toComplexDouble());
  if (value.isString()) return ToJs<std::string>::set(environment, value.toStringRef());
  if (value.isDevice()) return ToJs<std::string>::set(environment, value.toDevice().str());
  if (value.isList()) {
    const auto list = value.toListRef();
    check(env, napi_create_array_with_length(env, list.size(), &out));
    for (uint32_t i = 0; i < list.size(); i++) {
      check(env, napi_set_element(env, out, i, toJs(environment, list[i], type.element ? *type.element : type)));
    }
    return out;
  }
  return taggedToJs(environment, value);
}

Signature signatureOf(const c10::FunctionSchema& schema) {
  Signature out;
  for (const auto& argument : schema.arguments()) {
    out.arguments.push_back(typeOf(argument.real_type(), argument.type(), argument.N()));
  }
  for (const auto& result : schema.returns()) {
    Result entry{typeOf(result.real_type(), result.type(), result.N())};
    if (const auto* alias = result.alias_info(); alias && alias->isWrite()) {
      for (size_t i = 0; i < schema.arguments().size(); i++) {
        const auto* other = schema.arguments()[i].alias_info();
        if (other && other->isWrite() && other->beforeSets() == alias->beforeSets()) {
          entry.argument = static_cast<int32_t>(i);
        }
      }
    }
    out.results.push_back(std::move(entry));
  }
  return out;
}

void rethrowNamed(const c10::Argument& argument) {
  const std::string name = "argument '" + argument.name() + "' (" + argument.real_type()->str() + "): ";
  try {
    throw;
  } catch (const OutOfRange& error) {
    throw OutOfRange(name + error.what());
  } catch (const std::invalid_argument& error) {
    throw TypeMismatch(name + error.what());
  }
}

}  // namespace torch_node

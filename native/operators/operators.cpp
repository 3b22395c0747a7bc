// One call path for every operator of the dispatcher: arguments are converted by the operator's own schema.
#include "operators.h"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "guards/guards.h"
#include "objects.h"

namespace torch_node {

namespace {

enum class Kind : uint8_t {
  kTensor,
  kScalar,
  kInt,
  kFloat,
  kBool,
  kString,
  kScalarType,
  kDevice,
  kLayout,
  kMemoryFormat,
  kGenerator,
  kList,
  kQScheme,
  kStream,
  kTuple,
  kDict,
  kObject,  // of a custom class, a storage: what objects.h holds
  kAny,
};

// A schema type, worked out once.
struct Type {
  Kind kind = Kind::kAny;
  bool optional = false;
  int32_t length = 0;             // of a list with a fixed length ("int[2]"), else 0
  std::unique_ptr<Type> element;  // of a list
  c10::TypePtr boxedElement;      // what the dispatcher's own list of it holds
  std::vector<Type> members;      // of a tuple; of a dictionary its keys and its values
  c10::TypePtr real;              // of a dictionary, an object, or any value: what the schema asks for
};

Type plain(Kind kind) {
  Type type;
  type.kind = kind;
  return type;
}

Type typeOf(const c10::TypePtr& real, const c10::TypePtr& boxed, std::optional<int32_t> length) {
  switch (real->kind()) {
    case c10::TypeKind::OptionalType: {
      const auto inner = boxed->cast<c10::OptionalType>();
      Type type = typeOf(real->expectRef<c10::OptionalType>().getElementType(), inner ? inner->getElementType() : boxed,
                         length);
      type.optional = true;
      return type;
    }
    case c10::TypeKind::ListType: {
      const c10::TypePtr element = boxed->expectRef<c10::ListType>().getElementType();
      Type type = plain(Kind::kList);
      type.length = length.value_or(0);
      type.element =
          std::make_unique<Type>(typeOf(real->expectRef<c10::ListType>().getElementType(), element, std::nullopt));
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
  Type type;
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

// Whether values of it cross as they are, tensors and generators as the numbers of their handles; others cross as
// objects.h says.
bool needsTags(const Type& type) {
  if (type.kind == Kind::kList) {
    const Kind element = type.element->kind;
    return needsTags(*type.element) || element == Kind::kList || element == Kind::kGenerator;
  }
  return type.kind == Kind::kStream || type.kind == Kind::kTuple || type.kind == Kind::kDict ||
         type.kind == Kind::kObject || type.kind == Kind::kAny;
}

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

// `untagged` says that handles are plain numbers, not tagged values.
c10::IValue toIValue(Environment& environment, const Type& type, napi_value value, bool untagged);

c10::IValue listToIValue(Environment& environment, const Type& type, napi_value value, bool untagged) {
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

c10::IValue tupleToIValue(Environment& environment, const Type& type, napi_value value) {
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

c10::IValue dictToIValue(Environment& environment, const Type& type, napi_value value) {
  const c10::impl::GenericDict out(type.real->containedType(0), type.real->containedType(1));
  for (const auto& [key, item] : taggedEntries(environment, value)) {
    out.insert(toIValue(environment, type.members[0], key, false), toIValue(environment, type.members[1], item, false));
  }
  return out;
}

c10::IValue toIValue(Environment& environment, const Type& type, napi_value value, bool untagged) {
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

napi_value toJs(Environment& environment, const c10::IValue& value, const Type& type) {
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

}  // namespace

// One result of a schema: its type, and which argument it is when the operator gives an argument back
// ("Tensor(a!) self" of the in-place and out= forms), else -1.
struct Result {
  Type type;
  int32_t argument = -1;
};

struct Signature {
  std::vector<Type> arguments;
  std::vector<Result> results;
};

namespace {

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

}  // namespace

SchemaConverter::SchemaConverter(c10::FunctionSchema schema)
    : schema_(std::move(schema)), signature_(std::make_unique<Signature>(signatureOf(schema_))) {}
SchemaConverter::~SchemaConverter() = default;

torch::jit::Stack SchemaConverter::in(Environment& environment, std::span<const napi_value> arguments) const {
  const auto& schema = schema_.arguments();
  if (arguments.size() > schema.size()) {
    throw TypeMismatch("expected at most " + std::to_string(schema.size()) + " arguments, got " +
                       std::to_string(arguments.size()));
  }
  torch::jit::Stack stack;
  stack.reserve(std::max(schema.size(), signature_->results.size()));
  for (size_t i = 0; i < schema.size(); i++) stack.push_back(argument(environment, i, arguments));
  return stack;
}

napi_value SchemaConverter::out(Environment& environment, const torch::jit::Stack& stack) const {
  napi_env env = environment.env();
  const size_t count = signature_->results.size();
  if (count == 1) return result(environment, stack[0], 0);
  napi_value out = nullptr;
  if (count == 0) {
    check(env, napi_get_undefined(env, &out));
    return out;
  }
  check(env, napi_create_array_with_length(env, count, &out));
  for (size_t i = 0; i < count; i++) {
    check(env, napi_set_element(env, out, static_cast<uint32_t>(i), result(environment, stack[i], i)));
  }
  return out;
}

c10::IValue SchemaConverter::argument(Environment& environment, size_t index, std::span<const napi_value> arguments) const {
  const c10::Argument& schema = schema_.arguments()[index];
  napi_valuetype given = napi_undefined;
  if (index < arguments.size()) check(environment.env(), napi_typeof(environment.env(), arguments[index], &given));
  if (given == napi_undefined) {
    if (const auto& fallback = schema.default_value()) return *fallback;
    if (signature_->arguments[index].optional) return {};
    throw TypeMismatch("argument '" + schema.name() + "' is missing");
  }
  try {
    const Type& type = signature_->arguments[index];
    c10::IValue value = toIValue(environment, type, arguments[index], !needsTags(type));
    if (type.length > 1 && value.isList()) {
      checkLength(schema, static_cast<size_t>(type.length), value.toListRef().size());
    }
    return value;
  } catch (const std::invalid_argument& error) {
    throw TypeMismatch("argument '" + schema.name() + "' (" + schema.real_type()->str() + "): " + error.what());
  }
}

// A result that is one of the arguments is not given a second handle: the caller has the argument.
napi_value SchemaConverter::result(Environment& environment, const c10::IValue& value, size_t index) const {
  const Result& entry = signature_->results[index];
  if (entry.argument < 0) return toJs(environment, value, entry.type);
  napi_value out = nullptr;
  check(environment.env(), napi_get_null(environment.env(), &out));
  return out;
}

namespace {

class BoxedOperator : public Operator {
 public:
  BoxedOperator(const c10::OperatorHandle& handle, Guard guard)
      : BoxedOperator(handle.schema(), [handle](torch::jit::Stack& stack) { handle.callBoxed(stack); }, guard) {}
  BoxedOperator(c10::FunctionSchema schema, std::function<void(torch::jit::Stack&)> run, Guard guard = nullptr)
      : converter_(std::move(schema)), run_(std::move(run)), guard_(guard) {}

  napi_value call(Environment& environment, std::span<const napi_value> arguments) const override {
    torch::jit::Stack stack = converter_.in(environment, arguments);
    if (guard_) guard_(converter_.schema(), stack);
    run_(stack);
    return converter_.out(environment, stack);
  }

 private:
  SchemaConverter converter_;
  std::function<void(torch::jit::Stack&)> run_;
  Guard guard_;
};

// ---- Signatures known at compile time ----
// Boxing costs 200 ns of a small operator's 700. The signatures that most calls of a training loop have go to the
// dispatcher unboxed; they are a table of C++ types, not of operators.

// How one parameter is read from JavaScript, and which schema type it stands for. Made once for each operator, with the
// schema's default worked out, which leaveOut() takes, where there is one, without asking Node-API what was given.
template <class T>
struct Parameter;

template <>
struct Parameter<const at::Tensor&> {
  explicit Parameter(const c10::Argument& /*argument*/) {}
  using Held = const at::Tensor*;
  static bool fits(const Type& type) { return type.kind == Kind::kTensor && !type.optional; }
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
  static bool fits(const Type& type) { return type.kind == Kind::kTensor && type.optional; }
  static void read(Environment& environment, napi_value value, Held& out) {
    out = FromJs<Held>::get(environment, value);
  }
  static const Held& pass(const Held& held) { return held; }
  static const Held& pass(Held&& held) = delete;
  static bool leaveOut(Held& /*out*/) { return true; }
};

bool isUndefined(Environment& environment, napi_value value) {
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
  static bool fits(const Type& type) { return type.kind == K && type.optional == Optional; }
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
std::optional<std::span<const double>> listIn(Environment& environment, napi_value value) {
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

// Integers, with room for as many as shapes usually have. `I` is what the kernels take: int64_t, or c10::SymInt.
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
  static bool fits(const Type& type) {
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

// A convolution as the dispatcher calls it passes through conv2d, convolution and _convolution, of which the first two
// hand their arguments on and take 200 ns for that. This is _convolution at once, for tensors that autograd has nothing
// to record of, and gives nothing where the other two would do more: for a batch's missing dimension, complex numbers,
// a bias of another dtype, and wherever a key beside the CPU's own has a say (autocast, a program's recorder, a mode).
template <int64_t Dimensions>
at::Tensor convolve(const at::Tensor& input, const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                    c10::SymIntArrayRef stride, c10::SymIntArrayRef padding, c10::SymIntArrayRef dilation,
                    c10::SymInt groups) {
  static const std::vector<c10::SymInt> kOutputPadding(Dimensions, 0);
  constexpr c10::DispatchKeySet kPlain{c10::DispatchKey::CPU, c10::DispatchKey::BackendSelect};
  if (input.dim() != Dimensions + 2 || input.is_complex()) return {};
  c10::DispatchKeySet keys = input.key_set() | weight.key_set();
  if (bias) {
    if (bias->scalar_type() != input.scalar_type()) return {};
    keys = keys | bias->key_set();
  }
  const c10::impl::LocalDispatchKeySet here = c10::impl::tls_local_dispatch_key_set();
  if (((keys | here.included_) - here.excluded_) != kPlain) return {};
  // What the last four say is for cuDNN.
  return at::_convolution_symint(input, weight, bias, stride, padding, dilation, false, kOutputPadding,
                                 std::move(groups), false, false, false, false);
}

// What is tried before an operator, given its name, where autograd has nothing to record.
template <class... A>
auto shortcutOf(const std::string& name) -> at::Tensor (*)(A...) {
  using Shortcut = at::Tensor (*)(A...);
  if constexpr (std::is_same_v<Shortcut, decltype(&convolve<2>)>) {
    if (name == "aten::conv1d") return &convolve<1>;
    if (name == "aten::conv2d") return &convolve<2>;
    if (name == "aten::conv3d") return &convolve<3>;
  }
  return nullptr;
}

template <class F>
class UnboxedOperator;

template <class... A>
class UnboxedOperator<at::Tensor(A...)> : public Operator {
 public:
  // The operator under this signature, or nothing when its schema is another.
  static std::unique_ptr<Operator> match(const c10::OperatorHandle& handle, const Signature& signature) {
    if (signature.arguments.size() != sizeof...(A) || signature.results.size() != 1) return nullptr;
    const Result& result = signature.results[0];
    if (result.argument >= 0 || result.type.kind != Kind::kTensor || result.type.optional) return nullptr;
    size_t i = 0;
    if (!(Parameter<A>::fits(signature.arguments[i++]) && ...)) return nullptr;
    try {
      return std::unique_ptr<Operator>(
          std::make_unique<UnboxedOperator>(handle.typed<at::Tensor(A...)>(), std::index_sequence_for<A...>()));
    } catch (const c10::Error&) {
      return nullptr;  // the kernels were registered with another C++ signature (SymInt for int, say)
    }
  }

  template <size_t... I>
  UnboxedOperator(c10::TypedOperatorHandle<at::Tensor(A...)> handle, std::index_sequence<I...> /*indices*/)
      : handle_(std::move(handle)),
        parameters_(handle_.schema().arguments()[I]...),
        makesItsResult_(makesItsResult(handle_)),
        shortcut_(handle_.operator_name().overload_name.empty() ? shortcutOf<A...>(handle_.operator_name().name)
                                                                : nullptr) {}

  napi_value call(Environment& environment, std::span<const napi_value> arguments) const override {
    return call(environment, arguments, std::index_sequence_for<A...>());
  }
  [[nodiscard]] bool takesLists() const override { return true; }

 private:
  template <size_t... I>
  napi_value call(Environment& environment, std::span<const napi_value> arguments,
                  std::index_sequence<I...> /*indices*/) const {
    if (arguments.size() > sizeof...(A)) {
      throw TypeMismatch("expected at most " + std::to_string(sizeof...(A)) + " arguments, got " +
                         std::to_string(arguments.size()));
    }
    // References stay valid because nothing is inserted before the call ends.
    std::tuple<typename Parameter<A>::Held...> values;
    (read<I>(environment, arguments, std::get<I>(values)), ...);
    const auto call = [&] { return handle_.call(Parameter<A>::pass(std::get<I>(values))...); };
    if (makesItsResult_ && (untracked(Parameter<A>::pass(std::get<I>(values))) && ...)) {
      const at::AutoDispatchBelowADInplaceOrView below;
      at::Tensor out;
      if (shortcut_) out = shortcut_(Parameter<A>::pass(std::get<I>(values))...);
      if (!out.defined()) out = call();
      return ToJs<at::Tensor>::set(environment, std::move(out));
    }
    return ToJs<at::Tensor>::set(environment, call());
  }

  // Whether the result is always a new tensor that the autograd layer would only have recorded: true of operators with
  // a derivative formula of their own that give no view of an argument, and of these that are composed of others; most
  // of those give an argument back where there is nothing to do.
  static bool makesItsResult(const c10::OperatorHandle& handle) {
    static const std::unordered_set<std::string> kComposed{"aten::matmul", "aten::linear", "aten::conv1d",
                                                           "aten::conv2d", "aten::conv3d"};
    const c10::OperatorName& name = handle.operator_name();
    return handle.schema().returns()[0].alias_info() == nullptr &&
           (!handle.hasKernelForDispatchKey(c10::DispatchKey::CompositeImplicitAutograd) ||
            (name.overload_name.empty() && kComposed.contains(name.name)));
  }

  // A tensor without autograd metadata requires no gradient, is no view and has no tangent, so that the autograd layer
  // has nothing to do for it; going around that layer saves a fifth of a small operator's time.
  static bool untracked(const at::Tensor& tensor) { return tensor.unsafeGetTensorImpl()->autograd_meta() == nullptr; }
  static bool untracked(const std::optional<at::Tensor>& tensor) { return !tensor || untracked(*tensor); }
  template <class T>
  static bool untracked(const T& /*value*/) {
    return true;
  }

  template <size_t I, class Held>
  void read(Environment& environment, std::span<const napi_value> arguments, Held& out) const {
    napi_value value = nullptr;
    if (I < arguments.size()) {
      value = arguments[I];
    } else {
      if (std::get<I>(parameters_).leaveOut(out)) return;
      check(environment.env(), napi_get_undefined(environment.env(), &value));
    }
    try {
      std::get<I>(parameters_).read(environment, value, out);
    } catch (const std::invalid_argument& error) {
      const c10::Argument& schema = handle_.schema().arguments()[I];
      throw TypeMismatch("argument '" + schema.name() + "' (" + schema.real_type()->str() + "): " + error.what());
    }
  }

  c10::TypedOperatorHandle<at::Tensor(A...)> handle_;
  std::tuple<Parameter<A>...> parameters_;
  bool makesItsResult_;
  at::Tensor (*shortcut_)(A...);
};

std::unique_ptr<Operator> makeOperator(const c10::OperatorHandle& handle) {
  using T = const at::Tensor&;
  using S = const at::Scalar&;
  using O = const std::optional<at::Tensor>&;
  const Signature signature = signatureOf(handle.schema());
  const Guard guard = guardOf(handle.operator_name());
  std::unique_ptr<Operator> out;
  const auto attempt = [&]<class F>() {
    return guard == nullptr && !out && (out = UnboxedOperator<F>::match(handle, signature));
  };
  attempt.operator()<at::Tensor(T)>();
  attempt.operator()<at::Tensor(T, T)>();
  attempt.operator()<at::Tensor(T, T, S)>();
  attempt.operator()<at::Tensor(T, S)>();
  attempt.operator()<at::Tensor(T, S, S)>();
  attempt.operator()<at::Tensor(T, int64_t, std::optional<at::ScalarType>)>();
  attempt.operator()<at::Tensor(T, std::optional<at::ScalarType>)>();
  attempt.operator()<at::Tensor(T, int64_t)>();
  attempt.operator()<at::Tensor(T, int64_t, int64_t)>();
  attempt.operator()<at::Tensor(T, c10::SymIntArrayRef)>();
  attempt.operator()<at::Tensor(T, at::IntArrayRef)>();
  attempt.operator()<at::Tensor(T, at::OptionalIntArrayRef, bool, std::optional<at::ScalarType>)>();
  attempt.operator()<at::Tensor(T, T, O)>();
  attempt.operator()<at::Tensor(T, T, O, c10::SymIntArrayRef, c10::SymIntArrayRef, c10::SymIntArrayRef, c10::SymInt)>();
  if (!out) out = std::make_unique<BoxedOperator>(handle, guard);
  return out;
}

// What TypeScript has to know of a value: where the tensors (and generators) are, and the lists of integers that it may
// pass through Environment::integers.
std::string handleKind(const Type& type, bool takesLists = false) {
  if (type.kind == Kind::kTensor) return type.optional ? "tensor?" : "tensor";
  if (type.kind == Kind::kGenerator) return "generator";
  if (type.kind == Kind::kList && type.element->kind == Kind::kTensor) return "tensors";
  if (takesLists && type.kind == Kind::kList && type.element->kind == Kind::kInt) return "integers";
  return needsTags(type) ? "tagged" : "plain";
}

Napi::Value describeOperator(Environment& environment, const c10::FunctionSchema& schema, bool takesLists = false) {
  const Napi::Env env(environment.env());
  const Signature signature = signatureOf(schema);
  Napi::Object out = Napi::Object::New(env);
  out.Set("schema", c10::toString(schema));
  const Napi::Array arguments = Napi::Array::New(env);
  for (uint32_t i = 0; i < signature.arguments.size(); i++) {
    const Napi::Object entry = Napi::Object::New(env);
    const auto& argument = schema.arguments()[i];
    entry.Set("name", argument.name());
    entry.Set("kind", handleKind(signature.arguments[i], takesLists));
    entry.Set("type", argument.real_type()->str());
    entry.Set("keywordOnly", argument.kwarg_only());
    entry.Set("required", !argument.default_value().has_value());
    arguments.Set(i, entry);
  }
  out.Set("arguments", arguments);
  const Napi::Array results = Napi::Array::New(env);
  for (uint32_t i = 0; i < signature.results.size(); i++) {
    const Napi::Object entry = Napi::Object::New(env);
    entry.Set("kind", handleKind(signature.results[i].type));
    entry.Set("argument", signature.results[i].argument);
    results.Set(i, entry);
  }
  out.Set("results", results);
  return out;
}

// findOperator(name, overload): { id, schema, arguments, results } or null
Raw findOperator(Environment& environment, const std::string& name, const std::string& overload) {
  napi_env env = environment.env();
  const auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
  if (!handle) {
    napi_value none = nullptr;
    check(env, napi_get_null(env, &none));
    return {none};
  }
  auto made = makeOperator(*handle);
  const auto out = describeOperator(environment, handle->schema(), made->takesLists()).As<Napi::Object>();
  out.Set("id", static_cast<double>(environment.operators.size()));
  environment.operators.push_back(std::move(made));
  return {out};
}

// Every name in the dispatcher, as "aten::add.Tensor".
std::vector<std::string> operatorNames(Environment& /*environment*/) {
  std::vector<std::string> out;
  for (const auto& name : c10::Dispatcher::singleton().getAllOpNames()) out.push_back(c10::toString(name));
  std::ranges::sort(out);
  return out;
}

// More than any schema has, and as many as most calls have. Node-API fills what the caller left out, so that a large
// array costs every call.
constexpr size_t kMaxArguments = 64;
constexpr size_t kUsualArguments = 7;

template <size_t N>
napi_value callOperatorOf(Environment& environment, std::array<napi_value, N>& argv, size_t argc) {
  const uint32_t id = FromJs<uint32_t>::get(environment, argv[0]);
  if (id >= environment.operators.size()) throw TypeMismatch("no operator has this number");
  return environment.operators[id]->call(environment, std::span(argv).subspan(1, argc - 1));
}

// callOperator(id, ...arguments)
napi_value callOperator(napi_env env, napi_callback_info info) {
  return guarded(env, [&]() -> napi_value {
    std::array<napi_value, kUsualArguments + 1> usual;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled below
    size_t argc = usual.size();
    void* data = nullptr;
    check(env, napi_get_cb_info(env, info, &argc, usual.data(), nullptr, &data));
    auto& environment = *static_cast<Environment*>(data);
    if (argc < 1) throw TypeMismatch("expected an operator");
    if (argc <= usual.size()) return callOperatorOf(environment, usual, argc);
    std::array<napi_value, kMaxArguments + 1> many{};
    if (argc > many.size()) throw TypeMismatch("expected at most 64 arguments, got " + std::to_string(argc - 1));
    check(env, napi_get_cb_info(env, info, &argc, many.data(), nullptr, nullptr));
    return callOperatorOf(environment, many, argc);
  });
}

}  // namespace

Raw SchemaConverter::describe(Environment& environment) const { return {describeOperator(environment, schema_)}; }

Raw addCallable(Environment& environment, c10::FunctionSchema schema, std::function<void(torch::jit::Stack&)> run) {
  const auto out = describeOperator(environment, schema).As<Napi::Object>();
  out.Set("id", static_cast<double>(environment.operators.size()));
  environment.operators.push_back(std::make_unique<BoxedOperator>(std::move(schema), std::move(run)));
  return {out};
}

std::vector<Binding> operatorBindings() {
  return {
      bound<&findOperator>("findOperator"),
      bound<&operatorNames>("operatorNames"),
      {"callOperator", &callOperator},
  };
}

}  // namespace torch_node

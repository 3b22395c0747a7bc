// One call path for every operator of the dispatcher: arguments are converted by the operator's own schema.
#include "operators.h"

#include <algorithm>
#include <array>

#include "guards.h"

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
  kUnsupported,
};

// A schema type, worked out once.
struct Type {
  Kind kind = Kind::kUnsupported;
  bool optional = false;
  int32_t length = 0;             // of a list with a fixed length ("int[2]"), else 0
  std::unique_ptr<Type> element;  // of a list
  c10::TypePtr boxedElement;      // what the dispatcher's own list of it holds
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
    default: return {};
  }
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

c10::IValue toIValue(Environment& environment, const Type& type, napi_value value);

c10::IValue listToIValue(Environment& environment, const Type& type, napi_value value) {
  napi_env env = environment.env();
  const c10::impl::GenericList list(type.boxedElement);
  bool array = false;
  check(env, napi_is_array(env, value, &array));
  if (!array) {
    if (type.length == 0) throw TypeMismatch("expected an array, got " + describe(env, value));
    // "int[2] stride" takes one integer for both, as in PyTorch.
    const c10::IValue one = toIValue(environment, *type.element, value);
    for (int32_t i = 0; i < type.length; i++) list.push_back(one);
    return list;
  }
  uint32_t length = 0;
  check(env, napi_get_array_length(env, value, &length));
  list.reserve(length);
  for (uint32_t i = 0; i < length; i++) {
    napi_value item = nullptr;
    check(env, napi_get_element(env, value, i, &item));
    list.push_back(toIValue(environment, *type.element, item));
  }
  return list;
}

c10::IValue toIValue(Environment& environment, const Type& type, napi_value value) {
  if (isNullish(environment.env(), value)) {
    if (type.optional) return {};
    throw TypeMismatch("expected a value, got " + describe(environment.env(), value));
  }
  switch (type.kind) {
    case Kind::kTensor: return FromJs<at::Tensor>::get(environment, value);
    case Kind::kScalar: return FromJs<at::Scalar>::get(environment, value);
    case Kind::kInt: return FromJs<int64_t>::get(environment, value);
    case Kind::kFloat: return FromJs<double>::get(environment, value);
    case Kind::kBool: return FromJs<bool>::get(environment, value);
    case Kind::kString: return FromJs<std::string>::get(environment, value);
    case Kind::kScalarType: return FromJs<at::ScalarType>::get(environment, value);
    case Kind::kDevice: return FromJs<at::Device>::get(environment, value);
    case Kind::kLayout: return layout(FromJs<std::string>::get(environment, value));
    case Kind::kMemoryFormat: return memoryFormat(FromJs<std::string>::get(environment, value));
    case Kind::kGenerator: return FromJs<at::Generator>::get(environment, value);
    case Kind::kList: return listToIValue(environment, type, value);
    case Kind::kUnsupported: break;
  }
  throw TypeMismatch("values of this type cannot be passed from JavaScript");
}

napi_value toJs(Environment& environment, const c10::IValue& value, const Type& type) {
  napi_env env = environment.env();
  napi_value out = nullptr;
  if (value.isNone()) {
    check(env, napi_get_null(env, &out));
    return out;
  }
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
  if (value.isGenerator()) return ToJs<uint32_t>::set(environment, environment.generators.insert(value.toGenerator()));
  if (value.isList()) {
    const auto list = value.toListRef();
    check(env, napi_create_array_with_length(env, list.size(), &out));
    static const Type kPlain;
    for (uint32_t i = 0; i < list.size(); i++) {
      check(env, napi_set_element(env, out, i, toJs(environment, list[i], type.element ? *type.element : kPlain)));
    }
    return out;
  }
  throw std::runtime_error("the operator gave a value of type " + value.tagKind() +
                           ", which has no JavaScript counterpart");
}

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

class BoxedOperator : public Operator {
 public:
  BoxedOperator(c10::OperatorHandle handle, Signature signature, Guard guard)
      : handle_(std::move(handle)), signature_(std::move(signature)), guard_(guard) {}

  napi_value call(Environment& environment, std::span<const napi_value> arguments) const override {
    napi_env env = environment.env();
    const auto& schema = handle_.schema().arguments();
    if (arguments.size() > schema.size()) {
      throw TypeMismatch("expected at most " + std::to_string(schema.size()) + " arguments, got " +
                         std::to_string(arguments.size()));
    }
    torch::jit::Stack stack;
    stack.reserve(std::max(schema.size(), signature_.results.size()));
    for (size_t i = 0; i < schema.size(); i++) stack.push_back(argument(environment, schema[i], i, arguments));
    if (guard_) guard_(handle_.schema(), stack);
    handle_.callBoxed(stack);
    if (signature_.results.size() == 1) return result(environment, stack[0], 0);
    napi_value out = nullptr;
    if (signature_.results.empty()) {
      check(env, napi_get_undefined(env, &out));
      return out;
    }
    check(env, napi_create_array_with_length(env, signature_.results.size(), &out));
    for (size_t i = 0; i < signature_.results.size(); i++) {
      check(env, napi_set_element(env, out, static_cast<uint32_t>(i), result(environment, stack[i], i)));
    }
    return out;
  }

 private:
  c10::IValue argument(Environment& environment, const c10::Argument& schema, size_t index,
                       std::span<const napi_value> arguments) const {
    napi_valuetype given = napi_undefined;
    if (index < arguments.size()) check(environment.env(), napi_typeof(environment.env(), arguments[index], &given));
    if (given == napi_undefined) {
      if (const auto& fallback = schema.default_value()) return *fallback;
      if (signature_.arguments[index].optional) return {};
      throw TypeMismatch("argument '" + schema.name() + "' is missing");
    }
    try {
      const Type& type = signature_.arguments[index];
      c10::IValue value = toIValue(environment, type, arguments[index]);
      if (type.length > 1 && value.isList()) checkLength(schema, type.length, value.toListRef().size());
      return value;
    } catch (const std::invalid_argument& error) {
      throw TypeMismatch("argument '" + schema.name() + "' (" + schema.real_type()->str() + "): " + error.what());
    }
  }

  // A result that is one of the arguments is not given a second handle: the caller has the argument.
  napi_value result(Environment& environment, const c10::IValue& value, size_t index) const {
    const Result& entry = signature_.results[index];
    if (entry.argument < 0) return toJs(environment, value, entry.type);
    napi_value out = nullptr;
    check(environment.env(), napi_get_null(environment.env(), &out));
    return out;
  }

  c10::OperatorHandle handle_;
  Signature signature_;
  Guard guard_;
};

// ---- Signatures known at compile time ----
// Boxing costs 200 ns of a small operator's 700. The signatures that most calls of a training loop have go to the
// dispatcher unboxed; they are a table of C++ types, not of operators.

// How one parameter is read from JavaScript, and which schema type it stands for.
template <class T>
struct Parameter;

template <>
struct Parameter<const at::Tensor&> {
  using Held = const at::Tensor&;
  static bool fits(const Type& type) { return type.kind == Kind::kTensor && !type.optional; }
  static const at::Tensor& read(Environment& environment, napi_value value, const c10::Argument& /*schema*/) {
    return environment.tensor(FromJs<uint32_t>::get(environment, value));
  }
};

template <class T, Kind K, bool Optional = false>
struct ValueParameter {
  using Held = T;
  static bool fits(const Type& type) { return type.kind == K && type.optional == Optional; }
  static T read(Environment& environment, napi_value value, const c10::Argument& schema) {
    if (const auto& fallback = schema.default_value()) {
      napi_valuetype given = napi_undefined;
      check(environment.env(), napi_typeof(environment.env(), value, &given));
      if (given == napi_undefined) return fallback->to<T>();
    }
    return FromJs<T>::get(environment, value);
  }
};

template <>
struct Parameter<const at::Scalar&> : ValueParameter<at::Scalar, Kind::kScalar> {};
template <>
struct Parameter<int64_t> : ValueParameter<int64_t, Kind::kInt> {};
template <>
struct Parameter<bool> : ValueParameter<bool, Kind::kBool> {};
template <>
struct Parameter<std::optional<at::ScalarType>>
    : ValueParameter<std::optional<at::ScalarType>, Kind::kScalarType, true> {};

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
      return std::unique_ptr<Operator>(std::make_unique<UnboxedOperator>(handle.typed<at::Tensor(A...)>()));
    } catch (const c10::Error&) {
      return nullptr;  // the kernels were registered with another C++ signature (SymInt for int, say)
    }
  }

  explicit UnboxedOperator(c10::TypedOperatorHandle<at::Tensor(A...)> handle)
      : handle_(std::move(handle)), makesItsResult_(makesItsResult(handle_)) {}

  napi_value call(Environment& environment, std::span<const napi_value> arguments) const override {
    return call(environment, arguments, std::index_sequence_for<A...>());
  }

 private:
  template <size_t... I>
  napi_value call(Environment& environment, std::span<const napi_value> arguments,
                  std::index_sequence<I...> /*indices*/) const {
    const auto& schema = handle_.schema().arguments();
    if (arguments.size() > sizeof...(A)) {
      throw TypeMismatch("expected at most " + std::to_string(sizeof...(A)) + " arguments, got " +
                         std::to_string(arguments.size()));
    }
    // Missing arguments read as undefined; references stay valid because nothing is inserted before the call ends.
    napi_value undefined = nullptr;
    if (arguments.size() < sizeof...(A)) check(environment.env(), napi_get_undefined(environment.env(), &undefined));
    const auto value = [&](size_t i) { return i < arguments.size() ? arguments[i] : undefined; };
    std::tuple<typename Parameter<A>::Held...> values{read<A>(environment, value(I), schema[I])...};
    if (makesItsResult_ && (untracked(std::get<I>(values)) && ...)) {
      const at::AutoDispatchBelowADInplaceOrView below;
      return ToJs<at::Tensor>::set(environment, handle_.call(std::get<I>(values)...));
    }
    return ToJs<at::Tensor>::set(environment, handle_.call(std::get<I>(values)...));
  }

  // Whether the result is always a new tensor that the autograd layer would only have recorded: true of operators with
  // a derivative formula of their own (not of those composed of others) that give no view of an argument.
  static bool makesItsResult(const c10::OperatorHandle& handle) {
    return handle.schema().returns()[0].alias_info() == nullptr &&
           !handle.hasKernelForDispatchKey(c10::DispatchKey::CompositeImplicitAutograd);
  }

  // A tensor without autograd metadata requires no gradient, is no view and has no tangent, so that the autograd layer
  // has nothing to do for it; going around that layer saves a fifth of a small operator's time.
  static bool untracked(const at::Tensor& tensor) { return tensor.unsafeGetTensorImpl()->autograd_meta() == nullptr; }
  template <class T>
  static bool untracked(const T& /*value*/) {
    return true;
  }

  template <class T>
  static decltype(auto) read(Environment& environment, napi_value value, const c10::Argument& schema) {
    try {
      return Parameter<T>::read(environment, value, schema);
    } catch (const std::invalid_argument& error) {
      throw TypeMismatch("argument '" + schema.name() + "' (" + schema.real_type()->str() + "): " + error.what());
    }
  }

  c10::TypedOperatorHandle<at::Tensor(A...)> handle_;
  bool makesItsResult_;
};

std::unique_ptr<Operator> makeOperator(const c10::OperatorHandle& handle) {
  using T = const at::Tensor&;
  using S = const at::Scalar&;
  Signature signature = signatureOf(handle.schema());
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
  if (!out) out = std::make_unique<BoxedOperator>(handle, std::move(signature), guard);
  return out;
}

// What TypeScript has to know of a value: where the tensors (and generators) are.
std::string handleKind(const Type& type) {
  if (type.kind == Kind::kTensor) return type.optional ? "tensor?" : "tensor";
  if (type.kind == Kind::kGenerator) return "generator";
  if (type.kind == Kind::kList && type.element->kind == Kind::kTensor) return "tensors";
  return "plain";
}

Napi::Value describeOperator(Environment& environment, const c10::OperatorHandle& handle) {
  const Napi::Env env(environment.env());
  const auto& schema = handle.schema();
  const Signature signature = signatureOf(schema);
  Napi::Object out = Napi::Object::New(env);
  out.Set("schema", c10::toString(schema));
  const Napi::Array arguments = Napi::Array::New(env);
  for (uint32_t i = 0; i < signature.arguments.size(); i++) {
    const Napi::Object entry = Napi::Object::New(env);
    const auto& argument = schema.arguments()[i];
    entry.Set("name", argument.name());
    entry.Set("kind", handleKind(signature.arguments[i]));
    entry.Set("type", argument.real_type()->str());
    entry.Set("keywordOnly", argument.kwarg_only());
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
  const auto out = describeOperator(environment, *handle).As<Napi::Object>();
  out.Set("id", static_cast<double>(environment.operators.size()));
  environment.operators.push_back(makeOperator(*handle));
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

std::vector<Binding> operatorBindings() {
  return {
      bound<&findOperator>("findOperator"),
      bound<&operatorNames>("operatorNames"),
      {"callOperator", &callOperator},
  };
}

}  // namespace torch_node

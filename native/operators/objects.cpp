// Tagged values, and objects of the classes that libtorch registers.
#include "objects.h"

#include <algorithm>
#include <set>

#include "operators.h"
#include "bindings.h"

namespace torch_node {

namespace {

// What the tagged value of a name holds, or nullptr for another value.
napi_value untag(napi_env env, napi_value value, const char* name) {
  napi_valuetype type = napi_undefined;
  check(env, napi_typeof(env, value, &type));
  if (type != napi_object) return nullptr;
  bool has = false;
  check(env, napi_has_named_property(env, value, name, &has));
  if (!has) return nullptr;
  napi_value out = nullptr;
  check(env, napi_get_named_property(env, value, name, &out));
  return out;
}

napi_value tag(napi_env env, const char* name, napi_value content) {
  napi_value out = nullptr;
  check(env, napi_create_object(env, &out));
  check(env, napi_set_named_property(env, out, name, content));
  return out;
}

c10::IValue& liveObject(Environment& environment, uint32_t handle) {
  c10::IValue* found = environment.objects.find(handle);
  if (!found) throw std::invalid_argument("this object was released: it was disposed of");
  return *found;
}

std::string typeName(const c10::IValue& value) { return value.type()->str(); }

// As describe(), with what tagged values hold.
std::string inWords(Environment& environment, napi_value value) {
  napi_env env = environment.env();
  if (napi_value object = untag(env, value, "object")) {
    return "a NativeObject of " + typeName(liveObject(environment, FromJs<uint32_t>::get(environment, object)));
  }
  if (untag(env, value, "tensor")) return "a Tensor";
  if (untag(env, value, "generator")) return "a Generator";
  if (untag(env, value, "stream")) return "a Stream";
  return describe(env, value);
}

c10::IValue anyValue(Environment& environment, napi_value value);

c10::IValue listOf(Environment& environment, napi_value value) {
  std::vector<c10::IValue> items;
  for (const Raw& item : FromJs<std::vector<Raw>>::get(environment, value)) {
    items.push_back(anyValue(environment, item.value));
  }
  // Of one type where the items are, as a list of tensors.
  c10::TypePtr element = items.empty() ? c10::TypePtr(c10::AnyType::get()) : items[0].type();
  for (const auto& item : items) {
    if (*item.type() != *element) element = c10::AnyType::get();
  }
  if (element->kind() == c10::TypeKind::TensorType) element = c10::TensorType::get();
  const c10::impl::GenericList out(element);
  for (auto& item : items) out.push_back(std::move(item));
  return out;
}

template <class Range>
napi_value arrayOf(Environment& environment, const Range& items) {
  napi_env env = environment.env();
  napi_value out = nullptr;
  check(env, napi_create_array_with_length(env, items.size(), &out));
  uint32_t i = 0;
  for (const c10::IValue& item : items) check(env, napi_set_element(env, out, i++, taggedToJs(environment, item)));
  return out;
}

}  // namespace

uint32_t taggedHandle(Environment& environment, napi_value value, const char* name, bool untagged) {
  uint32_t out = 0;
  if (untagged && napi_get_value_uint32(environment.env(), value, &out) == napi_ok) return out;
  if (napi_value handle = untag(environment.env(), value, name)) return FromJs<uint32_t>::get(environment, handle);
  throw TypeMismatch(std::string("expected a ") + name + ", got " + inWords(environment, value));
}

at::Generator taggedGenerator(Environment& environment, napi_value value, bool untagged) {
  return generatorOf(environment, taggedHandle(environment, value, "generator", untagged));
}

c10::Stream taggedStream(Environment& environment, napi_value value) {
  if (napi_value content = untag(environment.env(), value, "stream")) {
    const auto parts = FromJs<std::vector<Raw>>::get(environment, content);
    if (parts.size() == 2) {
      const auto device = FromJs<at::Device>::get(environment, parts[0].value);
      return c10::Stream(c10::Stream::UNSAFE, device, FromJs<int64_t>::get(environment, parts[1].value));
    }
  }
  throw TypeMismatch("expected a Stream, got " + inWords(environment, value));
}

std::vector<std::pair<napi_value, napi_value>> taggedEntries(Environment& environment, napi_value value) {
  napi_value entries = untag(environment.env(), value, "entries");
  if (!entries) throw TypeMismatch("expected a Map or an object, got " + inWords(environment, value));
  std::vector<std::pair<napi_value, napi_value>> out;
  for (const Raw& entry : FromJs<std::vector<Raw>>::get(environment, entries)) {
    const auto pair = FromJs<std::vector<Raw>>::get(environment, entry.value);
    if (pair.size() != 2) throw TypeMismatch("expected keys with their values");
    out.emplace_back(pair[0].value, pair[1].value);
  }
  return out;
}

c10::IValue taggedObject(Environment& environment, napi_value value, const c10::Type& type) {
  if (napi_value handle = untag(environment.env(), value, "object")) {
    const c10::IValue& object = liveObject(environment, FromJs<uint32_t>::get(environment, handle));
    if (object.type()->isSubtypeOf(type)) return object;
  }
  throw TypeMismatch("expected a NativeObject of " + type.str() + ", got " + inWords(environment, value));
}

namespace {

c10::IValue anyValue(Environment& environment, napi_value value) {
  napi_env env = environment.env();
  napi_valuetype type = napi_undefined;
  check(env, napi_typeof(env, value, &type));
  bool array = false;
  check(env, napi_is_array(env, value, &array));
  if (type == napi_undefined || type == napi_null) return {};
  if (type == napi_string) return FromJs<std::string>::get(environment, value);
  if (array) return listOf(environment, value);
  if (type == napi_object) {
    if (untag(env, value, "tensor")) return environment.tensor(taggedHandle(environment, value, "tensor"));
    if (untag(env, value, "generator")) return taggedGenerator(environment, value);
    if (untag(env, value, "stream")) return taggedStream(environment, value);
    if (napi_value handle = untag(env, value, "object")) {
      return liveObject(environment, FromJs<uint32_t>::get(environment, handle));
    }
    if (untag(env, value, "entries")) {
      const auto entries = taggedEntries(environment, value);
      // A dictionary's keys are of one type: strings, unless the first says otherwise.
      const auto key = entries.empty() ? c10::IValue("") : anyValue(environment, entries[0].first);
      const c10::impl::GenericDict out(key.type(), c10::AnyType::get());
      for (const auto& [name, item] : entries) {
        const auto next = anyValue(environment, name);
        if (*next.type() != *key.type()) throw TypeMismatch("the keys of a dictionary are of one type");
        out.insert(next, anyValue(environment, item));
      }
      return out;
    }
  }
  return FromJs<at::Scalar>::get(environment, value);
}

}  // namespace

c10::IValue taggedValue(Environment& environment, napi_value value, const c10::Type& type) {
  c10::IValue out = anyValue(environment, value);
  if (out.type()->isSubtypeOf(type)) return out;
  throw TypeMismatch("expected a value of type " + type.str() + ", got " + inWords(environment, value));
}

napi_value taggedToJs(Environment& environment, const c10::IValue& value) {
  napi_env env = environment.env();
  napi_value out = nullptr;
  if (value.isNone()) {
    check(env, napi_get_null(env, &out));
    return out;
  }
  if (value.isTensor()) return tag(env, "tensor", ToJs<at::Tensor>::set(environment, value.toTensor()));
  if (value.isString()) return ToJs<std::string>::set(environment, value.toStringRef());
  if (value.isDevice()) return ToJs<std::string>::set(environment, value.toDevice().str());
  if (value.isSymInt()) return integerToJs(env, value.toSymInt().guard_int(__FILE__, __LINE__));
  if (value.isScalar()) return ToJs<at::Scalar>::set(environment, value.toScalar());
  if (value.isList()) return arrayOf(environment, value.toListRef());
  if (value.isTuple()) return arrayOf(environment, value.toTupleRef().elements());
  if (value.isGenericDict()) {
    const auto dict = value.toGenericDict();
    napi_value entries = nullptr;
    check(env, napi_create_array_with_length(env, dict.size(), &entries));
    uint32_t i = 0;
    for (const auto& entry : dict) {
      const std::array<c10::IValue, 2> pair{entry.key(), entry.value()};
      check(env, napi_set_element(env, entries, i++, arrayOf(environment, pair)));
    }
    return tag(env, "entries", entries);
  }
  return tag(env, "object", ToJs<uint32_t>::set(environment, environment.objects.insert(value)));
}

c10::QScheme qscheme(const std::string& name) {
  std::string names;
  for (int i = 0; i < c10::COMPILE_TIME_NUM_QSCHEMES; i++) {
    const auto scheme = static_cast<c10::QScheme>(i);
    if (toString(scheme) == name) return scheme;
    names += (names.empty() ? "" : ", ") + toString(scheme);
  }
  throw TypeMismatch("unknown quantization scheme '" + name + "': expected one of " + names);
}

namespace {

// ---- what JavaScript asks of an object ----

std::string objectType(Environment& environment, uint32_t handle) { return typeName(liveObject(environment, handle)); }

// adopt(object, handle): the handle is released when the object is collected.
void adopt(Environment& environment, Raw object, uint32_t handle) { environment.adopt(object.value, handle); }

// release(handle): now. Twice does nothing.
void release(Environment& environment, uint32_t handle) {
  if (environment.objects.find(handle)) const auto last = environment.objects.take(handle);
}

// How many objects are held.
uint32_t objectCount(Environment& environment) { return static_cast<uint32_t>(environment.objects.size()); }

// untypedStorage(tensor): a new object
uint32_t untypedStorage(Environment& environment, const at::Tensor& tensor) {
  return environment.objects.insert(c10::IValue(tensor.storage()));
}

// ---- classes ----

constexpr const char* kClasses = "__torch__.torch.classes.";

c10::ClassTypePtr classOf(const std::string& name) {
  return torch::getCustomClass(name.starts_with(kClasses) ? name : kClasses + name);
}

// The names of all classes that have methods, as "quantized.LinearPackedParamsBase". Their methods' schemas tell them:
// the list of names itself is no symbol that libtorch shows.
std::vector<std::string> classNames(Environment& /*environment*/) {
  std::set<std::string> out;
  for (const auto& schema : torch::customClassSchemasForBCCheck()) {
    if (schema.arguments().empty()) continue;
    const std::string name = schema.arguments()[0].type()->str();
    if (name.starts_with(kClasses)) out.insert(name.substr(std::char_traits<char>::length(kClasses)));
  }
  return {out.begin(), out.end()};
}

// classMethods(name): the names of the methods, or null when there is no such class.
Raw classMethods(Environment& environment, const std::string& name) {
  napi_value none = nullptr;
  check(environment.env(), napi_get_null(environment.env(), &none));
  const c10::ClassTypePtr type = classOf(name);
  if (!type) return {none};
  std::vector<std::string> out;
  for (const auto* method : type->methods()) out.push_back(method->name());
  std::ranges::sort(out);
  return {ToJs<std::vector<std::string>>::set(environment, out)};
}

// What a class is called with to make an object: the arguments of __init__, without the object.
Raw constructorOf(Environment& environment, const c10::ClassTypePtr& type, torch::jit::Function* init) {
  const auto& schema = init->getSchema();
  std::vector<c10::Argument> arguments(schema.arguments().begin() + 1, schema.arguments().end());
  std::vector<c10::Argument> results{c10::Argument("", type)};
  return addCallable(environment, c10::FunctionSchema(type->str(), "", std::move(arguments), std::move(results)),
                     [type, init](torch::jit::Stack& stack) {
                       const c10::IValue object(c10::ivalue::Object::create(c10::StrongTypePtr(nullptr, type), 1));
                       stack.insert(stack.begin(), object);
                       init->run(stack);
                       stack = {object};
                     });
}

// classFunction(name, method): { id, schema, arguments, results }, called as an operator is; null when there is none.
// The method "__init__" makes an object.
Raw classFunction(Environment& environment, const std::string& name, const std::string& method) {
  napi_value none = nullptr;
  check(environment.env(), napi_get_null(environment.env(), &none));
  const c10::ClassTypePtr type = classOf(name);
  auto* found = type ? type->findMethod(method) : nullptr;
  if (!found && type) found = type->findStaticMethod(method);
  if (!found) return {none};
  if (method == "__init__") return constructorOf(environment, type, found);
  return addCallable(environment, found->getSchema(), [found](torch::jit::Stack& stack) { found->run(stack); });
}

// ---- what the dispatcher knows ----

// operatorRunsOn(name, overload, key): whether a call whose arguments have this dispatch key finds a kernel, a
// composite one among them; for keys such as "CPU" or "QuantizedCPU".
bool operatorRunsOn(Environment& /*environment*/, const std::string& name, const std::string& overload,
                    const std::string& key) {
  const auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
  return handle && handle->hasComputedKernelForDispatchKey(c10::parseDispatchKey(key));
}

}  // namespace

std::vector<Binding> objectBindings() {
  return {
      bound<&objectType>("objectType"),
      bound<&adopt>("adopt"),
      bound<&release>("release"),
      bound<&objectCount>("objectCount"),
      bound<&untypedStorage>("untypedStorage"),
      bound<&classNames>("classNames"),
      bound<&classMethods>("classMethods"),
      bound<&classFunction>("classFunction"),
      bound<&operatorRunsOn>("operatorRunsOn"),
  };
}

}  // namespace torch_node

// TorchScript archives: read, run (on another thread too), inspected and written.
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/jit_exception.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/csrc/jit/serialization/python_print.h>

#include <array>
#include <cstring>
#include <sstream>

#include "js/background.h"
#include "capsule.h"
#include "tensors/memory.h"
#include "operators/boxed.h"
#include "operators/description.h"
#include "operators/objects.h"
#include "bindings.h"

namespace torch_node {

namespace {

// The schema of a method as JavaScript calls it: without the module.
c10::FunctionSchema withoutSelf(const c10::FunctionSchema& schema) {
  std::vector<c10::Argument> arguments(schema.arguments().begin() + 1, schema.arguments().end());
  return {schema.name(), schema.overload_name(), std::move(arguments), schema.returns()};
}

struct Method {
  explicit Method(torch::jit::Function& found) : function(&found), converter(withoutSelf(found.getSchema())) {}
  torch::jit::Function* function;  // the module's
  SchemaConverter converter;
};

// What a handle stands for: a module, and those of its methods that were asked for.
struct Script final : torch::CustomClassHolder {
  static constexpr const char* kName = "module";
  explicit Script(torch::jit::Module loaded) : module(std::move(loaded)) {}
  torch::jit::Module module;
  std::vector<std::shared_ptr<Method>> methods;
};

// The script's own words first, then where in it they were said.
std::string readableScript(const std::string& text) {
  const std::string opening = "The following operation failed in the TorchScript interpreter.\n";
  if (!text.starts_with(opening)) return text;
  const std::string mark = "<--- HERE\n";
  const size_t end = text.rfind(mark);
  if (end == std::string::npos) return text.substr(opening.size());
  // A few lines of the code follow, indented, before the words.
  size_t start = end + mark.size();
  while (start < text.size() && (text[start] == ' ' || text[start] == '\n')) {
    const size_t next = text.find('\n', start);
    start = next == std::string::npos ? text.size() : next + 1;
  }
  std::string words = text.substr(start);
  while (!words.empty() && words.back() == '\n') words.pop_back();
  return words + "\n" + text.substr(opening.size(), end + mark.size() - 1 - opening.size());
}

void runMethod(const Script& script, const Method& method, torch::jit::Stack& stack) {
  stack.insert(stack.begin(), script.module._ivalue());
  try {
    method.function->run(stack);
  } catch (const c10::Error& error) {
    throw std::runtime_error(readableScript(readable(error)));
  } catch (const JavaScriptPending&) {
    throw;
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(readableScript(error.what()));
  }
}

// ---- reading ----

struct Archive {
  std::string file;
  std::string bytes;
  bool isFile = false;
  std::optional<at::Device> device;
  torch::jit::ExtraFilesMap extra;
  torch::jit::Module module;
};

// What an extra file holds that is not in the archive.
const std::string& absent() {
  static const std::string text("\0torch-node: absent", 19);
  return text;
}

void readArchive(Archive& archive) {
  try {
    if (archive.isFile) {
      archive.module = torch::jit::load(archive.file, archive.device, archive.extra);
    } else {
      std::istringstream stream(archive.bytes);
      archive.bytes = {};
      archive.module = torch::jit::load(stream, archive.device, archive.extra);
    }
  } catch (const c10::Error& error) {
    const std::string text = readable(error);
    if (text.find("constants.pkl") != std::string::npos || text.find("torch.save") != std::string::npos) {
      throw std::runtime_error(
          "this is no TorchScript archive: it has no code in it. torch.load reads what torch.save wrote");
    }
    if (text.find("zip archive") != std::string::npos || text.find("istream reader") != std::string::npos) {
      throw std::runtime_error(
          "this is no TorchScript archive, as torch.jit.save writes them, or it is truncated or damaged: " + text);
    }
    throw std::runtime_error(text);
  }
}

std::shared_ptr<Archive> archiveOf(Environment& environment, napi_value source,
                                   const std::optional<std::string>& device, const std::vector<std::string>& extra) {
  auto archive = std::make_shared<Archive>();
  napi_valuetype type = napi_undefined;
  check(environment.env(), napi_typeof(environment.env(), source, &type));
  archive->isFile = type == napi_string;
  if (archive->isFile) {
    archive->file = FromJs<std::string>::get(environment, source);
  } else {
    const Bytes bytes = bytesOf(environment, source);
    archive->bytes.assign(static_cast<const char*>(bytes.data), bytes.size);
  }
  if (device) archive->device = at::Device(*device);
  for (const auto& name : extra) archive->extra[name] = absent();
  return archive;
}

Raw bufferOf(Environment& environment, const std::string& bytes) {
  void* data = nullptr;
  napi_value out = nullptr;
  check(environment.env(), napi_create_arraybuffer(environment.env(), bytes.size(), &data, &out));
  if (!bytes.empty()) std::memcpy(data, bytes.data(), bytes.size());
  return {out};
}

Raw loaded(Environment& environment, const Archive& archive) {
  const Napi::Object out = Napi::Object::New(environment.env());
  const Napi::Array files = Napi::Array::New(environment.env());
  for (const auto& [name, bytes] : archive.extra) {
    if (bytes == absent()) continue;
    const Napi::Array entry = Napi::Array::New(environment.env());
    entry.Set(0U, name);
    entry.Set(1U, Napi::Value(environment.env(), bufferOf(environment, bytes).value));
    files.Set(files.Length(), entry);
  }
  out.Set("extraFiles", files);
  out.Set("handle", hold<Script>(environment, archive.module));
  return {out};
}

// loadScript(source, device, extraFiles): { handle, extraFiles: [[name, bytes], ...] }
Raw loadScript(Environment& environment, Raw source, const std::optional<std::string>& device,
               const std::vector<std::string>& extra) {
  const auto archive = archiveOf(environment, source.value, device, extra);
  readArchive(*archive);
  return loaded(environment, *archive);
}

// loadScriptAsync(source, device, extraFiles): a promise of the same.
Raw loadScriptAsync(Environment& environment, Raw source, const std::optional<std::string>& device,
                    const std::vector<std::string>& extra) {
  const auto archive = archiveOf(environment, source.value, device, extra);
  return inBackground(
      environment, [archive] { readArchive(*archive); },
      [&environment, archive] { return loaded(environment, *archive).value; });
}

// scriptBytes(handle, [[name, bytes], ...]): the archive.
Raw scriptBytes(Environment& environment, uint32_t handle, const std::vector<Raw>& extra) {
  torch::jit::ExtraFilesMap files;
  for (const Raw& entry : extra) {
    const auto pair = FromJs<std::vector<Raw>>::get(environment, entry.value);
    const Bytes bytes = bytesOf(environment, pair.at(1).value);
    files[FromJs<std::string>::get(environment, pair.at(0).value)] =
        std::string(static_cast<const char*>(bytes.data), bytes.size);
  }
  std::ostringstream out;
  held<Script>(environment, handle)->module.save(out, files);
  return bufferOf(environment, out.str());
}

// ---- running ----

// scriptMethod(handle, name): { id, schema, arguments, results }; null when there is none.
Raw scriptMethod(Environment& environment, uint32_t handle, const std::string& name) {
  const auto script = held<Script>(environment, handle);
  const auto method = script->module.find_method(name);
  if (!method) {
    napi_value none = nullptr;
    check(environment.env(), napi_get_null(environment.env(), &none));
    return {none};
  }
  script->methods.push_back(std::make_shared<Method>(method->function()));
  const Napi::Object out = describeOperator(environment, script->methods.back()->converter.schema());
  out.Set("id", static_cast<double>(script->methods.size() - 1));
  return {out};
}

std::span<const napi_value> valuesOf(const std::vector<Raw>& raw) {
  static_assert(sizeof(Raw) == sizeof(napi_value));
  return {raw.empty() ? nullptr : &raw.data()->value, raw.size()};
}

// callScript(handle, id, arguments)
Raw callScript(Environment& environment, uint32_t handle, uint32_t id, const std::vector<Raw>& arguments) {
  const auto script = held<Script>(environment, handle);
  const auto& method = *script->methods.at(id);
  torch::jit::Stack stack = method.converter.in(environment, valuesOf(arguments));
  runMethod(*script, method, stack);
  return {method.converter.out(environment, stack)};
}

// What a run on another thread holds.
struct Run {
  c10::intrusive_ptr<Script> script;
  std::shared_ptr<Method> method;
  torch::jit::Stack stack;
  // resize_() on JavaScript's thread must not free what is being read on the other.
  std::vector<MemoryShare> shares;

  void share(const at::Tensor& tensor) {
    if (hasHostMemory(tensor)) shares.push_back(shareMemory(tensor));
  }
};

// callScriptAsync(handle, id, arguments): a promise of what callScript() gives.
Raw callScriptAsync(Environment& environment, uint32_t handle, uint32_t id, const std::vector<Raw>& arguments) {
  auto run = std::make_shared<Run>();
  run->script = held<Script>(environment, handle);
  run->method = run->script->methods.at(id);
  run->stack = run->method->converter.in(environment, valuesOf(arguments));
  for (c10::IValue& value : run->stack) {
    // A view, whose shape nothing on JavaScript's thread can change.
    if (value.isTensor() && hasHostMemory(value.toTensor())) value = at::alias(value.toTensor());
    value.visit([&](const c10::IValue& part) {
      if (part.isTensor()) run->share(part.toTensor());
      return false;
    });
  }
  for (const at::Tensor& tensor : run->script->module.parameters()) run->share(tensor);
  for (const at::Tensor& tensor : run->script->module.buffers()) run->share(tensor);
  return inBackground(
      environment, [run] { runMethod(*run->script, *run->method, run->stack); },
      [&environment, run] { return run->method->converter.out(environment, run->stack); });
}

// ---- inspecting a module ----

std::string scriptName(Environment& environment, uint32_t handle) {
  const auto name = held<Script>(environment, handle)->module.type()->name();
  return name ? name->name() : "";
}

std::vector<std::string> scriptMethods(Environment& environment, uint32_t handle) {
  std::vector<std::string> out;
  for (const auto& method : held<Script>(environment, handle)->module.get_methods()) out.push_back(method.name());
  return out;
}

// scriptText(handle, method, what): its "code", or its "graph".
std::string scriptText(Environment& environment, uint32_t handle, const std::string& name, const std::string& what) {
  const auto script = held<Script>(environment, handle);
  const auto method = script->module.get_method(name);
  if (what == "graph") return method.graph()->toString(false);
  std::vector<at::IValue> constants;
  torch::jit::PrintDepsTable dependencies;
  torch::jit::PythonPrint print(constants, dependencies);
  print.printMethod(method.function());
  return print.str();
}

// A part's name, a handle for it, and a number that is the same for the same part.
template <class Handle>
Napi::Array part(Environment& environment, const std::string& name, Handle handle, const void* address) {
  const Napi::Array out = Napi::Array::New(environment.env());
  out.Set(0U, name);
  out.Set(1U, static_cast<double>(handle));
  out.Set(2U, static_cast<double>(reinterpret_cast<uintptr_t>(address)));
  return out;
}

// scriptChildren(handle): [[name, handle, number], ...] of the modules in it.
Raw scriptChildren(Environment& environment, uint32_t handle) {
  const Napi::Array out = Napi::Array::New(environment.env());
  for (const auto& child : held<Script>(environment, handle)->module.named_children()) {
    const void* address = child.value._ivalue().get();
    out.Set(out.Length(), part(environment, child.name, hold<Script>(environment, child.value), address));
  }
  return {out};
}

// scriptTensors(handle, parameters): [[name, handle, number], ...] of its own parameters, or of its own buffers.
Raw scriptTensors(Environment& environment, uint32_t handle, bool parameters) {
  const auto script = held<Script>(environment, handle);
  const Napi::Array out = Napi::Array::New(environment.env());
  const auto add = [&](const std::string& name, const at::Tensor& tensor) {
    if (!tensor.defined()) return;
    out.Set(out.Length(), part(environment, name, environment.insert(tensor), tensor.unsafeGetTensorImpl()));
  };
  if (parameters) {
    for (const auto& entry : script->module.named_parameters(false)) add(entry.name, entry.value);
  } else {
    for (const auto& entry : script->module.named_buffers(false)) add(entry.name, entry.value);
  }
  return {out};
}

std::vector<std::string> scriptAttributes(Environment& environment, uint32_t handle) {
  std::vector<std::string> out;
  for (const auto& entry : held<Script>(environment, handle)->module.named_attributes(false)) {
    if (!entry.value.isModule()) out.push_back(entry.name);
  }
  return out;
}

Raw getScriptAttribute(Environment& environment, uint32_t handle, const std::string& name) {
  return {taggedToJs(environment, held<Script>(environment, handle)->module.attr(name))};
}

// setScriptAttribute(handle, name, value): the value as tagged values have it.
void setScriptAttribute(Environment& environment, uint32_t handle, const std::string& name, Raw value) {
  const auto script = held<Script>(environment, handle);
  const c10::TypePtr type = script->module.type()->getAttribute(name);
  const SchemaConverter converter(c10::FunctionSchema(name, "", {c10::Argument(name, type)}, {}));
  const std::array<napi_value, 1> values{value.value};
  script->module.setattr(name, converter.in(environment, values).at(0));
}

bool scriptTraining(Environment& environment, uint32_t handle) {
  return held<Script>(environment, handle)->module.is_training();
}

// setScriptTraining(handle, on): of the module itself, not of those in it.
void setScriptTraining(Environment& environment, uint32_t handle, bool on) {
  auto& module = held<Script>(environment, handle)->module;
  if (module.hasattr("training")) module.setattr("training", on);
}

}  // namespace

std::vector<Binding> scriptBindings() {
  return {
      bound<&loadScript>("loadScript"),
      bound<&loadScriptAsync>("loadScriptAsync"),
      bound<&scriptBytes>("scriptBytes"),
      bound<&scriptMethod>("scriptMethod"),
      bound<&callScript>("callScript"),
      bound<&callScriptAsync>("callScriptAsync"),
      bound<&scriptName>("scriptName"),
      bound<&scriptMethods>("scriptMethods"),
      bound<&scriptText>("scriptText"),
      bound<&scriptChildren>("scriptChildren"),
      bound<&scriptTensors>("scriptTensors"),
      bound<&scriptAttributes>("scriptAttributes"),
      bound<&getScriptAttribute>("getScriptAttribute"),
      bound<&setScriptAttribute>("setScriptAttribute"),
      bound<&scriptTraining>("scriptTraining"),
      bound<&setScriptTraining>("setScriptTraining"),
  };
}

}  // namespace torch_node

// Packages of AOTInductor: models compiled ahead of time, as machine code.
#include <ATen/DynamicLibrary.h>
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>

#include <cstdlib>
#include <map>

#include "js/background.h"
#include "capsule.h"
#include "tensors/memory.h"
#include "bindings.h"

namespace torch_node {

namespace {

using torch::inductor::AOTIModelContainerRunner;
using torch::inductor::AOTIModelPackageLoader;

// The compiled code reads as many inputs as it was compiled for, whatever it is given, and its runner does not tell how
// many; the library behind the runner does.
struct Peek : AOTIModelContainerRunner {
  static size_t inputs(AOTIModelContainerRunner& runner) {
    using Count = decltype(&AOTInductorModelContainerGetNumInputs);
    const auto count =
        reinterpret_cast<Count>((runner.*(&Peek::model_so_))->sym("AOTInductorModelContainerGetNumInputs"));
    size_t out = 0;
    TORCH_CHECK(count(runner.*(&Peek::container_handle_), &out) == 0, "the package does not tell its inputs");
    return out;
  }
};

struct Package final : torch::CustomClassHolder {
  static constexpr const char* kName = "package";
  Package(const std::string& file, const std::string& model, int64_t runners)
      : loader(file, model, false, static_cast<size_t>(runners)), inputs(Peek::inputs(*loader.get_runner())) {}
  AOTIModelPackageLoader loader;
  size_t inputs;
};

// Compiled code has checks of its inputs' dtypes and shapes, and makes them where this is set; without them a tensor
// that is too small is read beyond its end.
void checkInputs() {
#ifdef _WIN32
  _putenv_s("AOTI_RUNTIME_CHECK_INPUTS", "1");
#else
  setenv("AOTI_RUNTIME_CHECK_INPUTS", "1", 1);
#endif
}

// loadPackage(file, model, runners): a handle
uint32_t loadPackage(Environment& environment, const std::string& file, const std::string& model, int64_t runners) {
  checkInputs();
  return hold<Package>(environment, file, model, runners);
}

// loadPackageAsync(file, model, runners): a promise of one.
Raw loadPackageAsync(Environment& environment, const std::string& file, const std::string& model, int64_t runners) {
  checkInputs();
  auto made = std::make_shared<c10::intrusive_ptr<Package>>();
  return inBackground(
      environment, [made, file, model, runners] { *made = c10::make_intrusive<Package>(file, model, runners); },
      [&environment, made] { return ToJs<uint32_t>::set(environment, hold(environment, *made)); });
}

std::vector<at::Tensor> runPackageOn(Package& package, const std::vector<at::Tensor>& inputs) {
  const at::NoGradGuard noGrad;
  try {
    return package.loader.run(inputs);
  } catch (const c10::Error&) {
    throw;
  } catch (const std::runtime_error& error) {
    std::string text = error.what();
    while (!text.empty() && text.back() == '\n') text.pop_back();
    throw std::runtime_error(text);
  }
}

void checkCount(const Package& package, const std::vector<at::Tensor>& inputs) {
  if (inputs.size() == package.inputs) return;
  throw TypeMismatch("the model takes " + std::to_string(package.inputs) + " tensors, got " +
                     std::to_string(inputs.size()));
}

// runPackage(handle, tensors): tensors
std::vector<at::Tensor> runPackage(Environment& environment, uint32_t handle, const std::vector<at::Tensor>& inputs) {
  const auto package = held<Package>(environment, handle);
  checkCount(*package, inputs);
  return runPackageOn(*package, inputs);
}

// runPackageAsync(handle, tensors): a promise of tensors.
Raw runPackageAsync(Environment& environment, uint32_t handle, const std::vector<at::Tensor>& inputs) {
  struct Run {
    c10::intrusive_ptr<Package> package;
    std::vector<at::Tensor> inputs;
    std::vector<MemoryShare> shares;  // resize_() must not free what is being read
    std::vector<at::Tensor> outputs;
  };
  auto run = std::make_shared<Run>();
  run->package = held<Package>(environment, handle);
  checkCount(*run->package, inputs);
  for (const at::Tensor& input : inputs) {
    const bool shared = hasHostMemory(input);
    run->inputs.push_back(shared ? input.detach() : input);
    if (shared) run->shares.push_back(shareMemory(input));
  }
  return inBackground(
      environment, [run] { run->outputs = runPackageOn(*run->package, run->inputs); },
      [&environment, run] { return ToJs<std::vector<at::Tensor>>::set(environment, run->outputs); });
}

// packageMetadata(handle): { name: text }
Raw packageMetadata(Environment& environment, uint32_t handle) {
  const Napi::Object out = Napi::Object::New(environment.env());
  const auto found = held<Package>(environment, handle)->loader.get_metadata();
  for (const auto& [name, text] : std::map<std::string, std::string>(found.begin(), found.end())) out.Set(name, text);
  return {out};
}

// packageCallSpec(handle): how inputs and outputs are nested, as JSON of torch.utils._pytree.
std::vector<std::string> packageCallSpec(Environment& environment, uint32_t handle) {
  return held<Package>(environment, handle)->loader.get_call_spec();
}

std::vector<std::string> packageConstants(Environment& environment, uint32_t handle) {
  return held<Package>(environment, handle)->loader.get_constant_fqns();
}

}  // namespace

std::vector<Binding> inductorBindings() {
  return {
      bound<&loadPackage>("loadPackage"),
      bound<&loadPackageAsync>("loadPackageAsync"),
      bound<&runPackage>("runPackage"),
      bound<&runPackageAsync>("runPackageAsync"),
      bound<&packageMetadata>("packageMetadata"),
      bound<&packageCallSpec>("packageCallSpec"),
      bound<&packageConstants>("packageConstants"),
  };
}

}  // namespace torch_node

// The process: versions, threads, settings of backends and random numbers.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Version.h>

#include "bindings.h"

namespace torch_node {

namespace {

std::string libtorchVersion(Environment& /*environment*/) { return TORCH_VERSION; }

// What the addon was compiled against, the build suffix ("+cpu") included.
std::string builtWith(Environment& /*environment*/) { return TORCH_NODE_LIBTORCH_VERSION; }

std::string config(Environment& /*environment*/) { return at::show_config(); }
std::string parallelInfo(Environment& /*environment*/) { return at::get_parallel_info(); }
std::string cpuCapability(Environment& /*environment*/) { return at::get_cpu_capability(); }

int64_t getNumThreads(Environment& /*environment*/) { return at::get_num_threads(); }
void setNumThreads(Environment& /*environment*/, int64_t count) {
  if (count < 1) throw OutOfRange("expected 1 thread or more, got " + std::to_string(count));
  at::set_num_threads(static_cast<int>(count));
}

// How exact products of float32 are, and how cuDNN chooses its kernels: of the process, not of the thread.
bool backendFlag(Environment& /*environment*/, const std::string& name) {
  const at::Context& context = at::globalContext();
  if (name == "cuda.matmul.allowTf32") return context.allowTF32CuBLAS();
  if (name == "cudnn.allowTf32") return context.allowTF32CuDNN();
  if (name == "cudnn.benchmark") return context.benchmarkCuDNN();
  if (name == "cudnn.deterministic") return context.deterministicCuDNN();
  if (name == "nnpack.enabled") return context.userEnabledNNPACK();
  throw TypeMismatch("there is no setting " + name);
}
void setBackendFlag(Environment& /*environment*/, const std::string& name, bool value) {
  at::Context& context = at::globalContext();
  if (name == "cuda.matmul.allowTf32") {
    context.setAllowTF32CuBLAS(value);
  } else if (name == "cudnn.allowTf32") {
    context.setAllowTF32CuDNN(value);
  } else if (name == "cudnn.benchmark") {
    context.setBenchmarkCuDNN(value);
  } else if (name == "cudnn.deterministic") {
    context.setDeterministicCuDNN(value);
  } else if (name == "nnpack.enabled") {
    context.setUserEnabledNNPACK(value);
  } else {
    throw TypeMismatch("there is no setting " + name);
  }
}
std::string float32MatmulPrecision(Environment& /*environment*/) {
  switch (at::globalContext().float32MatmulPrecision()) {
    case at::Float32MatmulPrecision::HIGHEST: return "highest";
    case at::Float32MatmulPrecision::HIGH: return "high";
    default: return "medium";
  }
}
void setFloat32MatmulPrecision(Environment& /*environment*/, const std::string& precision) {
  at::globalContext().setFloat32MatmulPrecision(precision);
}

// Negative seeds count from 2^64 down, as in Python.
uint64_t seedOf(const at::Scalar& seed) {
  return seed.isUnsigned() ? seed.toUInt64() : static_cast<uint64_t>(seed.toLong());
}

void manualSeed(Environment& /*environment*/, const at::Scalar& seed) { at::manual_seed(seedOf(seed)); }
// Of one device alone.
void manualSeedOf(Environment& /*environment*/, const at::Device& device, const at::Scalar& seed) {
  at::Generator generator = at::globalContext().defaultGenerator(device);
  const std::lock_guard lock(generator.mutex());
  generator.set_current_seed(seedOf(seed));
}

// Random state of a device's default generator as PyTorch keeps it: a uint8 tensor on the CPU.
at::Tensor getRngState(Environment& /*environment*/, const at::Device& device) {
  at::Generator generator = at::globalContext().defaultGenerator(device);
  const std::lock_guard lock(generator.mutex());
  return generator.get_state();
}
void setRngState(Environment& /*environment*/, const at::Device& device, const at::Tensor& state) {
  at::Generator generator = at::globalContext().defaultGenerator(device);
  const std::lock_guard lock(generator.mutex());
  generator.set_state(state);
}

uint32_t createGenerator(Environment& environment, const at::Device& device) {
  if (device.is_cpu()) return environment.objects.insert(at::detail::createCPUGenerator());
  return environment.objects.insert(at::globalContext().defaultGenerator(device).clone());
}
void seedGenerator(Environment& /*environment*/, at::Generator generator, const at::Scalar& seed) {
  const std::lock_guard lock(generator.mutex());
  generator.set_current_seed(seedOf(seed));
}
at::Tensor getGeneratorState(Environment& /*environment*/, at::Generator generator) {
  const std::lock_guard lock(generator.mutex());
  return generator.get_state();
}
void setGeneratorState(Environment& /*environment*/, at::Generator generator, const at::Tensor& state) {
  const std::lock_guard lock(generator.mutex());
  generator.set_state(state);
}

}  // namespace

std::vector<Binding> runtimeBindings() {
  return {
      bound<&libtorchVersion>("libtorchVersion"),
      bound<&builtWith>("builtWith"),
      bound<&config>("config"),
      bound<&parallelInfo>("parallelInfo"),
      bound<&cpuCapability>("cpuCapability"),
      bound<&getNumThreads>("getNumThreads"),
      bound<&setNumThreads>("setNumThreads"),
      bound<&backendFlag>("backendFlag"),
      bound<&setBackendFlag>("setBackendFlag"),
      bound<&float32MatmulPrecision>("float32MatmulPrecision"),
      bound<&setFloat32MatmulPrecision>("setFloat32MatmulPrecision"),
      bound<&manualSeed>("manualSeed"),
      bound<&manualSeedOf>("manualSeedOf"),
      bound<&getRngState>("getRngState"),
      bound<&setRngState>("setRngState"),
      bound<&createGenerator>("createGenerator"),
      bound<&seedGenerator>("seedGenerator"),
      bound<&getGeneratorState>("getGeneratorState"),
      bound<&setGeneratorState>("setGeneratorState"),
  };
}

}  // namespace torch_node

// The process: versions, devices, threads, settings of backends and random numbers.
#include <c10/core/impl/VirtualGuardImpl.h>

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

// Devices are asked for through c10's own interface, which knows nothing of CUDA's headers.
bool deviceBuilt(Environment& /*environment*/, const std::string& type) {
  return c10::impl::hasDeviceGuardImpl(at::Device(type).type());
}
int64_t deviceCount(Environment& /*environment*/, const std::string& type) {
  const at::DeviceType device = at::Device(type).type();
  if (!c10::impl::hasDeviceGuardImpl(device)) return 0;
  return c10::impl::VirtualGuardImpl(device).deviceCount();
}
void synchronize(Environment& /*environment*/, const at::Device& device) {
  if (device.is_cpu()) return;
  const c10::impl::VirtualGuardImpl guard(device.type());
  guard.synchronizeDevice(device.has_index() ? device.index() : guard.getDevice().index());
}

// Streams by their numbers, which mean something on their device alone.
c10::Stream streamOf(const at::Device& device, int64_t id) { return c10::Stream(c10::Stream::UNSAFE, device, id); }
int64_t newStream(Environment& /*environment*/, const at::Device& device) {
  return c10::impl::VirtualGuardImpl(device.type()).getNewStream(device).id();
}
int64_t currentStream(Environment& /*environment*/, const at::Device& device) {
  return c10::impl::VirtualGuardImpl(device.type()).getStream(device).id();
}
// For this thread.
void setStream(Environment& /*environment*/, const at::Device& device, int64_t id) {
  c10::impl::VirtualGuardImpl(device.type()).exchangeStream(streamOf(device, id));
}
bool queryStream(Environment& /*environment*/, const at::Device& device, int64_t id) {
  return c10::impl::VirtualGuardImpl(device.type()).queryStream(streamOf(device, id));
}
void synchronizeStream(Environment& /*environment*/, const at::Device& device, int64_t id) {
  c10::impl::VirtualGuardImpl(device.type()).synchronizeStream(streamOf(device, id));
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

// Random state as PyTorch keeps it: a uint8 tensor.
at::Tensor getRngState(Environment& /*environment*/) {
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  const std::lock_guard lock(generator.mutex());
  return generator.get_state();
}
void setRngState(Environment& /*environment*/, const at::Tensor& state) {
  at::Generator generator = at::detail::getDefaultCPUGenerator();
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
      bound<&deviceBuilt>("deviceBuilt"),
      bound<&deviceCount>("deviceCount"),
      bound<&synchronize>("synchronize"),
      bound<&newStream>("newStream"),
      bound<&currentStream>("currentStream"),
      bound<&setStream>("setStream"),
      bound<&queryStream>("queryStream"),
      bound<&synchronizeStream>("synchronizeStream"),
      bound<&backendFlag>("backendFlag"),
      bound<&setBackendFlag>("setBackendFlag"),
      bound<&float32MatmulPrecision>("float32MatmulPrecision"),
      bound<&setFloat32MatmulPrecision>("setFloat32MatmulPrecision"),
      bound<&manualSeed>("manualSeed"),
      bound<&getRngState>("getRngState"),
      bound<&setRngState>("setRngState"),
      bound<&createGenerator>("createGenerator"),
      bound<&seedGenerator>("seedGenerator"),
      bound<&getGeneratorState>("getGeneratorState"),
      bound<&setGeneratorState>("setGeneratorState"),
  };
}

}  // namespace torch_node

// An accelerator that is not there, for tests: it takes CUDA's place in a libtorch for the CPU, so that the paths of
// devices run without one. Load it with process.dlopen() before the addon, whose symbols it shares.
#include <ATen/detail/CUDAHooksInterface.h>
#include <node_api.h>

#include "graphs.h"
#include "kernels.h"

using namespace simulated;  // NOLINT: the macros of registration want plain names

C10_REGISTER_GUARD_IMPL(CUDA, simulated::Guard)

TORCH_LIBRARY_IMPL(_, CUDA, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&simulated::fallback>());
}
TORCH_LIBRARY_IMPL(aten, CUDA, library) {
  library.impl("empty.memory_format", emptyMemoryFormat);
  library.impl("empty_strided", emptyStrided);
  library.impl("copy_", copyTo);
  library.impl("resize_", simulated::resize);
  library.impl("set_.source_Storage_storage_offset", setStorage);
  library.impl("set_.source_Tensor", setTensor);
  library.impl("set_", setNothing);
  library.impl("is_set_to", isSetTo);
  library.impl("record_stream", simulated::recordStream);
  library.impl("_fused_sdp_choice", attentionKernel);
  library.impl("_thnn_fused_lstm_cell", lstmCell);
  library.impl("_thnn_fused_lstm_cell_backward_impl", lstmCellBackward);
  library.impl("_thnn_fused_gru_cell", gruCell);
  library.impl("_thnn_fused_gru_cell_backward", gruCellBackward);
  for (const char* name : {"_use_cudnn_ctc_loss", "_use_miopen_ctc_loss"}) library.impl(name, noOtherLoss);
  for (const char* name : {"_use_cudnn_ctc_loss.Tensor", "_use_miopen_ctc_loss.Tensor"}) {
    library.impl(name, noOtherLossOfTensors);
  }
  library.impl("native_dropout", dropout);
  // These have one kernel for all devices, which chooses among the CPU's by the device.
  for (const char* name : {"convolution", "convolution_backward"}) {
    library.impl(name, torch::CppFunction::makeFromBoxedFunction<&simulated::fallback>());
  }
}

namespace at {

// libtorch finds it by this name.
struct CUDAHooks final : CUDAHooksInterface {
  explicit CUDAHooks(CUDAHooksArgs /*arguments*/) {}
  void init() const override {}
  [[nodiscard]] bool isBuilt() const override { return true; }
  [[nodiscard]] bool isAvailable() const override { return true; }
  [[nodiscard]] bool hasCUDA() const override { return true; }
  [[nodiscard]] bool hasPrimaryContext(DeviceIndex /*device*/) const override { return true; }
  [[nodiscard]] const Generator& getDefaultGenerator(DeviceIndex device) const override {
    return defaultGenerator(device);
  }
  [[nodiscard]] Generator getNewGenerator(DeviceIndex device) const override {
    return at::make_generator<simulated::Generator>(device < 0 ? currentDevice : device);
  }
  [[nodiscard]] Device getDeviceFromPtr(void* pointer) const override { return {kType, deviceOf(pointer)}; }
  [[nodiscard]] bool isPinnedPtr(const void* pointer) const override { return PinnedAllocator::get().holds(pointer); }
  [[nodiscard]] Allocator* getPinnedMemoryAllocator() const override { return &PinnedAllocator::get(); }
  [[nodiscard]] DeviceIndex deviceCount() const override { return kDevices; }
  [[nodiscard]] int getNumGPUs() const override { return kDevices; }
  [[nodiscard]] DeviceIndex current_device() const override { return currentDevice; }
  [[nodiscard]] DeviceIndex getCurrentDevice() const override { return currentDevice; }
  void setCurrentDevice(DeviceIndex device) const override { Guard().setDevice({kType, device}); }
  [[nodiscard]] DeviceIndex exchangeDevice(DeviceIndex device) const override {
    return Guard().exchangeDevice({kType, device}).index();
  }
  [[nodiscard]] DeviceIndex maybeExchangeDevice(DeviceIndex device) const override { return exchangeDevice(device); }
  void deviceSynchronize(DeviceIndex device) const override { Guard().synchronizeDevice(device); }
};
REGISTER_CUDA_HOOKS(CUDAHooks)
REGISTER_GRAPH_IMPL(CUDA, simulated::Graph)

}  // namespace at

// ---- what tests set and ask, as an addon of its own ----

namespace {

// Where an operator has a kernel for the CPU and another for all devices, the fallback would come after that one.
void takeKernelsOfCpu() {
  static torch::Library library(torch::Library::IMPL, "aten", c10::DispatchKey::CUDA, __FILE__, __LINE__);
  for (const c10::OperatorName& name : c10::Dispatcher::singleton().getAllOpNames()) {
    const auto op = c10::Dispatcher::singleton().findOp(name);
    if (!op || !name.name.starts_with("aten::") || !op->hasKernelForDispatchKey(c10::DispatchKey::CPU) ||
        op->hasKernelForDispatchKey(c10::DispatchKey::CUDA)) {
      continue;
    }
    const std::string text = name.name.substr(6) + (name.overload_name.empty() ? "" : "." + name.overload_name);
    library.impl(text.c_str(), torch::CppFunction::makeFromBoxedFunction<&simulated::fallback>());
  }
}

const bool registered = [] {
  takeKernelsOfCpu();
  c10::SetAllocator(kType, &deviceAllocator());
  // A job that runs while the process takes libtorch apart would crash.
  std::atexit([] {
    for (c10::DeviceIndex device = 0; device < kDevices; device++) {
      for (Queue* queue : Streams::of(device).all()) queue->drain();
    }
  });
  return true;
}();

int64_t numberOf(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument = nullptr;
  int64_t out = 0;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  napi_get_value_int64(env, argument, &out);
  return out;
}

// set(number)
template <auto& variable>
napi_value set(napi_env env, napi_callback_info info) {
  variable = static_cast<decltype(variable.load())>(numberOf(env, info));
  return nullptr;
}
// get(): number
template <auto& variable>
napi_value get(napi_env env, napi_callback_info /*info*/) {
  napi_value out = nullptr;
  napi_create_int64(env, variable, &out);
  return out;
}

}  // namespace

extern "C" NAPI_MODULE_EXPORT int32_t node_api_module_get_api_version_v1() { return 9; }

extern "C" NAPI_MODULE_EXPORT napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  const std::array<napi_property_descriptor, 6> properties{{
      {"setDelay", nullptr, &set<simulated::delay>, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"failAllocation", nullptr, &set<simulated::failAllocation>, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"skipSynchronize", nullptr, &set<simulated::skipSynchronize>, nullptr, nullptr, nullptr, napi_enumerable,
       nullptr},
      {"allocations", nullptr, &get<simulated::allocations>, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"queuedCalls", nullptr, &get<simulated::queuedCalls>, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"waitedCalls", nullptr, &get<simulated::waitedCalls>, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  }};
  napi_define_properties(env, exports, properties.size(), properties.data());
  return exports;
}

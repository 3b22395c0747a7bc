// Accelerators: devices, streams, events, memory and graphs. All through c10's own interfaces, which know nothing of
// CUDA's headers; what only the driver knows is asked of the driver's library, where there is one.
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#ifdef _WIN32
#include <windows.h>
#else
#include <dlfcn.h>
#endif

#include <array>

#include "program/capture.h"
#include "bindings.h"
#include "capsule.h"

namespace torch_node {

namespace {

using c10::impl::VirtualGuardImpl;

bool deviceBuilt(Environment& /*environment*/, const std::string& type) {
  return c10::impl::hasDeviceGuardImpl(at::Device(type).type());
}
int64_t deviceCount(Environment& /*environment*/, const std::string& type) {
  const at::DeviceType device = at::Device(type).type();
  if (!c10::impl::hasDeviceGuardImpl(device)) return 0;
  return VirtualGuardImpl(device).deviceCount();
}
int64_t currentDevice(Environment& /*environment*/, const std::string& type) {
  return VirtualGuardImpl(at::Device(type).type()).getDevice().index();
}
// For this thread.
void setDevice(Environment& /*environment*/, const at::Device& device) {
  VirtualGuardImpl(device.type()).setDevice(device);
}
void synchronize(Environment& /*environment*/, const at::Device& device) {
  if (device.is_cpu()) return;
  const VirtualGuardImpl guard(device.type());
  guard.synchronizeDevice(device.has_index() ? device.index() : guard.getDevice().index());
}

// ---- streams, by their numbers, which mean something on their device alone ----

c10::Stream streamOf(const at::Device& device, int64_t id) { return c10::Stream(c10::Stream::UNSAFE, device, id); }

// A negative priority is a high one.
int64_t newStream(Environment& /*environment*/, const at::Device& device, int64_t priority) {
  return VirtualGuardImpl(device.type()).getNewStream(device, static_cast<int>(priority)).id();
}
int64_t currentStreamId(Environment& /*environment*/, const at::Device& device) {
  return VirtualGuardImpl(device.type()).getStream(device).id();
}
int64_t defaultStream(Environment& /*environment*/, const at::Device& device) {
  return device.is_cpu() ? 0 : VirtualGuardImpl(device.type()).getDefaultStream(device).id();
}
// For this thread.
void setStream(Environment& /*environment*/, const at::Device& device, int64_t id) {
  VirtualGuardImpl(device.type()).exchangeStream(streamOf(device, id));
}
bool queryStream(Environment& /*environment*/, const at::Device& device, int64_t id) {
  return VirtualGuardImpl(device.type()).queryStream(streamOf(device, id));
}
void synchronizeStream(Environment& /*environment*/, const at::Device& device, int64_t id) {
  VirtualGuardImpl(device.type()).synchronizeStream(streamOf(device, id));
}
// waitStream(device, id, onDevice, onId): what is queued on the first from now on waits for what the other holds now.
void waitStream(Environment& /*environment*/, const at::Device& device, int64_t id, const at::Device& onDevice,
                int64_t onId) {
  wait(streamOf(device, id), streamOf(onDevice, onId));
}

// ---- events ----

struct Event final : torch::CustomClassHolder {
  static constexpr const char* kName = "event";
  Event(at::DeviceType type, bool timing)
      : event(type, timing ? c10::EventFlag::BACKEND_DEFAULT : c10::EventFlag::PYTORCH_DEFAULT) {}
  c10::Event event;
};
using EventPtr = c10::intrusive_ptr<Event>;

uint32_t newEvent(Environment& environment, const at::Device& device, bool timing) {
  return hold<Event>(environment, device.type(), timing);
}
void recordEvent(Environment& /*environment*/, const EventPtr& event, const at::Device& device, int64_t id) {
  event->event.record(streamOf(device, id));
}
void waitEvent(Environment& /*environment*/, const EventPtr& event, const at::Device& device, int64_t id) {
  event->event.block(streamOf(device, id));
}
bool queryEvent(Environment& /*environment*/, const EventPtr& event) { return event->event.query(); }
void synchronizeEvent(Environment& /*environment*/, const EventPtr& event) { event->event.synchronize(); }
double elapsedTime(Environment& /*environment*/, const EventPtr& start, const EventPtr& end) {
  return start->event.elapsedTime(end->event);
}

// ---- memory ----

c10::DeviceAllocator& allocatorOf(const at::Device& device) { return *c10::getDeviceAllocator(device.type()); }

// memoryStats(device): for each statistic current, peak, allocated, freed of all, the small and the large pool; then
// the counts. lib/accelerator/memory.ts has the names.
std::vector<double> memoryStats(Environment& /*environment*/, const at::Device& device) {
  const auto stats = allocatorOf(device).getDeviceStats(device.index());
  std::vector<double> out;
  const auto add = [&](const c10::CachingAllocator::Stat& stat) {
    for (const int64_t number : {stat.current, stat.peak, stat.allocated, stat.freed}) {
      out.push_back(static_cast<double>(number));
    }
  };
  for (const auto* array :
       {&stats.allocation, &stats.segment, &stats.active, &stats.inactive_split, &stats.allocated_bytes,
        &stats.reserved_bytes, &stats.active_bytes, &stats.inactive_split_bytes, &stats.requested_bytes}) {
    for (const auto& stat : *array) add(stat);
  }
  add(stats.oversize_allocations);
  add(stats.oversize_segments);
  for (const int64_t count : {stats.num_alloc_retries, stats.num_ooms, stats.num_sync_all_streams,
                              stats.num_device_alloc, stats.num_device_free, stats.max_split_size}) {
    out.push_back(static_cast<double>(count));
  }
  return out;
}
void resetPeakMemoryStats(Environment& /*environment*/, const at::Device& device) {
  allocatorOf(device).resetPeakStats(device.index());
}
void resetAccumulatedMemoryStats(Environment& /*environment*/, const at::Device& device) {
  allocatorOf(device).resetAccumulatedStats(device.index());
}
void emptyCache(Environment& /*environment*/, const at::Device& device) { allocatorOf(device).emptyCache(); }
// memGetInfo(device): bytes that are free, and all
std::vector<double> memGetInfo(Environment& /*environment*/, const at::Device& device) {
  const auto [free, total] = allocatorOf(device).getMemoryInfo(device.index());
  return {static_cast<double>(free), static_cast<double>(total)};
}

// ---- graphs ----

struct DeviceGraph final : torch::CustomClassHolder {
  static constexpr const char* kName = "graph";
  explicit DeviceGraph(at::Device on) : device(on) {}
  ~DeviceGraph() override {
    if (guard) capture.abandon();
  }
  DeviceGraph(const DeviceGraph&) = delete;
  DeviceGraph& operator=(const DeviceGraph&) = delete;
  at::Device device;
  Capture capture;
  // While it is captured: the stream for it, and the generator as it was.
  std::optional<CaptureStreamGuard> guard;
  std::optional<at::Generator> before;
};
using GraphPtr = c10::intrusive_ptr<DeviceGraph>;

bool graphsBuilt(Environment& /*environment*/, const at::Device& device) {
  return TORCH_NODE_GRAPHS && hasGraphs(device.type());
}
uint32_t newGraph(Environment& environment, const at::Device& device) { return hold<DeviceGraph>(environment, device); }
// beginGraph(graph, pool): pool is [0, 0] for one of its own
void beginGraph(Environment& /*environment*/, const GraphPtr& graph, const std::vector<int64_t>& pool) {
  if (graph->guard) throw std::runtime_error("the graph is being captured already");
  graph->guard.emplace(graph->device);
  try {
    graph->before = generators(graph->device).back().clone();
    graph->capture.begin({static_cast<uint64_t>(pool.at(0)), static_cast<uint64_t>(pool.at(1))});
  } catch (const std::exception&) {
    graph->guard.reset();
    throw;
  }
}
void endGraph(Environment& /*environment*/, const GraphPtr& graph) {
  if (!graph->guard) throw std::runtime_error("the graph is not being captured");
  try {
    graph->capture.end();
    graph->guard.reset();
  } catch (const std::exception&) {
    graph->guard.reset();
    throw;
  }
}
// Drops what was captured.
void resetGraph(Environment& /*environment*/, const GraphPtr& graph) { graph->capture.reset(); }
// After something failed in a capture.
void abandonGraph(Environment& /*environment*/, const GraphPtr& graph) {
  graph->capture.abandon();
  if (const auto& before = graph->before) repairGenerator(graph->device, *before);
  graph->guard.reset();
}
void replayGraph(Environment& /*environment*/, const GraphPtr& graph) {
  const c10::DeviceGuard guard(graph->device);
  const c10::Stream stream = currentStream(graph->device);
  const RngLock lock(stream);
  graph->capture.replay();
}
std::vector<int64_t> graphPool(Environment& /*environment*/, const GraphPtr& graph) {
  const auto pool = graph->capture.pool();
  return {static_cast<int64_t>(pool.first), static_cast<int64_t>(pool.second)};
}

// ---- the driver ----

// A function of the NVIDIA driver's library; nullptr where there is none.
template <class F>
F driverFunction(const char* name) {
#ifdef _WIN32
  static HMODULE library = LoadLibraryA("nvcuda.dll");
  return library ? reinterpret_cast<F>(GetProcAddress(library, name)) : nullptr;
#else
  static void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  return library ? reinterpret_cast<F>(dlsym(library, name)) : nullptr;
#endif
}

// cudaDeviceName(index): empty where there is no driver. Of the CUDA driver API, as what follows.
std::string cudaDeviceName(Environment& /*environment*/, int64_t index) {
  const auto initialize = driverFunction<int (*)(unsigned)>("cuInit");
  const auto getDevice = driverFunction<int (*)(int*, int)>("cuDeviceGet");
  const auto getName = driverFunction<int (*)(char*, int, int)>("cuDeviceGetName");
  int device = 0;
  std::array<char, 256> name{};
  if (!initialize || !getDevice || !getName || initialize(0) != 0 || getDevice(&device, static_cast<int>(index)) != 0 ||
      getName(name.data(), static_cast<int>(name.size() - 1), device) != 0) {
    return "";
  }
  return name.data();
}
// cudaDeviceAttributes(index, attributes): each by its number among CUdevice_attribute; empty where there is no driver
std::vector<int64_t> cudaDeviceAttributes(Environment& /*environment*/, int64_t index,
                                          const std::vector<int64_t>& attributes) {
  const auto initialize = driverFunction<int (*)(unsigned)>("cuInit");
  const auto getDevice = driverFunction<int (*)(int*, int)>("cuDeviceGet");
  const auto getAttribute = driverFunction<int (*)(int*, int, int)>("cuDeviceGetAttribute");
  int device = 0;
  std::vector<int64_t> out;
  if (!initialize || !getDevice || !getAttribute || initialize(0) != 0 ||
      getDevice(&device, static_cast<int>(index)) != 0) {
    return out;
  }
  for (const int64_t attribute : attributes) {
    int value = 0;
    if (getAttribute(&value, static_cast<int>(attribute), device) != 0) return {};
    out.push_back(value);
  }
  return out;
}

}  // namespace

std::vector<Binding> deviceBindings() {
  return {
      bound<&deviceBuilt>("deviceBuilt"),
      bound<&deviceCount>("deviceCount"),
      bound<&currentDevice>("currentDevice"),
      bound<&setDevice>("setDevice"),
      bound<&synchronize>("synchronize"),
      bound<&newStream>("newStream"),
      bound<&currentStreamId>("currentStream"),
      bound<&defaultStream>("defaultStream"),
      bound<&setStream>("setStream"),
      bound<&queryStream>("queryStream"),
      bound<&synchronizeStream>("synchronizeStream"),
      bound<&waitStream>("waitStream"),
      bound<&newEvent>("newEvent"),
      bound<&recordEvent>("recordEvent"),
      bound<&waitEvent>("waitEvent"),
      bound<&queryEvent>("queryEvent"),
      bound<&synchronizeEvent>("synchronizeEvent"),
      bound<&elapsedTime>("elapsedTime"),
      bound<&memoryStats>("memoryStats"),
      bound<&resetPeakMemoryStats>("resetPeakMemoryStats"),
      bound<&resetAccumulatedMemoryStats>("resetAccumulatedMemoryStats"),
      bound<&emptyCache>("emptyCache"),
      bound<&memGetInfo>("memGetInfo"),
      bound<&graphsBuilt>("graphsBuilt"),
      bound<&newGraph>("newGraph"),
      bound<&beginGraph>("beginGraph"),
      bound<&endGraph>("endGraph"),
      bound<&resetGraph>("resetGraph"),
      bound<&abandonGraph>("abandonGraph"),
      bound<&replayGraph>("replayGraph"),
      bound<&graphPool>("graphPool"),
      bound<&cudaDeviceName>("cudaDeviceName"),
      bound<&cudaDeviceAttributes>("cudaDeviceAttributes"),
  };
}

}  // namespace torch_node

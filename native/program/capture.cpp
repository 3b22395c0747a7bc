// Capturing on an accelerator.
#include "capture.h"

#include <ATen/DeviceAccelerator.h>

#include <map>
#include <utility>

namespace torch_node {

namespace {

using DeviceKey = std::pair<at::DeviceType, c10::DeviceIndex>;

DeviceKey keyOf(at::Device device) { return {device.type(), device.index()}; }

// The stream of captures, one for each device: no thread's current stream. libtorch's pools hand out their streams over
// and over, but nobody else here takes one of high priority.
c10::Stream captureStream(at::Device device) {
  static std::map<DeviceKey, c10::Stream> streams;
  if (const auto found = streams.find(keyOf(device)); found != streams.end()) return found->second;
  const c10::impl::VirtualGuardImpl guard(device.type());
  return streams.emplace(keyOf(device), guard.getStreamFromGlobalPool(device, true)).first->second;
}

std::mutex& captureMutex() {
  static std::mutex one;
  return one;
}

// Whether this thread holds the stream of captures.
thread_local bool isCapturing = false;

std::mutex& rngMutex() {
  static std::mutex one;
  return one;
}

// The end of the last replay that drew random numbers.
std::optional<c10::Event>& lastDraw(at::Device device) {
  // Never destroyed: at the process's end there may be no driver any more to destroy events.
  static auto& events = *new std::map<DeviceKey, std::optional<c10::Event>>();
  return events[keyOf(device)];
}

}  // namespace

c10::Stream currentStream(at::Device device) { return c10::impl::VirtualGuardImpl(device.type()).getStream(device); }

void wait(const c10::Stream& waiting, const c10::Stream& on) {
  if (waiting == on) return;
  c10::Event event(on.device_type());
  event.record(on);
  event.block(waiting);
}

CaptureStreamGuard::CaptureStreamGuard(at::Device device) : lock_(captureMutex(), std::defer_lock) {
  if (isCapturing) throw std::runtime_error("a graph is being captured on this thread: end that first");
  lock_.lock();
  if (at::isAccelerator(device.type())) {
    before_ = currentStream(device);
    const c10::Stream side = captureStream(device);
    wait(side, *before_);
    guard_.emplace(side);
  }
  isCapturing = true;
}

CaptureStreamGuard::~CaptureStreamGuard() {
  isCapturing = false;
  if (!before_ || !guard_) return;
  const c10::Stream side = guard_->current_stream();
  guard_.reset();
  try {
    wait(*before_, side);
  } catch (const std::exception& error) {
    TORCH_WARN("a stream could not be made to wait for a capture: ", error.what());
  }
}

RngLock::RngLock(const c10::Stream& stream) : lock_(rngMutex()), stream_(stream) {
  std::optional<c10::Event>& last = lastDraw(stream.device());
  if (last) last->block(stream);
}

RngLock::~RngLock() {
  try {
    std::optional<c10::Event>& last = lastDraw(stream_.device());
    if (!last) last.emplace(stream_.device_type());
    last->record(stream_);
  } catch (const std::exception& error) {
    TORCH_WARN("the end of a graph could not be marked: ", error.what());
  }
}

std::vector<at::Generator> generators(at::Device device) {
  std::vector<at::Generator> out{at::globalContext().defaultGenerator(at::kCPU)};
  if (at::isAccelerator(device.type())) out.push_back(at::globalContext().defaultGenerator(device));
  return out;
}

void repairGenerator(at::Device device, const at::Generator& like) {
  if (!at::isAccelerator(device.type())) return;
  try {
    (void)at::rand({1}, at::TensorOptions().device(device));
  } catch (const std::exception&) {
    at::Generator generator = at::globalContext().defaultGenerator(device);
    generator.graphsafe_set_state(like.graphsafe_get_state());
  }
}

}  // namespace torch_node

// Devices, streams and events as c10 asks for them.
#pragma once

#include <c10/core/impl/DeviceGuardImplInterface.h>

#include "memory.h"

namespace simulated {

struct Event {
  explicit Event(c10::EventFlag given) : flag(given) {}
  c10::EventFlag flag;
  std::shared_ptr<Fence> latest;           // of the last time that it was recorded
  std::shared_ptr<Capture> latestCapture;  // that it was recorded in
};

struct Guard final : c10::impl::DeviceGuardImplInterface {
  using Device = c10::Device;
  using Stream = c10::Stream;
  using Index = c10::DeviceIndex;

  static Stream stream(Index device, c10::StreamId id) { return Stream(Stream::UNSAFE, Device(kType, device), id); }
  static Index indexOf(Device device) { return device.has_index() ? device.index() : currentDevice; }
  static Queue& queueOf(const Stream& given) { return Streams::of(given.device_index()).queue(given.id()); }

  [[nodiscard]] c10::DeviceType type() const override { return kType; }
  [[nodiscard]] Index deviceCount() const noexcept override { return kDevices; }
  [[nodiscard]] Device exchangeDevice(Device device) const override {
    const Device before = getDevice();
    setDevice(device);
    return before;
  }
  [[nodiscard]] Device getDevice() const override { return {kType, currentDevice}; }
  void setDevice(Device device) const override {
    TORCH_CHECK(device.index() < kDevices, kOrdinal);
    uncheckedSetDevice(device);
  }
  void uncheckedSetDevice(Device device) const noexcept override {
    if (device.has_index()) currentDevice = device.index();
  }

  [[nodiscard]] Stream getStream(Device device) const override {
    return stream(indexOf(device), currentStreams.at(static_cast<size_t>(indexOf(device))));
  }
  [[nodiscard]] Stream getDefaultStream(Device device) const override { return stream(indexOf(device), 0); }
  [[nodiscard]] Stream getNewStream(Device device, int priority) const override {
    return getStreamFromGlobalPool(device, priority < 0);
  }
  [[nodiscard]] Stream getStreamFromGlobalPool(Device device, bool highPriority) const override {
    return stream(indexOf(device), Streams::of(indexOf(device)).next(highPriority));
  }
  [[nodiscard]] Stream exchangeStream(Stream given) const override {
    const Stream before = getStream(given.device());
    currentStreams.at(static_cast<size_t>(given.device_index())) = given.id();
    return before;
  }
  [[nodiscard]] bool queryStream(const Stream& given) const override { return queueOf(given).isIdle(); }
  void synchronizeStream(const Stream& given) const override {
    if (!skipSynchronize) queueOf(given).synchronize();
  }
  [[nodiscard]] bool isStreamCapturing(const Stream& given) const override {
    return queueOf(given).capture() != nullptr;
  }
  void synchronizeDevice(const Index device) const override {
    if (!skipSynchronize) simulated::synchronizeDevice(device);
  }

  void destroyEvent(void* event, const Index /*device*/) const noexcept override { delete static_cast<Event*>(event); }
  void record(void** event, const Stream& given, const Index /*device*/, const c10::EventFlag flag) const override {
    if (!*event) *event = std::make_unique<Event>(flag).release();
    auto* recorded = static_cast<Event*>(*event);
    const auto fence = std::make_shared<Fence>();
    recorded->latest = fence;
    recorded->latestCapture = queueOf(given).capture();
    queueOf(given).push([fence] { fence->open(); });
  }
  void block(void* event, const Stream& given) const override {
    const auto* recorded = static_cast<Event*>(event);
    if (!recorded || !recorded->latest) return;
    Queue& queue = queueOf(given);
    if (const auto& capture = recorded->latestCapture; capture && capture->isOpen) {
      // A stream that waits for a captured one is captured from then on; the graph's jobs are in order anyway.
      if (!queue.capture()) queue.start(capture);
      return;
    }
    queue.push([fence = recorded->latest] { fence->wait(); });
  }
  bool queryEvent(void* event) const override {
    const auto* recorded = static_cast<Event*>(event);
    return !recorded || !recorded->latest || recorded->latest->isOpen();
  }
  void synchronizeEvent(void* event) const override {
    const auto* recorded = static_cast<Event*>(event);
    if (!skipSynchronize && recorded && recorded->latest) recorded->latest->wait();
  }
  double elapsedTime(void* start, void* end, const Index /*device*/) const override {
    const auto* first = static_cast<Event*>(start);
    const auto* last = static_cast<Event*>(end);
    TORCH_CHECK(first && last && first->latest && last->latest,
                "Both events must be recorded before calculating elapsed time.");
    TORCH_CHECK(first->latest->isOpen() && last->latest->isOpen(), "CUDA error: device not ready");
    return std::chrono::duration<double, std::milli>(last->latest->time() - first->latest->time()).count();
  }
  void recordDataPtrOnStream(const c10::DataPtr& pointer, const Stream& given) const override {
    deviceAllocator().recordStream(pointer, given);
  }
};

}  // namespace simulated

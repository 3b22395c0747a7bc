// Graphs: the jobs that a stream was given while it was captured.
#pragma once

#include <ATen/core/GraphImplInterface.h>

#include "memory.h"

namespace simulated {

class Graph final : public at::GraphImplInterface {
 public:
  explicit Graph(const at::GraphImplArgs& /*arguments*/) {}
  ~Graph() override { reset(); }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  void capture_begin(c10::MempoolId_t pool, at::GraphCaptureMode /*mode*/) override {
    const c10::DeviceIndex device = currentDevice;
    TORCH_CHECK(
        currentStreams.at(static_cast<size_t>(device)) != 0,
        "CUDA graphs must be captured on a non-default stream. (However, after capture, it's ok to replay them on "
        "the default stream.)");
    TORCH_CHECK(!capture_,
                "This CUDAGraph instance already owns a captured graph. To capture a new graph, create a new "
                "instance.");
    auto capture = std::make_shared<Capture>();
    id_ = pool.first != 0 || pool.second != 0 ? pool : c10::MempoolId_t{0, next_++};
    capture->pool = poolOf(id_, device);
    capture->isOpen = true;
    currentQueue(device).start(capture);
    capture_ = std::move(capture);
  }
  void capture_end() override {
    TORCH_CHECK(capture_ && capture_->isOpen, "CUDA error: operation failed due to a previous error during capture");
    close();
  }
  void instantiate() override {}
  void replay() override {
    TORCH_CHECK(capture_ && !capture_->isOpen, "Called CUDAGraph::replay without a preceding successful capture.");
    Queue& queue = currentQueue(currentDevice);
    for (const Job& job : capture_->jobs) queue.push(job);
  }
  void reset() override {
    if (!capture_) return;
    close();
    capture_.reset();
  }
  [[nodiscard]] c10::MempoolId_t pool() const override { return id_; }
  void enable_debug_mode() override {}
  void debug_dump(const std::string& /*path*/) override {}

 private:
  void close() {
    capture_->isOpen = false;
    for (Queue* queue : std::exchange(capture_->queues, {})) queue->stop();
  }
  static std::shared_ptr<Pool> poolOf(c10::MempoolId_t id, c10::DeviceIndex device) {
    static std::mutex mutex;
    static std::map<std::pair<c10::MempoolId_t, c10::DeviceIndex>, std::weak_ptr<Pool>> pools;
    const std::lock_guard lock(mutex);
    auto& known = pools[{id, device}];
    auto pool = known.lock();
    if (!pool) {
      pool = std::make_shared<Pool>();
      pool->device = device;
      known = pool;
    }
    return pool;
  }

  std::shared_ptr<Capture> capture_;
  c10::MempoolId_t id_{0, 0};
  static inline std::atomic<uint64_t> next_{1};
};

}  // namespace simulated

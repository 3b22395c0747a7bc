// Capturing on an accelerator, whichever it is: graphs, streams, and the generators that both use.
#pragma once

#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>

#include <mutex>
#include <optional>
#include <vector>

#include "libtorch.h"

#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 13)
#define TORCH_NODE_GRAPHS 1
#include <ATen/accelerator/Graph.h>
#else
#define TORCH_NODE_GRAPHS 0
#endif

namespace torch_node {

#if TORCH_NODE_GRAPHS
using Pool = at::MempoolId_t;

class Capture {
 public:
  // From here to end(), this thread's work on the current stream goes into the graph. Other threads may use theirs
  // meanwhile.
  void begin(Pool pool) { graph_.capture_begin(pool, at::GraphCaptureMode::ThreadLocal); }
  void end() { graph_.capture_end(); }
  void replay() { graph_.replay(); }
  void reset() { graph_.reset(); }
  [[nodiscard]] Pool pool() const { return graph_.pool(); }
  // After a capture that failed: drops what there is of it, and ignores the errors of doing so.
  void abandon() noexcept {
    for (const auto step : {&at::accelerator::Graph::capture_end, &at::accelerator::Graph::reset}) {
      try {
        (graph_.*step)();
      } catch (const std::exception&) {
        continue;
      }
    }
  }

 private:
  at::accelerator::Graph graph_;
};
inline bool hasGraphs(at::DeviceType type) { return at::has_graph_impl(type); }
#else
// Never used: Graphs::possible() says no before that.
using Pool = std::pair<uint64_t, uint64_t>;
struct Capture {
  void begin(Pool /*pool*/) {}
  void end() {}
  void replay() {}
  void reset() {}
  [[nodiscard]] static Pool pool() { return {}; }
  void abandon() noexcept {}
};
inline bool hasGraphs(at::DeviceType /*type*/) { return false; }
#endif

// The calling thread's stream.
c10::Stream currentStream(at::Device device);
// Has one stream wait for what another holds now.
void wait(const c10::Stream& waiting, const c10::Stream& on);

// Moves the calling thread's work to the stream of captures: it waits for the current stream, and the current stream
// waits for it afterwards. One thread at a time: a capture counts random numbers in the generator that all threads
// share. Throws where the calling thread is capturing already.
class CaptureStreamGuard {
 public:
  explicit CaptureStreamGuard(at::Device device);
  ~CaptureStreamGuard();
  CaptureStreamGuard(const CaptureStreamGuard&) = delete;
  CaptureStreamGuard& operator=(const CaptureStreamGuard&) = delete;

 private:
  std::unique_lock<std::mutex> lock_;
  std::optional<c10::Stream> before_;
  std::optional<c10::StreamGuard> guard_;
};

// The RNG lock: a replay that draws random numbers finds the generator's offset in memory that all graphs share, so
// that replays on other streams run before it or after it.
class RngLock {
 public:
  explicit RngLock(const c10::Stream& stream);
  ~RngLock();
  RngLock(const RngLock&) = delete;
  RngLock& operator=(const RngLock&) = delete;

 private:
  std::lock_guard<std::mutex> lock_;
  c10::Stream stream_;
};

// The default generators of the CPU and of the device.
std::vector<at::Generator> generators(at::Device device);

// Gives the device's default generator the state of another where a failed capture has left it capturing.
void repairGenerator(at::Device device, const at::Generator& like);

}  // namespace torch_node

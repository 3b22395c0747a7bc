// Streams of the simulated accelerator: each is a thread with a queue of jobs. A stream that is being captured puts its
// jobs into the capture instead.
#pragma once

#include <ATen/Parallel.h>
#include <c10/core/Stream.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace simulated {

constexpr auto kType = c10::DeviceType::CUDA;
constexpr c10::DeviceIndex kDevices = 2;

// The words of the CUDA runtime for the faults that can be seen here.
constexpr const char* kCapturing = "CUDA error: operation not permitted when stream is capturing";
constexpr const char* kOrdinal = "CUDA error: invalid device ordinal";

inline int64_t setting(const char* name) {
  const char* given = std::getenv(name);
  return given ? std::atoll(given) : 0;
}

// Every job waits for so many microseconds before it runs.
inline std::atomic<int64_t> delay{setting("TORCH_NODE_SIMULATED_DELAY")};
// Waiting for a stream, an event or a device returns at once: what a forgotten synchronize() does.
inline std::atomic<bool> skipSynchronize{false};

using Job = std::function<void()>;

// A point in a stream that others wait for.
class Fence {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    time_ = std::chrono::steady_clock::now();
    isOpen_ = true;
    opened_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [this] { return isOpen_; });
  }
  bool isOpen() {
    const std::lock_guard lock(mutex_);
    return isOpen_;
  }
  std::chrono::steady_clock::time_point time() {
    const std::lock_guard lock(mutex_);
    return time_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool isOpen_ = false;
  std::chrono::steady_clock::time_point time_;
};

struct Pool;  // memory.h

class Queue;

// What a graph is made of, while it is captured and afterwards.
struct Capture {
  std::vector<Job> jobs;
  std::shared_ptr<Pool> pool;
  std::vector<Queue*> queues;  // that put their jobs here
  bool isOpen = false;
};

class Queue {
 public:
  Queue() {
    std::thread([this] { run(); }).detach();
  }

  // Into the capture, if there is one.
  void push(Job job) {
    const std::lock_guard lock(mutex_);
    if (capture_) {
      capture_->jobs.push_back(std::move(job));
    } else {
      append(std::move(job));
    }
  }
  // Past the capture.
  void pushNow(Job job) {
    const std::lock_guard lock(mutex_);
    append(std::move(job));
  }

  void start(std::shared_ptr<Capture> capture) {
    const std::lock_guard lock(mutex_);
    TORCH_CHECK(!capture_, kCapturing);
    capture->queues.push_back(this);
    capture_ = std::move(capture);
  }
  void stop() {
    const std::lock_guard lock(mutex_);
    capture_.reset();
  }
  std::shared_ptr<Capture> capture() {
    const std::lock_guard lock(mutex_);
    return capture_;
  }

  bool isIdle() {
    const std::lock_guard lock(mutex_);
    TORCH_CHECK(!capture_, kCapturing);
    return jobs_.empty() && !isBusy_;
  }
  // Waits for everything queued, and throws what a job threw.
  void synchronize() {
    std::unique_lock lock(mutex_);
    TORCH_CHECK(!capture_, kCapturing);
    idle_.wait(lock, [this] { return jobs_.empty() && !isBusy_; });
    if (failure_.empty()) return;
    const std::string failure = std::exchange(failure_, "");
    lock.unlock();
    TORCH_CHECK(false, "CUDA error: device-side assert triggered: ", failure);
  }
  // Waits, as the process is about to end.
  void drain() {
    std::unique_lock lock(mutex_);
    idle_.wait_for(lock, std::chrono::seconds(10), [this] { return jobs_.empty() && !isBusy_; });
  }

 private:
  void append(Job job) {
    jobs_.push_back(std::move(job));
    pushed_.notify_all();
  }
  void run() {
    at::set_num_threads(1);  // of this thread: the numbers are those of one
    for (;;) {
      Job job;
      {
        std::unique_lock lock(mutex_);
        isBusy_ = false;
        idle_.notify_all();
        pushed_.wait(lock, [this] { return !jobs_.empty(); });
        job = std::move(jobs_.front());
        jobs_.pop_front();
        isBusy_ = true;
      }
      if (const int64_t microseconds = delay) std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
      try {
        job();
      } catch (const std::exception& error) {
        const std::lock_guard lock(mutex_);
        if (failure_.empty()) failure_ = error.what();
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable pushed_;
  std::condition_variable idle_;
  std::deque<Job> jobs_;
  bool isBusy_ = false;
  std::string failure_;
  std::shared_ptr<Capture> capture_;
};

// Stream 0 is the default one; then come the pools that CUDA has too, whose streams are handed out again and again.
constexpr c10::StreamId kPool = 32;

class Streams {
 public:
  // Never destroyed, as their threads never end.
  static Streams& of(c10::DeviceIndex device) {
    static auto& all = *new std::array<Streams, kDevices>();
    return all.at(static_cast<size_t>(device));
  }

  Queue& queue(c10::StreamId id) {
    const std::lock_guard lock(mutex_);
    auto& queue = queues_.at(static_cast<size_t>(id));
    if (!queue) queue = std::make_unique<Queue>();
    return *queue;
  }
  c10::StreamId next(bool highPriority) {
    const std::lock_guard lock(mutex_);
    return 1 + (highPriority ? kPool + nextHigh_++ % kPool : nextLow_++ % kPool);
  }
  std::vector<Queue*> all() {
    const std::lock_guard lock(mutex_);
    std::vector<Queue*> out;
    for (const auto& queue : queues_) {
      if (queue) out.push_back(queue.get());
    }
    return out;
  }

 private:
  std::mutex mutex_;
  std::array<std::unique_ptr<Queue>, 1 + 2 * kPool> queues_;
  c10::StreamId nextLow_ = 0;
  c10::StreamId nextHigh_ = 0;
};

inline thread_local c10::DeviceIndex currentDevice = 0;
inline thread_local std::array<c10::StreamId, kDevices> currentStreams{};

inline Queue& currentQueue(c10::DeviceIndex device) {
  return Streams::of(device).queue(currentStreams.at(static_cast<size_t>(device)));
}

// For all of a device's streams; those that are being captured by other threads are left out, as with CUDA's
// thread-local mode.
inline void synchronizeDevice(c10::DeviceIndex device) {
  TORCH_CHECK(!currentQueue(device).capture(), kCapturing);
  for (Queue* queue : Streams::of(device).all()) {
    if (!queue->capture()) queue->synchronize();
  }
}

}  // namespace simulated

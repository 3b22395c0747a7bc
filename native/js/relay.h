// Backward passes that call JavaScript from other threads. libtorch runs the functions of a device's tensors on a
// thread that it has for the device, where JavaScript cannot run. Such a pass is made on another thread, and
// JavaScript's own serves it meanwhile: it runs what the pass asks for, one call after the other, while the asking
// thread waits.
#pragma once

#include <c10/util/ThreadLocalDebugInfo.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>

#include "environment.h"

namespace torch_node {

// What it carries to libtorch's threads travels as the recorder does: with the modes of the pass.
class Relay : public c10::DebugInfoBase {
 public:
  explicit Relay(Environment& environment) : environment_(&environment) {}

  // A function of JavaScript's that a pass may call. While there are any, passes are served.
  class Listener {
   public:
    Listener() { count++; }
    Listener(const Listener& /*other*/) : Listener() {}
    Listener& operator=(const Listener&) = default;
    ~Listener() { count--; }
    static inline std::atomic<int64_t> count{0};
  };

  // Runs a pass. What it throws is thrown here.
  static void run(Environment& environment, const std::function<void()>& pass);

  // The relay of the pass that the calling thread works for, or none.
  static Relay* current();
  [[nodiscard]] bool isOf(const Environment& environment) const { return environment_ == &environment; }

  // On a thread that works for the pass: runs a function on JavaScript's thread and waits for it.
  void call(const std::function<void()>& function);
  // On JavaScript's thread: runs a function on the thread that waits for the call which is being served, or here where
  // there is none.
  static void onWaitingThread(Environment& environment, const std::function<void()>& function);

  // What is to be told of an anomaly, from whichever thread.
  void report(std::string text);

 private:
  struct Task;
  void serve(const Task& until);

  Environment* environment_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task*> calls_;
  std::vector<Task*> served_;  // the calls that JavaScript's thread is in, the innermost last
  std::vector<std::string> reports_;
};

// What was found since it was last asked for, on this thread or by passes that it served.
std::vector<std::string>& anomalies();

}  // namespace torch_node

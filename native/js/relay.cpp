// Backward passes that call JavaScript from other threads.
#include "relay.h"

#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <ATen/ThreadLocalState.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <thread>

namespace torch_node {

namespace {

auto infoKind() { return c10::DebugInfoKind::TEST_INFO; }

// A device whose backward pass has a thread of its own, if there is one.
std::optional<at::DeviceType> deviceWithThread() {
  const auto type = at::getAccelerator();
  if (!type || !c10::impl::hasDeviceGuardImpl(*type)) return std::nullopt;
  return c10::impl::VirtualGuardImpl(*type).deviceCount() > 0 ? type : std::nullopt;
}

// Makes streams the current ones of their devices, and those before again.
class StreamsGuard {
 public:
  explicit StreamsGuard(const std::vector<c10::Stream>& streams) {
    for (const c10::Stream& stream : streams) before_.push_back(exchange(stream));
  }
  ~StreamsGuard() {
    for (const c10::Stream& stream : before_) exchange(stream);
  }
  StreamsGuard(const StreamsGuard&) = delete;
  StreamsGuard& operator=(const StreamsGuard&) = delete;

 private:
  static c10::Stream exchange(const c10::Stream& stream) {
    return c10::impl::VirtualGuardImpl(stream.device_type()).exchangeStream(stream);
  }
  std::vector<c10::Stream> before_;
};

class Collected : public c10::WarningHandler {
 public:
  std::vector<c10::Warning> warnings;

 private:
  void process(const c10::Warning& warning) override { warnings.push_back(warning); }
};

}  // namespace

// Work for another thread, with the modes and the streams of the one that wants it.
struct Relay::Task {
  explicit Task(const std::function<void()>& what) : function(&what) {
    const auto type = deviceWithThread();
    if (!type) return;
    const c10::impl::VirtualGuardImpl guard(*type);
    device = guard.getDevice();
    for (c10::DeviceIndex i = 0; i < guard.deviceCount(); i++) streams.push_back(guard.getStream({*type, i}));
  }

  void execute() noexcept {
    try {
      const at::ThreadLocalStateGuard modesOfOther(modes);
      const c10::OptionalDeviceGuard deviceOfOther(device);
      const StreamsGuard streamsOfOther(streams);
      (*function)();
    } catch (...) {
      thrown = std::current_exception();
    }
  }
  void rethrow() const {
    if (thrown) std::rethrow_exception(thrown);
  }

  const std::function<void()>* function;
  at::ThreadLocalState modes;
  std::optional<c10::Device> device;
  std::vector<c10::Stream> streams;
  bool isDone = false;
  std::exception_ptr thrown;
  std::deque<Task*> nested;  // for the thread that waits for this one
};

Relay* Relay::current() { return dynamic_cast<Relay*>(c10::ThreadLocalDebugInfo::get(infoKind())); }

void Relay::run(Environment& environment, const std::function<void()>& pass) {
  Relay* serving = current();
  if (serving && serving->isOf(environment) && !serving->served_.empty()) {
    onWaitingThread(environment, pass);
    return;
  }
  if (Listener::count == 0 || !deviceWithThread()) {
    pass();
    return;
  }
  const auto relay = std::make_shared<Relay>(environment);
  const c10::DebugInfoGuard carried(infoKind(), relay);
  Task task(pass);
  Collected collected;
  std::thread thread([&] {
    at::init_num_threads();
    const c10::WarningUtils::WarningHandlerGuard handler(&collected);
    task.execute();
    const std::lock_guard lock(relay->mutex_);
    task.isDone = true;
    relay->changed_.notify_all();
  });
  relay->serve(task);
  thread.join();
  for (const c10::Warning& warning : collected.warnings) c10::warn(warning);
  for (std::string& text : relay->reports_) anomalies().push_back(std::move(text));
  task.rethrow();
}

void Relay::call(const std::function<void()>& function) {
  Task task(function);
  std::unique_lock lock(mutex_);
  calls_.push_back(&task);
  changed_.notify_all();
  for (;;) {
    changed_.wait(lock, [&] { return task.isDone || !task.nested.empty(); });
    if (task.nested.empty()) break;
    Task* nested = task.nested.front();
    task.nested.pop_front();
    lock.unlock();
    nested->execute();
    lock.lock();
    nested->isDone = true;
    changed_.notify_all();
  }
  lock.unlock();
  task.rethrow();
}

void Relay::onWaitingThread(Environment& environment, const std::function<void()>& function) {
  Relay* relay = current();
  if (!relay || !relay->isOf(environment) || relay->served_.empty()) {
    function();
    return;
  }
  Task task(function);
  {
    const std::lock_guard lock(relay->mutex_);
    relay->served_.back()->nested.push_back(&task);
    relay->changed_.notify_all();
  }
  relay->serve(task);
  task.rethrow();
}

void Relay::serve(const Task& until) {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return until.isDone || !calls_.empty(); });
    if (calls_.empty()) return;
    Task* call = calls_.front();
    calls_.pop_front();
    served_.push_back(call);
    lock.unlock();
    call->execute();
    lock.lock();
    served_.pop_back();
    call->isDone = true;
    changed_.notify_all();
  }
}

void Relay::report(std::string text) {
  const std::lock_guard lock(mutex_);
  reports_.push_back(std::move(text));
}

std::vector<std::string>& anomalies() {
  static thread_local std::vector<std::string> out;
  return out;
}

}  // namespace torch_node

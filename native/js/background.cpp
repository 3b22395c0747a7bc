// Background calls: work on a thread of libuv's pool.
#include "background.h"

#include <ATen/ThreadLocalState.h>

#include "program/recorder.h"

namespace torch_node {

namespace {

class Background : public Napi::AsyncWorker {
 public:
  Background(Environment& environment, std::function<void()> execute, std::function<napi_value()> settle)
      : Napi::AsyncWorker(environment.env()),
        environment_(&environment),
        execute_(std::move(execute)),
        settle_(std::move(settle)) {
    check(environment.env(), napi_create_promise(environment.env(), &deferred_, &promise_));
    environment_->retain();
  }
  ~Background() override { environment_->release(); }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  [[nodiscard]] napi_value promise() const { return promise_; }

 protected:
  void Execute() override {
    try {
      const at::ThreadLocalStateGuard modes(modes_);
      // The number of threads is set for the process, and each thread has to ask for it again.
      at::init_num_threads();
      execute_();
    } catch (...) {
      thrown_ = std::current_exception();
    }
  }

  // A thread that is ending settles no promises, and nobody waits for them: statuses are ignored.
  void OnOK() override {
    if (!environment_->isCurrent()) return;
    try {
      if (thrown_) std::rethrow_exception(thrown_);
      napi_resolve_deferred(Env(), deferred_, settle_());
    } catch (...) {
      if (napi_value error = currentError(Env())) napi_reject_deferred(Env(), deferred_, error);
    }
  }

 private:
  Environment* environment_;
  std::function<void()> execute_;
  std::function<napi_value()> settle_;
  at::ThreadLocalState modes_;
  std::exception_ptr thrown_;  // by execute_
  napi_deferred deferred_ = nullptr;
  napi_value promise_ = nullptr;  // until the native call that made it ends
};

}  // namespace

Raw inBackground(Environment& environment, std::function<void()> execute, std::function<napi_value()> settle) {
  Recorder::refuse("work that goes on in the background");
  // The worker deletes itself when it has reported.
  auto worker = std::make_unique<Background>(environment, std::move(execute), std::move(settle));
  napi_value promise = worker->promise();
  worker.release()->Queue();
  return {promise};
}

}  // namespace torch_node

// Work that is done on a thread of libuv's pool.
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
    } catch (const c10::Error& error) {
      SetError(readable(error));
    } catch (const std::exception& error) {
      SetError(error.what());
    } catch (...) {
      SetError("an unknown C++ exception");
    }
  }

  void OnOK() override {
    if (!environment_->isCurrent()) return;
    napi_value value = nullptr;
    try {
      value = settle_();
    } catch (const c10::Error& error) {
      reject(readable(error));
    } catch (const std::exception& error) {
      reject(error.what());
    }
    // A thread that is ending settles no promises, and nobody waits for them: no status is looked at.
    if (value) napi_resolve_deferred(Env(), deferred_, value);
  }

  void OnError(const Napi::Error& error) override { reject(error.Message()); }

 private:
  void reject(const std::string& message) {
    napi_value code = nullptr;
    napi_value text = nullptr;
    napi_value error = nullptr;
    napi_create_string_utf8(Env(), "ERR_TORCH", NAPI_AUTO_LENGTH, &code);
    napi_create_string_utf8(Env(), message.data(), message.size(), &text);
    napi_create_error(Env(), code, text, &error);
    napi_reject_deferred(Env(), deferred_, error);
  }

  Environment* environment_;
  std::function<void()> execute_;
  std::function<napi_value()> settle_;
  at::ThreadLocalState modes_;
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

// Environment: what one JavaScript environment (the main thread, or a worker) owns. Nothing here is shared between
// environments.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "libtorch.h"
#include "slab.h"

namespace torch_node {

class Operator;

// A tensor in its slot, with the bytes that the slot answers for.
struct HeldTensor {
  at::Tensor tensor;
  int64_t bytes = 0;
};

class Environment {
 public:
  // Lives as long as the JavaScript environment and every finalizer and buffer that points at it.
  static Environment* create(napi_env env);
  void retain() { references_.fetch_add(1, std::memory_order_relaxed); }
  void release();
  // The JavaScript environment is going away: drop everything it held.
  void close();

  [[nodiscard]] napi_env env() const { return env_; }
  // The open environment of the calling thread, or none.
  static Environment* ofThread();
  // Whether JavaScript may be called: on the environment's own thread, before it is closed.
  [[nodiscard]] bool isCurrent() const { return std::this_thread::get_id() == thread_ && open_; }

  // ---- tensors ----
  uint32_t insert(at::Tensor tensor);
  // A live tensor by its number; throws when it was released or never existed.
  at::Tensor& tensor(uint32_t index);
  void releaseTensor(uint32_t index);
  // Bytes of all storages behind live tensors, each counted once.
  [[nodiscard]] int64_t tensorBytes() const;
  [[nodiscard]] size_t tensorCount() const { return tensors_.size(); }

  // Ties a handle's life to a JavaScript object's: when the object is collected, the handle is released.
  void adoptTensor(napi_value object, uint32_t index) { adopt<&Environment::tensors_>(object, index); }
  void adopt(napi_value object, uint32_t index) { adopt<&Environment::objects>(object, index); }

  // Everything else that JavaScript holds by a handle: see capsule.h.
  Slab<c10::IValue> objects;
  std::vector<std::unique_ptr<Operator>> operators;
  // Lists of integers that JavaScript passes to operators: it writes them here, as reading an array element by element
  // costs more than most small operators. The memory is that of a JavaScript array, exports.integers.
  std::span<const double> integers;
  // Open inference-mode sections, innermost last.
  std::vector<std::unique_ptr<c10::InferenceMode>> inferenceModes;

  // Deletes a JavaScript reference, from whichever thread: at the next chance on the environment's own.
  void dropReference(napi_ref reference);

  // Passes a warning on to JavaScript, once for each text; on the environment's own thread only.
  void warn(const std::string& text);
  // The JavaScript function that gets the warnings.
  void tellWarningsTo(napi_value function);

  // Tells V8 of memory, JavaScript of warnings, and deletes the references that are due. Called where calling into V8
  // is allowed, which excludes finalizers that run during collection.
  void settleAccount();

 private:
  explicit Environment(napi_env env);
  ~Environment();

  // Frees a tensor that was released: now, or when the next one is made.
  void deferFree(at::Tensor tensor);

  void tellWarnings();

  template <auto SlabMember>
  void adopt(napi_value object, uint32_t index);
  template <auto SlabMember>
  static void finalize(napi_env env, void* data, void* hint);

  napi_env env_;
  const std::thread::id thread_ = std::this_thread::get_id();
  std::atomic<uint32_t> references_{1};
  bool open_ = true;
  Slab<HeldTensor> tensors_;
  // Deferred freeing: small tensors that were released, without their graph, one of which is freed whenever a tensor is
  // made. A scope releases a hundred at once, more than glibc's thread cache keeps, so that the next hundred are
  // allocated the slow way; freed one by one, each leaves its memory to the next operator: 20 to 80 ns less for each.
  std::vector<at::Tensor> deferred_;
  // Bytes held by tensors: counted as they come and go, and told to V8 in steps.
  int64_t heldBytes_ = 0;
  int64_t reported_ = 0;
  // All warnings so far, and those that JavaScript has not heard of.
  std::unordered_set<std::string> warned_;
  std::vector<std::string> warnings_;
  napi_ref listener_ = nullptr;  // goes when the JavaScript environment does
  std::mutex orphansMutex_;
  std::vector<napi_ref> orphans_;
  std::atomic<bool> hasOrphans_{false};
};

}  // namespace torch_node

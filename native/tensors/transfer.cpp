// Tensors on their way from one thread to another. A number stands for each meanwhile; the memory is not copied, and
// the receiver owns the tensor.
#include <mutex>
#include <unordered_map>

#include "memory.h"
#include "program/recorder.h"
#include "bindings.h"

namespace torch_node {

namespace {

// One for the process. Never destroyed: threads may still end while it is.
class Transit {
 public:
  static Transit& get() {
    static auto* transit = std::make_unique<Transit>().release();
    return *transit;
  }

  int64_t put(at::Tensor tensor) {
    const std::lock_guard lock(mutex_);
    tensors_.emplace(++last_, std::move(tensor));
    return last_;
  }

  // An undefined tensor when the number stands for none (any more).
  at::Tensor take(int64_t number) {
    const std::lock_guard lock(mutex_);
    auto node = tensors_.extract(number);
    return node.empty() ? at::Tensor() : std::move(node.mapped());
  }

 private:
  std::mutex mutex_;
  std::unordered_map<int64_t, at::Tensor> tensors_;
  int64_t last_ = 0;
};

// sendTensor(handle): releases the handle and gives the number to receive the tensor by.
int64_t sendTensor(Environment& environment, uint32_t handle) {
  Recorder::refuse("sending a tensor to another thread");
  at::Tensor tensor = environment.tensor(handle);
  TORCH_CHECK_VALUE(!tensor.grad_fn(),
                    "the graph behind a tensor stays on its thread: detach() the tensor, and send what that gives");
  // Memory of JavaScript's ends with the thread that it belongs to.
  if (isBorrowed(tensor)) {
    const bool requiresGrad = tensor.requires_grad();
    tensor = tensor.detach().clone().set_requires_grad(requiresGrad);
  }
  environment.releaseTensor(handle);
  return Transit::get().put(std::move(tensor));
}

// receiveTensor(number): a handle, or 0 when nothing is under way by that number.
at::Tensor receiveTensor(Environment& /*environment*/, int64_t number) { return Transit::get().take(number); }

}  // namespace

std::vector<Binding> transferBindings() {
  return {bound<&sendTensor>("sendTensor"), bound<&receiveTensor>("receiveTensor")};
}

}  // namespace torch_node

// Environment: slabs, finalizers and what the garbage collector is told about memory.
#include "environment.h"

#include <stdexcept>
#include <unordered_map>

#include "operators/operators.h"

namespace torch_node {

namespace {
// The cost of a small tensor beside its data: TensorImpl, StorageImpl, the allocation's own overhead and the
// collector's record of the finalizer. Without it a loop over tiny tensors looks free to V8, which then lets hundreds
// of megabytes of them wait. The real cost is a quarter of this, so that V8, which begins to collect at 64 MB and may
// be late, begins at 16: ten million additions outside a scope grow memory by 16 to 54 MB, by 32 to 72 with half as
// much, and take 3 % longer.
constexpr int64_t kTensorOverhead = 3072;
// V8 is told about memory in steps of this many bytes: telling it is far dearer than counting.
constexpr int64_t kReportStep = int64_t{1} << 20;
// The most released tensors that wait to be freed, and the most bytes of one.
constexpr size_t kDeferred = 256;
constexpr size_t kDeferredBytes = size_t{16} << 10;
}  // namespace

namespace {
Environment*& current() {
  thread_local Environment* out = nullptr;
  return out;
}
}  // namespace

Environment* Environment::create(napi_env env) {
  current() = new Environment(env);  // the one raw new: freed by the last release()
  return current();
}

Environment* Environment::ofThread() { return current(); }

Environment::Environment(napi_env env) : env_(env) {}
Environment::~Environment() = default;

void Environment::release() {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

void Environment::close() {
  if (current() == this) current() = nullptr;
  {
    const std::lock_guard lock(orphansMutex_);
    open_ = false;
    orphans_.clear();
  }
  inferenceModes.clear();
  objects.clear();
  deferred_.clear();
  tensors_.clear();
}

namespace {
// Whether a tensor's storage is memory. The storage of a meta tensor, or of a tensor of nothing but zeros, has only a
// size, which may be more than V8 can be told without ending the process.
bool hasMemory(const at::Tensor& tensor) {
  return tensor.has_storage() && !tensor.is_meta() && !tensor._is_zerotensor();
}
}  // namespace

uint32_t Environment::insert(at::Tensor tensor) {
  // The slot that meets a storage first answers for its bytes, so that nothing is counted for views. Should a view
  // outlive its base, the bytes are forgotten early: a hint to the collector may be wrong that way, never by drifting.
  int64_t bytes = 0;
  if (hasMemory(tensor) && tensor.storage().use_count() == 1) {
    bytes = tensor.storage().sym_nbytes().maybe_as_int().value_or(0);
  }
  heldBytes_ += bytes + kTensorOverhead;
  const uint32_t index = tensors_.insert({std::move(tensor), bytes});
  if (!deferred_.empty()) deferred_.pop_back();
  settleAccount();
  return index;
}

at::Tensor& Environment::tensor(uint32_t index) {
  HeldTensor* found = tensors_.find(index);
  if (!found) {
    throw std::invalid_argument(
        "this tensor was released: it was disposed of, or its scope has ended; keep it with "
        "tensor.keep() or return it from the scope");
  }
  return found->tensor;
}

void Environment::releaseTensor(uint32_t index) {
  if (!tensors_.find(index)) return;
  HeldTensor held = tensors_.take(index);
  heldBytes_ -= held.bytes + kTensorOverhead;
  deferFree(std::move(held.tensor));
}

namespace {
// Takes the autograd graph out of a tensor that nobody else holds. The tensor's own node, where nobody else holds that
// either, stays without its saved variables and its edges, so that its memory goes with the tensor's. The node of a
// view holds the base, and a node of no generated class may hold anything: these go at once.
void dropGraph(const at::Tensor& tensor) {
  const torch::autograd::AutogradMeta* autograd = torch::autograd::impl::get_autograd_meta(tensor);
  if (autograd == nullptr) return;
  const auto& node = autograd->grad_fn_;
  const bool simple = node && node.use_count() == 1 && node->is_traceable() && !autograd->is_view_ &&
                      !autograd->grad_.defined() && !autograd->fw_grad_ && autograd->hooks_.empty() &&
                      node->pre_hooks().empty() && node->tensor_pre_hooks().empty() && node->post_hooks().empty() &&
                      node->retains_grad_hooks().empty() && !torch::autograd::AnomalyMode::is_enabled();
  if (!simple) {
    tensor.unsafeGetTensorImpl()->set_autograd_meta(nullptr);
    return;
  }
  node->release_variables();
  node->next_edges().clear();
}
}  // namespace

void Environment::deferFree(at::Tensor tensor) {
  static const c10::DeleterFnPtr kOwn = c10::GetAllocator(c10::kCPU)->raw_deleter();
  if (deferred_.size() == kDeferred || tensor.use_count() != 1 || tensor.weak_use_count() != 1 || !tensor.is_cpu() ||
      !tensor.has_storage()) {
    return;
  }
  const c10::StorageImpl& storage = *tensor.storage().unsafeGetStorageImpl();
  if (storage.data_ptr().get_deleter() != kOwn || storage.nbytes() > kDeferredBytes) return;
  dropGraph(tensor);
  deferred_.push_back(std::move(tensor));
}

int64_t Environment::tensorBytes() const {
  std::unordered_map<c10::StorageImpl*, int64_t> storages;
  tensors_.each([&](const HeldTensor& held) {
    if (!hasMemory(held.tensor)) return;
    c10::StorageImpl* storage = held.tensor.storage().unsafeGetStorageImpl();
    storages[storage] = storage->sym_nbytes().maybe_as_int().value_or(0);
  });
  int64_t total = 0;
  for (const auto& [storage, bytes] : storages) total += bytes;
  return total;
}

void Environment::settleAccount() {
  if (std::abs(heldBytes_ - reported_) >= kReportStep) {
    int64_t total = 0;
    napi_adjust_external_memory(env_, heldBytes_ - reported_, &total);
    reported_ = heldBytes_;
  }
  if (!warnings_.empty()) tellWarnings();
  if (hasOrphans_.load(std::memory_order_relaxed)) {
    std::vector<napi_ref> orphans;
    {
      const std::lock_guard lock(orphansMutex_);
      orphans.swap(orphans_);
      hasOrphans_ = false;
    }
    for (napi_ref reference : orphans) napi_delete_reference(env_, reference);
  }
}

void Environment::dropReference(napi_ref reference) {
  // The queue is emptied on the environment's own thread, by the next tensor that is made or released there. Even on
  // that thread the reference is not deleted at once: this may run inside a collection.
  const std::lock_guard lock(orphansMutex_);
  if (!open_) return;
  orphans_.push_back(reference);
  hasOrphans_ = true;
}

template <auto SlabMember>
void Environment::adopt(napi_value object, uint32_t index) {
  auto& slab = this->*SlabMember;
  if (!slab.find(index)) throw std::invalid_argument("handle was released before an object could own it");
  const uint64_t ticket = (static_cast<uint64_t>(slab.generation(index)) << 32) | index;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the ticket travels in the hint and is never dereferenced
  auto* hint = reinterpret_cast<void*>(ticket);
  const napi_status status = napi_add_finalizer(env_, object, this, &Environment::finalize<SlabMember>, hint, nullptr);
  if (status != napi_ok) throw std::runtime_error("the object cannot own a handle");
  retain();
}

// A basic finalizer: runs during collection and calls nothing of V8's.
template <auto SlabMember>
void Environment::finalize(napi_env /*env*/, void* data, void* hint) {
  auto* environment = static_cast<Environment*>(data);
  const auto ticket = reinterpret_cast<uint64_t>(hint);
  const auto index = static_cast<uint32_t>(ticket);
  auto& slab = environment->*SlabMember;
  if (environment->open_ && slab.holds(index, static_cast<uint32_t>(ticket >> 32))) {
    if constexpr (std::is_same_v<std::decay_t<decltype(slab)>, Slab<HeldTensor>>) {
      environment->releaseTensor(index);
    } else {
      const auto last = slab.take(index);
    }
  }
  environment->release();
}

template void Environment::adopt<&Environment::tensors_>(napi_value, uint32_t);
template void Environment::adopt<&Environment::objects>(napi_value, uint32_t);

}  // namespace torch_node

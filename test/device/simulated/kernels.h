// Kernels of the simulated accelerator. Every operator runs ATen's kernel of the CPU, on a stream's thread: shapes come
// from the meta kernels before. Where the shapes cannot be known, the call waits for its stream, as CUDA's do.
#pragma once

#include <ATen/EmptyTensor.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

#include <set>

#include "guard.h"
#include "random.h"

namespace simulated {

// What was done, for tests to see.
inline std::atomic<int64_t> queuedCalls{0};
inline std::atomic<int64_t> waitedCalls{0};

inline bool isOnDevice(const at::Tensor& tensor) { return tensor.defined() && tensor.device().type() == kType; }

inline at::Tensor emptyOn(c10::DeviceIndex device, c10::IntArrayRef sizes, c10::IntArrayRef strides,
                          at::ScalarType type) {
  TORCH_CHECK(device < kDevices, kOrdinal);
  const c10::DeviceGuard guard(c10::Device(kType, device));
  return at::detail::empty_strided_generic(sizes, strides, &deviceAllocator(),
                                           c10::DispatchKeySet(c10::DispatchKey::CUDA), type);
}

// `base`'s memory, seen as `like`.
inline at::Tensor viewOf(const at::Tensor& base, const at::Tensor& like) {
  at::Tensor view = at::detail::make_tensor<c10::TensorImpl>(c10::TensorImpl::VIEW, c10::Storage(base.storage()),
                                                             base.key_set(), like.dtype());
  view.unsafeGetTensorImpl()->set_sizes_and_strides(like.sizes(), like.strides(), like.storage_offset());
  view._set_conj(like.is_conj());
  view._set_neg(like.is_neg());
  return view;
}

inline void resizeTo(const at::Tensor& tensor, c10::IntArrayRef sizes, c10::IntArrayRef strides) {
  c10::StorageImpl* storage = tensor.storage().unsafeGetStorageImpl();
  const size_t needed =
      at::detail::computeStorageNbytes(sizes, strides, tensor.itemsize(), static_cast<size_t>(tensor.storage_offset()));
  if (const size_t had = storage->nbytes(); had < needed) {
    const c10::DeviceGuard guard(tensor.device());
    c10::DataPtr grown = deviceAllocator().allocate(needed);
    if (had > 0) {
      currentQueue(tensor.device().index()).push([to = opened(grown.get()), from = opened(storage->data()), had] {
        memcpy(to, from, had);
      });
    }
    storage->set_data_ptr_noswap(std::move(grown));
    storage->set_nbytes(needed);
  }
  tensor.unsafeGetTensorImpl()->set_sizes_and_strides(sizes, strides);
}

// ---- the same tensors elsewhere ----

template <class F>
c10::IValue mapTensors(const c10::IValue& value, F&& map) {
  if (value.isTensor()) return value.toTensor().defined() ? c10::IValue(map(value.toTensor())) : value;
  if (value.isTensorList()) {
    c10::List<at::Tensor> out;
    for (const at::Tensor& tensor : value.toTensorVector()) out.push_back(map(tensor));
    return out;
  }
  if (value.isList() && value.toList().elementType()->kind() == c10::TypeKind::OptionalType) {
    c10::List<std::optional<at::Tensor>> out;
    for (const c10::IValue& each : value.toListRef()) {
      if (!each.isTensor() && !each.isNone()) return value;
      const bool given = each.isTensor() && each.toTensor().defined();
      out.push_back(given ? std::optional<at::Tensor>(map(each.toTensor())) : std::nullopt);
    }
    return out;
  }
  return value;
}

// Gives each tensor of the device one over other storage, the same for the same: the CPU's over memory that kernels may
// touch, or meta's.
class Aliases {
 public:
  enum class Kind : uint8_t { kOpened, kMeta, kZeros };
  explicit Aliases(Kind kind) : kind_(kind) {}
  [[nodiscard]] Kind kind() const { return kind_; }

  at::Tensor operator()(const at::Tensor& tensor) {
    if (kind_ == Kind::kZeros) {
      return isOnDevice(tensor) ? at::zeros(tensor.sizes(), at::TensorOptions(tensor.scalar_type())) : tensor;
    }
    if (!isOnDevice(tensor) && kind_ != Kind::kMeta) {
      // A number goes to a kernel as it is now.
      return tensor.is_cpu() && tensor.dim() == 0 && !tensor.unsafeGetTensorImpl()->is_wrapped_number() ? tensor.clone()
                                                                                                        : tensor;
    }
    c10::StorageImpl* storage = tensor.storage().unsafeGetStorageImpl();
    auto found = storages_.find(storage);
    if (found == storages_.end()) {
      found = storages_.emplace(storage, made(storage)).first;
      originals_[found->second.unsafeGetStorageImpl()] = tensor;
    }
    c10::Storage copy = found->second;
    const auto key = kind_ == Kind::kMeta ? c10::DispatchKey::Meta : c10::DispatchKey::CPU;
    at::Tensor alias =
        at::detail::make_tensor<c10::TensorImpl>(std::move(copy), c10::DispatchKeySet(key), tensor.dtype());
    alias.unsafeGetTensorImpl()->set_sizes_and_strides(tensor.sizes(), tensor.strides(), tensor.storage_offset());
    alias._set_conj(tensor.is_conj());
    alias._set_neg(tensor.is_neg());
    if (tensor.unsafeGetTensorImpl()->is_wrapped_number()) alias.unsafeGetTensorImpl()->set_wrapped_number(true);
    return alias;
  }
  // The tensor whose storage this one has the alias of; undefined for one of its own.
  [[nodiscard]] at::Tensor original(const at::Tensor& alias) const {
    if (!alias.has_storage()) return {};
    const auto found = originals_.find(alias.storage().unsafeGetStorageImpl());
    return found == originals_.end() ? at::Tensor() : found->second;
  }

 private:
  c10::Storage made(c10::StorageImpl* storage) const {
    const auto size = c10::Storage::use_byte_size_t();
    if (kind_ == Kind::kMeta) {
      return {size, storage->nbytes(), c10::DataPtr(nullptr, at::kMeta), c10::GetAllocator(at::kMeta), true};
    }
    void* data = storage->data() ? opened(storage->data()) : nullptr;
    return {size, storage->nbytes(), c10::DataPtr(data, at::kCPU), nullptr, false};
  }

  Kind kind_;
  std::map<c10::StorageImpl*, c10::Storage> storages_;
  std::map<c10::StorageImpl*, at::Tensor> originals_;
};

// ---- one call ----

class Call {
 public:
  Call(const c10::OperatorHandle& op, torch::jit::Stack arguments) : op_(op), arguments_(std::move(arguments)) {
    findDevice();
    draws_ = op.hasTag(at::Tag::nondeterministic_seeded);
    waits_ = op.hasTag(at::Tag::data_dependent_output) || op.hasTag(at::Tag::dynamic_output_shape) || host_ ||
             std::ranges::any_of(schema().returns(), [](const c10::Argument& each) {
               const auto kind = each.type()->kind();
               return kind != c10::TypeKind::TensorType && kind != c10::TypeKind::ListType;
             });
    if (draws_ && !currentQueue(device_).capture()) waits_ = true;
  }

  torch::jit::Stack run() {
    const at::AutoDispatchBelowADInplaceOrView below;
    const c10::DeviceGuard guard(c10::Device(kType, device_));
    if (waits_) return waited();
    Aliases metas(Aliases::Kind::kMeta);
    torch::jit::Stack shapes;
    shapesOf(metas, shapes);
    return queued(metas, shapes);
  }

 private:
  [[nodiscard]] const c10::FunctionSchema& schema() const { return op_.schema(); }

  void findDevice() {
    std::optional<c10::Device> other;
    const auto look = [&](const at::Tensor& tensor) {
      if (isOnDevice(tensor)) {
        if (device_ < 0) device_ = tensor.device().index();
        if (device_ != tensor.device().index()) other = tensor.device();
      } else if (tensor.is_cpu() && tensor.dim() > 0) {
        host_ = true;
      }
      return tensor;
    };
    for (const c10::IValue& argument : arguments_) mapTensors(argument, look);
    for (const c10::IValue& argument : arguments_) {
      if (device_ < 0 && argument.isDevice() && argument.toDevice().type() == kType) {
        device_ = Guard::indexOf(argument.toDevice());
      }
    }
    if (device_ < 0) device_ = currentDevice;
    const std::string& name = schema().name();
    // Indices and lengths may lie on the host.
    const auto has = [&](const char* part) { return name.find(part) != std::string::npos; };
    const bool mayMix = has("index") || has("copy") || has("ctc_loss") || has("pack_padded");
    if (host_ && !mayMix && !other) other = at::kCPU;
    TORCH_CHECK(!other, "Expected all tensors to be on the same device, but found at least two devices, ",
                c10::Device(kType, device_), " and ", *other, "! (when calling ", name, ")");
  }

  // The arguments over other storage.
  torch::jit::Stack prepared(Aliases& aliases) {
    torch::jit::Stack out;
    for (size_t i = 0; i < arguments_.size(); i++) {
      c10::IValue value = mapTensors(arguments_[i], aliases);
      const bool meta = aliases.kind() == Aliases::Kind::kMeta;
      if (value.isDevice()) value = c10::Device(meta ? at::kMeta : at::kCPU);
      if (isGenerator(schema().arguments()[i])) {
        if (aliases.kind() != Aliases::Kind::kOpened) {
          value = c10::IValue();
        } else {
          const at::Generator given = value.isNone() ? defaultGenerator(device_) : value.toGenerator();
          if (auto* own = dynamic_cast<Generator*>(given.unsafeGetGeneratorImpl())) value = own->numbers();
        }
      }
      out.push_back(std::move(value));
    }
    return out;
  }
  static bool isGenerator(const c10::Argument& argument) {
    return argument.type()->str().find("Generator") != std::string::npos;
  }

  // Which argument a result is, as of operators in place; nothing where it is none.
  [[nodiscard]] std::optional<size_t> argumentOf(size_t result) const {
    const auto* info = schema().returns()[result].alias_info();
    if (!info || !info->isWrite()) return std::nullopt;
    for (size_t i = 0; i < arguments_.size(); i++) {
      const auto* given = schema().arguments()[i].alias_info();
      if (given && given->isWrite() && *given == *info) return i;
    }
    return std::nullopt;
  }

  // What the results look like. Arguments that are written take their new shapes.
  void shapesOf(Aliases& metas, torch::jit::Stack& shapes) {
    shapes = prepared(metas);
    torch::jit::Stack given = shapes;
    try {
      op_.callBoxed(shapes);
    } catch (const std::exception&) {
      // There is no meta kernel, or the call is wrong; the CPU's kernel tells on zeros.
      Aliases zeros(Aliases::Kind::kZeros);
      shapes = given = prepared(zeros);
      op_.callBoxed(shapes);
      metas = Aliases(Aliases::Kind::kMeta);
    }
    eachWritten([&](size_t i, const at::Tensor& mine) {
      const at::Tensor& now = given[i].toTensor();
      if (mine.sizes() != now.sizes()) resizeTo(mine, now.sizes(), now.strides());
    });
  }

  template <class F>
  void eachWritten(F&& visit) const {
    for (size_t i = 0; i < arguments_.size(); i++) {
      const auto* info = schema().arguments()[i].alias_info();
      if (!info || !info->isWrite() || !arguments_[i].isTensor()) continue;
      if (const at::Tensor& mine = arguments_[i].toTensor(); isOnDevice(mine)) visit(i, mine);
    }
  }

  torch::jit::Stack queued(const Aliases& metas, const torch::jit::Stack& shapes) {
    queuedCalls++;
    torch::jit::Stack out;
    std::vector<std::vector<at::Tensor>> made;  // where the kernel's results go
    bool onlyViews = !schema().is_mutable();
    for (size_t i = 0; i < shapes.size(); i++) {
      auto& own = made.emplace_back();
      if (const auto argument = argumentOf(i)) {
        out.push_back(arguments_[*argument]);
        continue;
      }
      out.push_back(mapTensors(shapes[i], [&](const at::Tensor& meta) -> at::Tensor {
        if (const at::Tensor base = metas.original(meta); base.defined()) {
          own.emplace_back();
          return viewOf(base, meta);
        }
        onlyViews = false;
        at::Tensor result = emptyOn(device_, meta.sizes(), meta.strides(), meta.scalar_type());
        own.push_back(Aliases(Aliases::Kind::kOpened)(result));
        return result;
      }));
    }
    if (onlyViews) return out;
    Aliases aliases(Aliases::Kind::kOpened);
    currentQueue(device_).push([op = op_, given = prepared(aliases), made = std::move(made)] {
      const at::AutoDispatchBelowADInplaceOrView below;
      torch::jit::Stack stack = given;
      op.callBoxed(stack);
      for (size_t i = 0; i < made.size(); i++) {
        if (made[i].empty()) continue;
        size_t next = 0;
        mapTensors(stack[i], [&](const at::Tensor& computed) {
          at::Tensor to = next < made[i].size() ? made[i][next] : at::Tensor();
          if (to.defined()) to.copy_(computed);
          next++;
          return computed;
        });
      }
    });
    return out;
  }

  torch::jit::Stack waited() {
    waitedCalls++;
    currentQueue(device_).synchronize();
    Aliases aliases(Aliases::Kind::kOpened);
    torch::jit::Stack stack = prepared(aliases);
    // What has no memory yet grows on the host and comes back.
    std::vector<std::pair<at::Tensor, at::Tensor>> grown;
    eachWritten([&](size_t i, const at::Tensor& mine) {
      if (mine.storage().nbytes() > 0) return;
      grown.emplace_back(mine, at::empty({0}, at::TensorOptions(mine.scalar_type())));
      stack[i] = grown.back().second;
    });
    op_.callBoxed(stack);
    for (const auto& [mine, computed] : grown) {
      resizeTo(mine, computed.sizes(), computed.strides());
      Aliases(Aliases::Kind::kOpened)(mine).copy_(computed);
    }
    torch::jit::Stack out;
    for (size_t i = 0; i < stack.size(); i++) {
      if (const auto argument = argumentOf(i)) {
        out.push_back(arguments_[*argument]);
        continue;
      }
      out.push_back(mapTensors(stack[i], [&](const at::Tensor& computed) -> at::Tensor {
        if (const at::Tensor base = aliases.original(computed); base.defined()) return viewOf(base, computed);
        at::Tensor result = emptyOn(device_, computed.sizes(), computed.strides(), computed.scalar_type());
        Aliases(Aliases::Kind::kOpened)(result).copy_(computed);
        return result;
      }));
    }
    return out;
  }

  c10::OperatorHandle op_;
  torch::jit::Stack arguments_;
  c10::DeviceIndex device_ = -1;
  bool host_ = false;  // a tensor of the host is among the arguments
  bool draws_ = false;
  bool waits_ = false;
};

inline void fallback(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const auto count = static_cast<std::ptrdiff_t>(op.schema().arguments().size());
  torch::jit::Stack results = Call(op, torch::jit::Stack(stack->end() - count, stack->end())).run();
  stack->erase(stack->end() - count, stack->end());
  for (c10::IValue& result : results) stack->push_back(std::move(result));
}

// ---- what the fallback cannot do ----

inline at::Tensor emptyMemoryFormat(c10::IntArrayRef sizes, std::optional<at::ScalarType> type,
                                    std::optional<at::Layout> /*layout*/, std::optional<at::Device> device,
                                    std::optional<bool> /*pinned*/, std::optional<at::MemoryFormat> format) {
  const c10::DeviceIndex index = device ? Guard::indexOf(*device) : currentDevice;
  TORCH_CHECK(index < kDevices, kOrdinal);
  const c10::DeviceGuard guard(c10::Device(kType, index));
  return at::detail::empty_generic(sizes, &deviceAllocator(), c10::DispatchKeySet(c10::DispatchKey::CUDA),
                                   type.value_or(at::kFloat), format);
}
inline at::Tensor emptyStrided(c10::IntArrayRef sizes, c10::IntArrayRef strides, std::optional<at::ScalarType> type,
                               std::optional<at::Layout> /*layout*/, std::optional<at::Device> device,
                               std::optional<bool> /*pinned*/) {
  return emptyOn(device ? Guard::indexOf(*device) : currentDevice, sizes, strides, type.value_or(at::kFloat));
}

// As with CUDA: memory of the host that is not pinned is read or written before the call returns.
inline at::Tensor& copyTo(at::Tensor& self, const at::Tensor& source, bool nonBlocking) {
  if (self.is_same(source) || self.numel() == 0) return self;
  const bool toHost = !isOnDevice(self);
  const bool fromHost = !isOnDevice(source);
  const c10::DeviceIndex device = toHost ? source.device().index() : self.device().index();
  Aliases aliases(Aliases::Kind::kOpened);
  at::Tensor to = toHost ? self : aliases(self);
  at::Tensor from = source.expand_as(self);
  if (!fromHost) from = aliases(from);
  const at::Tensor& host = toHost ? self : source;
  PinnedAllocator& pinned = PinnedAllocator::get();
  const bool late = nonBlocking && (toHost || fromHost) && host.has_storage() && pinned.holds(host.storage().data());
  if (fromHost && !late) from = from.clone();
  Queue& queue = currentQueue(device);
  const bool peers = !toHost && !fromHost && self.device() != source.device();
  // Both devices' streams are busy with a copy between them.
  const auto ready = std::make_shared<Fence>();
  const auto done = std::make_shared<Fence>();
  if (peers) {
    currentQueue(source.device().index()).push([ready] { ready->open(); });
    queue.push([ready] { ready->wait(); });
  }
  if (late) pinned.usedUntil(host.storage().data(), done);
  queue.push([to, from, done] {
    const at::AutoDispatchBelowADInplaceOrView below;
    at::Tensor target = to;
    target.copy_(from);
    done->open();
  });
  if (peers) currentQueue(source.device().index()).push([done] { done->wait(); });
  if (toHost && !late) queue.synchronize();
  return self;
}

inline const at::Tensor& resize(const at::Tensor& self, c10::IntArrayRef sizes,
                                std::optional<at::MemoryFormat> /*format*/) {
  std::vector<int64_t> strides(sizes.size(), 1);
  for (size_t i = sizes.size(); i-- > 1;) strides[i - 1] = strides[i] * std::max<int64_t>(sizes[i], 1);
  resizeTo(self, sizes, strides);
  return self;
}
inline at::Tensor& setStorage(at::Tensor& self, at::Storage storage, int64_t offset, c10::IntArrayRef sizes,
                              c10::IntArrayRef strides) {
  self.unsafeGetTensorImpl()->set_storage_keep_dtype(std::move(storage));
  self.unsafeGetTensorImpl()->set_sizes_and_strides(sizes, strides, offset);
  return self;
}
inline at::Tensor& setTensor(at::Tensor& self, const at::Tensor& source) {
  return setStorage(self, source.storage(), source.storage_offset(), source.sizes(), source.strides());
}
inline at::Tensor& setNothing(at::Tensor& self) {
  c10::Storage empty(c10::Storage::use_byte_size_t(), 0, c10::DataPtr(nullptr, self.device()), &deviceAllocator(),
                     true);
  return setStorage(self, std::move(empty), 0, {0}, {1});
}
inline bool isSetTo(const at::Tensor& self, const at::Tensor& other) {
  return self.is_alias_of(other) && self.storage_offset() == other.storage_offset() && self.sizes() == other.sizes() &&
         self.strides() == other.strides();
}
inline void recordStream(at::Tensor& self, c10::Stream stream) {
  deviceAllocator().recordStream(self.storage().data_ptr(), stream);
}
// Plain products and a softmax: CUDA's kernels of attention have no counterpart here.
inline int64_t attentionKernel(const at::Tensor& /*query*/, const at::Tensor& /*key*/, const at::Tensor& /*value*/,
                               const std::optional<at::Tensor>& /*mask*/, double /*dropout*/, bool /*causal*/,
                               std::optional<double> /*scale*/, bool /*grouped*/) {
  return 0;
}
inline bool noOtherLoss(const at::Tensor& /*logProbabilities*/, const at::Tensor& /*targets*/,
                        at::IntArrayRef /*inputLengths*/, at::IntArrayRef /*targetLengths*/, int64_t /*blank*/) {
  return false;
}
inline bool noOtherLossOfTensors(const at::Tensor& /*logProbabilities*/, const at::Tensor& /*targets*/,
                                 const at::Tensor& /*inputLengths*/, const at::Tensor& /*targetLengths*/,
                                 int64_t /*blank*/) {
  return false;
}
// In the steps that dropout has on the CPU, and with its random numbers.
inline std::tuple<at::Tensor, at::Tensor> dropout(const at::Tensor& input, double p, std::optional<bool> train) {
  if (train && !*train) return {input.clone(), at::ones_like(input, at::kBool)};
  at::Tensor noise = at::empty_like(input).bernoulli_(1 - p);
  at::Tensor mask = noise.to(at::kBool);
  return {p == 1 ? input * noise : input * noise.div_(1 - p), mask};
}

// ---- the cells that LSTM and GRU take on CUDA ----

using Maybe = std::optional<at::Tensor>;
using Two = std::tuple<at::Tensor, at::Tensor>;
using Three = std::tuple<at::Tensor, at::Tensor, at::Tensor>;
using Five = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor>;

inline at::Tensor withBias(const at::Tensor& gates, const Maybe& bias) {
  return bias && bias->defined() ? gates + *bias : gates;
}

inline Three lstmCell(const at::Tensor& input, const at::Tensor& hidden, const at::Tensor& cell, const Maybe& inputBias,
                      const Maybe& hiddenBias) {
  const auto gates = (withBias(hidden, hiddenBias) + withBias(input, inputBias)).chunk(4, 1);
  const at::Tensor in = gates[0].sigmoid();
  const at::Tensor forget = gates[1].sigmoid();
  const at::Tensor next = gates[2].tanh();
  const at::Tensor out = gates[3].sigmoid();
  at::Tensor newCell = (forget * cell).add_(in * next);
  return {out * newCell.tanh(), newCell, at::cat({in, forget, next, out}, 1)};
}
inline Three lstmCellBackward(const Maybe& gradHidden, const Maybe& gradCell, const at::Tensor& cell,
                              const at::Tensor& newCell, const at::Tensor& workspace, bool hasBias) {
  const auto gates = workspace.chunk(4, 1);
  const at::Tensor& in = gates[0];
  const at::Tensor& forget = gates[1];
  const at::Tensor& next = gates[2];
  const at::Tensor& out = gates[3];
  const at::Tensor hidden = gradHidden && gradHidden->defined() ? *gradHidden : at::zeros_like(newCell);
  const at::Tensor bounded = newCell.tanh();
  at::Tensor grad = hidden * out * (1 - bounded * bounded);
  if (gradCell && gradCell->defined()) grad = grad + *gradCell;
  at::Tensor gradGates = at::cat({grad * next * in * (1 - in), grad * cell * forget * (1 - forget),
                                  grad * in * (1 - next * next), hidden * bounded * out * (1 - out)},
                                 1);
  return {gradGates, grad * forget, hasBias ? gradGates.sum(0) : at::Tensor()};
}

inline Two gruCell(const at::Tensor& input, const at::Tensor& hidden, const at::Tensor& state, const Maybe& inputBias,
                   const Maybe& hiddenBias) {
  const auto in = withBias(input, inputBias).chunk(3, 1);
  const auto old = withBias(hidden, hiddenBias).chunk(3, 1);
  const at::Tensor reset = (old[0] + in[0]).sigmoid();
  const at::Tensor update = (old[1] + in[1]).sigmoid();
  const at::Tensor next = (in[2] + old[2] * reset).tanh();
  return {(state - next) * update + next, at::cat({reset, update, next, state, old[2]}, 1)};
}
inline Five gruCellBackward(const at::Tensor& grad, const at::Tensor& workspace, bool hasBias) {
  const auto parts = workspace.chunk(5, 1);
  const at::Tensor& reset = parts[0];
  const at::Tensor& update = parts[1];
  const at::Tensor& next = parts[2];
  const at::Tensor gradUpdate = grad * (parts[3] - next) * update * (1 - update);
  const at::Tensor gradNext = grad * (1 - update) * (1 - next * next);
  const at::Tensor gradReset = gradNext * parts[4] * reset * (1 - reset);
  at::Tensor input = at::cat({gradReset, gradUpdate, gradNext}, 1);
  at::Tensor hidden = at::cat({gradReset, gradUpdate, gradNext * reset}, 1);
  return {input, hidden, grad * update, hasBias ? input.sum(0) : at::Tensor(), hasBias ? hidden.sum(0) : at::Tensor()};
}

}  // namespace simulated

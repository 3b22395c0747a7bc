// Memory that JavaScript and tensors share.
#include "memory.h"

#include <c10/core/CPUAllocator.h>

#include <cstring>

#include "js/callback.h"
#include "program/recorder.h"
#include "bindings.h"

namespace torch_node {

int64_t countOf(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) {
    if (size < 0) throw OutOfRange("a shape holds numbers of 0 or more, got " + std::to_string(size));
    if (__builtin_mul_overflow(count, size, &count)) throw OutOfRange("a shape of more than 2^63 elements");
  }
  return count;
}

Bytes bytesOf(Environment& environment, napi_value value) {
  napi_env env = environment.env();
  Bytes out;
  bool typed = false;
  check(env, napi_is_typedarray(env, value, &typed));
  if (typed) {
    napi_typedarray_type type = napi_int8_array;
    size_t length = 0;
    check(env, napi_get_typedarray_info(env, value, &type, &length, &out.data, &out.buffer, &out.offset));
    out.size = length * Napi::TypedArray(env, value).ElementSize();
  } else {
    bool is = false;
    check(env, napi_is_arraybuffer(env, value, &is));
    if (!is) throw TypeMismatch("expected a TypedArray or an ArrayBuffer, got " + describe(env, value));
    check(env, napi_get_arraybuffer_info(env, value, &out.data, &out.size));
    out.buffer = value;
  }
  bool detached = false;
  check(env, napi_is_detached_arraybuffer(env, out.buffer, &detached));
  if (detached) throw TypeMismatch("the buffer is detached: it was transferred, and its memory is another's now");
  return out;
}

void checkSize(const Bytes& bytes, const std::vector<int64_t>& shape, at::ScalarType type) {
  const int64_t expected = countOf(shape);
  const auto width = static_cast<int64_t>(c10::elementSize(type));
  const auto given = static_cast<int64_t>(bytes.size) / width;
  int64_t needed = 0;
  if (__builtin_mul_overflow(expected, width, &needed) || static_cast<int64_t>(bytes.size) != needed) {
    std::ostringstream out;
    out << "the data has " << given << " elements of " << scalarTypeName(type) << ", the shape "
        << at::IntArrayRef(shape) << " needs " << expected;
    throw TypeMismatch(out.str());
  }
}

namespace {

// A buffer of JavaScript's, held for the storage that lies in it.
struct Loan {
  Loan(Environment& environment, const Bytes& bytes)
      : buffer(environment, bytes.buffer), start(static_cast<std::byte*>(bytes.data) - bytes.offset) {}
  JsReference buffer;
  std::byte* start;  // of the whole buffer
};

// A storage may die on any thread and within a collection; the reference waits for its own thread.
void giveBack(void* context) { const std::unique_ptr<Loan> loan(static_cast<Loan*>(context)); }

at::DataPtr lend(Environment& environment, const Bytes& bytes) {
  auto loan = std::make_unique<Loan>(environment, bytes);
  return {bytes.data, loan.release(), &giveBack, at::kCPU};
}

void dropShare(void* context) { const std::unique_ptr<MemoryShare> share(static_cast<MemoryShare*>(context)); }

at::DataPtr shared(const MemoryShare& share) {
  return {share->get(), std::make_unique<MemoryShare>(share).release(), &dropShare, share->device()};
}

// Whose the memory under a tensor is, behind the shares in it.
const at::DataPtr& ownerOf(const at::Tensor& tensor) {
  const at::DataPtr& data = tensor.storage().data_ptr();
  return data.get_deleter() == &dropShare ? **static_cast<const MemoryShare*>(data.get_context()) : data;
}

// The loan under a tensor, where the buffer is one of this environment's.
const Loan* loanOf(Environment& environment, const at::Tensor& tensor) {
  if (!tensor.is_cpu() || !tensor.has_storage()) return nullptr;
  const at::DataPtr& data = ownerOf(tensor);
  if (data.get_deleter() != &giveBack) return nullptr;
  const auto* loan = static_cast<const Loan*>(data.get_context());
  return &loan->buffer.environment() == &environment ? loan : nullptr;
}

}  // namespace

bool isBorrowed(const at::Tensor& tensor) {
  if (!tensor.is_cpu() || !tensor.has_storage() || tensor.storage().nbytes() == 0) return false;
  const auto deleter = ownerOf(tensor).get_deleter();
  return deleter != c10::GetAllocator(c10::kCPU)->raw_deleter() &&
         deleter != c10::GetDefaultCPUAllocator()->raw_deleter();
}

MemoryShare shareMemory(const at::Tensor& tensor) {
  c10::StorageImpl* storage = tensor.storage().unsafeGetStorageImpl();
  (void)storage->mutable_data();  // a copy that was put off is made now
  if (storage->data_ptr().get_deleter() == &dropShare) {
    return *static_cast<const MemoryShare*>(storage->data_ptr().get_context());
  }
  // The address stays readable all the while: another thread may be copying the values (Tensor.data()).
  auto share = std::make_shared<at::DataPtr>();
  const at::DataPtr& data = storage->data_ptr();
  at::DataPtr wrapped(data.get(), std::make_unique<MemoryShare>(share).release(), &dropShare, data.device());
  *share = storage->set_data_ptr(std::move(wrapped));
  return share;
}

bool hasHostMemory(const at::Tensor& tensor) {
  return tensor.defined() && tensor.is_cpu() && tensor.layout() == at::kStrided && tensor.numel() > 0 &&
         !tensor._is_zerotensor();
}

at::Tensor aliasWithShare(const at::Tensor& tensor) {
  c10::Storage storage(c10::Storage::use_byte_size_t(), tensor.storage().nbytes(), shared(shareMemory(tensor)));
  return at::empty({0}, tensor.options())
      .set_(std::move(storage), tensor.storage_offset(), tensor.sizes(), tensor.strides());
}

void makeResizable(const at::Tensor& tensor) {
  c10::StorageImpl* storage = tensor.storage().unsafeGetStorageImpl();
  storage->set_allocator(c10::GetAllocator(c10::kCPU));
  storage->set_resizable(true);
}

namespace {

// viewBytes(data, dtype, shape): a tensor over the same memory, which is kept alive as long as a storage lies in it.
at::Tensor viewBytes(Environment& environment, Raw data, at::ScalarType type, const std::vector<int64_t>& shape) {
  const Bytes bytes = bytesOf(environment, data.value);
  checkSize(bytes, shape, type);
  const Unrecorded outside;
  if (bytes.size == 0) return at::empty(shape, type);
  if (reinterpret_cast<uintptr_t>(bytes.data) % c10::elementSize(type) != 0) {
    throw TypeMismatch("the data is not aligned for " + scalarTypeName(type) +
                       ": its elements begin at a multiple of " + std::to_string(c10::elementSize(type)) + " bytes");
  }
  c10::Storage storage(c10::Storage::use_byte_size_t(), bytes.size, lend(environment, bytes),
                       c10::GetAllocator(c10::kCPU), true);
  return at::empty({0}, type).set_(std::move(storage), 0, shape);
}

// A tensor whose memory may be written to and read from outside of libtorch.
void checkViewable(const at::Tensor& tensor) {
  Recorder::refuse("a view of a tensor's memory for JavaScript");
  if (tensor.requires_grad()) {
    throw std::invalid_argument(
        "a tensor that requires a gradient cannot be viewed, as writing to its memory is nothing that autograd sees: "
        "call detach() first");
  }
  if (!tensor.device().is_cpu() || tensor.layout() != at::kStrided || !tensor.is_contiguous()) {
    throw std::invalid_argument(
        "only a contiguous tensor on the CPU can be viewed: call contiguous() or to('cpu') first, "
        "or read a copy with dataSync()");
  }
  if (tensor._is_zerotensor() || tensor.is_conj() || tensor.is_neg()) {
    throw std::invalid_argument(
        "the memory of this tensor does not hold its values (it is a conjugate, negated or all-zero view): call "
        "clone() first, or read a copy with dataSync()");
  }
}

// A new ArrayBuffer over a tensor's memory, which it keeps alive; null where the environment allows no such buffers.
napi_value externalBuffer(napi_env env, const at::Tensor& tensor) {
  napi_value buffer = nullptr;
  if (tensor.numel() == 0) {
    check(env, napi_create_arraybuffer(env, 0, nullptr, &buffer));
    return buffer;
  }
  void* share = std::make_unique<MemoryShare>(shareMemory(tensor)).release();
  const napi_status status = napi_create_external_arraybuffer(
      env, tensor.mutable_data_ptr(), tensor.nbytes(),
      [](napi_env /*env*/, void* /*data*/, void* hint) { dropShare(hint); }, share, &buffer);
  if (status != napi_ok) dropShare(share);  // the buffer's finalizer has it otherwise
  if (status == napi_no_external_buffers_allowed) return nullptr;
  check(env, status);
  return buffer;
}

// viewMemory(tensor): [buffer, where the tensor begins in it, in bytes], or null where the environment allows no
// external buffers. The buffer is JavaScript's own where the tensor lies in one.
Raw viewMemory(Environment& environment, const at::Tensor& tensor) {
  napi_env env = environment.env();
  checkViewable(tensor);
  const Loan* loan = loanOf(environment, tensor);
  napi_value buffer = loan ? loan->buffer.value() : externalBuffer(env, tensor);
  napi_value out = nullptr;
  if (!buffer) {
    check(env, napi_get_null(env, &out));
    return {out};
  }
  const int64_t offset = loan ? static_cast<const std::byte*>(tensor.const_data_ptr()) - loan->start : 0;
  check(env, napi_create_array_with_length(env, 2, &out));
  check(env, napi_set_element(env, out, 0, buffer));
  check(env, napi_set_element(env, out, 1, integerToJs(env, offset)));
  return {out};
}

// lentBuffer(tensor): JavaScript's buffer that the tensor lies in, or null.
Raw lentBuffer(Environment& environment, const at::Tensor& tensor) {
  const Loan* loan = loanOf(environment, tensor);
  if (loan) return {loan->buffer.value()};
  napi_value none = nullptr;
  check(environment.env(), napi_get_null(environment.env(), &none));
  return {none};
}

void checkMovable(const at::Tensor& tensor) {
  Recorder::refuse("sharing a tensor's memory");
  if (!tensor.is_cpu() || !tensor.has_storage() || tensor._is_zerotensor()) {
    throw std::invalid_argument(
        "only the memory of a dense tensor on the CPU can be shared: call to('cpu') or toDense() first");
  }
}

// storageBytes(tensor): the size of the storage under it, in bytes.
int64_t storageBytes(Environment& /*environment*/, const at::Tensor& tensor) {
  checkMovable(tensor);
  return static_cast<int64_t>(tensor.storage().nbytes());
}

// moveStorage(tensor, data): the storage under the tensor, and with it every view, lies in JavaScript's memory from now
// on.
void moveStorage(Environment& environment, const at::Tensor& tensor, Raw data) {
  checkMovable(tensor);
  const Bytes bytes = bytesOf(environment, data.value);
  c10::StorageImpl* storage = tensor.storage().unsafeGetStorageImpl();
  if (bytes.size != storage->nbytes()) throw TypeMismatch("the buffer is not as large as the tensor's storage");
  if (bytes.size == 0) return;
  std::memcpy(bytes.data, storage->data(), bytes.size);
  storage->set_data_ptr_noswap(lend(environment, bytes));
}

}  // namespace

std::vector<Binding> memoryBindings() {
  return {
      bound<&viewBytes>("viewBytes"),       bound<&viewMemory>("viewMemory"),   bound<&lentBuffer>("lentBuffer"),
      bound<&storageBytes>("storageBytes"), bound<&moveStorage>("moveStorage"),
  };
}

}  // namespace torch_node

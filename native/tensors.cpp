// Tensors: made from JavaScript's memory, described, and read back.
#include <cstring>
#include <span>

#include "rooms.h"

namespace torch_node {

namespace {

// Where the bytes of a TypedArray, DataView, ArrayBuffer or SharedArrayBuffer view lie.
struct Bytes {
  void* data = nullptr;
  size_t size = 0;
  napi_value owner = nullptr;  // what keeps them alive
};

Bytes bytesOf(Environment& environment, napi_value value) {
  napi_env env = environment.env();
  Bytes out;
  bool is = false;
  check(env, napi_is_typedarray(env, value, &is));
  if (is) {
    napi_typedarray_type type = napi_int8_array;
    size_t length = 0;
    size_t offset = 0;
    check(env, napi_get_typedarray_info(env, value, &type, &length, &out.data, &out.owner, &offset));
    out.size = length * Napi::TypedArray(env, value).ElementSize();
    out.owner = value;
    return out;
  }
  check(env, napi_is_arraybuffer(env, value, &is));
  if (is) {
    check(env, napi_get_arraybuffer_info(env, value, &out.data, &out.size));
    out.owner = value;
    return out;
  }
  throw TypeMismatch("expected a TypedArray or an ArrayBuffer, got " + describe(env, value));
}

int64_t countOf(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) {
    if (size < 0) throw TypeMismatch("a shape holds numbers of 0 or more, got " + std::to_string(size));
    if (__builtin_mul_overflow(count, size, &count)) throw TypeMismatch("a shape of more than 2^63 elements");
  }
  return count;
}

void checkSize(const Bytes& bytes, const std::vector<int64_t>& shape, at::ScalarType type) {
  const int64_t expected = countOf(shape);
  const auto width = static_cast<int64_t>(c10::elementSize(type));
  const auto given = static_cast<int64_t>(bytes.size) / width;
  if (static_cast<int64_t>(bytes.size) != expected * width) {
    std::ostringstream out;
    out << "the data has " << given << " elements of " << scalarTypeName(type) << ", the shape "
        << at::IntArrayRef(shape) << " needs " << expected;
    throw TypeMismatch(out.str());
  }
}

// fromBytes(data, dtype, shape): a copy.
at::Tensor fromBytes(Environment& environment, Raw data, at::ScalarType type, const std::vector<int64_t>& shape) {
  const Bytes bytes = bytesOf(environment, data.value);
  checkSize(bytes, shape, type);
  at::Tensor out = at::empty(shape, type);
  if (bytes.size > 0) std::memcpy(out.data_ptr(), bytes.data, bytes.size);
  return out;
}

// viewBytes(data, dtype, shape): the same memory, which a reference keeps alive as long as the tensor lives.
at::Tensor viewBytes(Environment& environment, Raw data, at::ScalarType type, const std::vector<int64_t>& shape) {
  napi_env env = environment.env();
  const Bytes bytes = bytesOf(environment, data.value);
  checkSize(bytes, shape, type);
  if (bytes.size == 0) return at::empty(shape, type);
  if (reinterpret_cast<uintptr_t>(bytes.data) % c10::elementSize(type) != 0) {
    throw TypeMismatch("the data is not aligned for " + scalarTypeName(type));
  }
  napi_ref reference = nullptr;
  check(env, napi_create_reference(env, bytes.owner, 1, &reference));
  environment.retain();
  return at::from_blob(
      bytes.data, shape,
      [&environment, reference](void* /*data*/) {
        environment.dropReference(reference);
        environment.release();
      },
      at::TensorOptions().dtype(type));
}

// The tensor's values as one contiguous block on the host. Floats of fewer than 32 bits, which JavaScript has no array
// for, come as float32, complex numbers of such parts as complex64.
at::Tensor hostCopy(const at::Tensor& tensor) {
  const at::NoGradGuard noGrad;
  at::Tensor out = tensor.detach();
  if (out.is_meta()) throw std::invalid_argument("a meta tensor has no values to read");
  // Zeros that autograd made without memory, as the gradient of sgn().
  if (out._is_zerotensor()) out = out.clone();
  if (c10::isReducedFloatingType(out.scalar_type())) out = out.to(at::kFloat);
  if (out.scalar_type() == at::kComplexHalf) out = out.to(at::kComplexFloat);
  return out.to(at::kCPU).resolve_conj().resolve_neg().contiguous();
}

napi_typedarray_type arrayType(at::ScalarType type) {
  switch (type) {
    case at::kByte:
    case at::kBool: return napi_uint8_array;
    case at::kChar: return napi_int8_array;
    case at::kShort: return napi_int16_array;
    case at::kInt: return napi_int32_array;
    case at::kLong: return napi_bigint64_array;
    case at::kUInt16: return napi_uint16_array;
    case at::kUInt32: return napi_uint32_array;
    case at::kUInt64: return napi_biguint64_array;
    case at::kFloat:
    case at::kComplexFloat: return napi_float32_array;
    case at::kDouble:
    case at::kComplexDouble: return napi_float64_array;
    default: throw std::invalid_argument("values of dtype " + scalarTypeName(type) + " have no JavaScript array");
  }
}

napi_value typedArray(napi_env env, napi_value buffer, const at::Tensor& host) {
  const size_t parts = host.is_complex() ? 2 : 1;
  napi_value out = nullptr;
  check(env, napi_create_typedarray(env, arrayType(host.scalar_type()), static_cast<size_t>(host.numel()) * parts,
                                    buffer, 0, &out));
  return out;
}

napi_value copyToJs(napi_env env, const at::Tensor& host) {
  void* data = nullptr;
  napi_value buffer = nullptr;
  check(env, napi_create_arraybuffer(env, host.nbytes(), &data, &buffer));
  if (host.nbytes() > 0) std::memcpy(data, host.const_data_ptr(), host.nbytes());
  return typedArray(env, buffer, host);
}

// readSync(tensor): a TypedArray with a copy of the values in row-major order.
Raw readSync(Environment& environment, const at::Tensor& tensor) {
  return {copyToJs(environment.env(), hostCopy(tensor))};
}

// Waits for the device and copies off the main thread.
class Read : public Napi::AsyncWorker {
 public:
  Read(Napi::Env env, at::Tensor tensor)
      : Napi::AsyncWorker(env), deferred_(Napi::Promise::Deferred::New(env)), tensor_(std::move(tensor)) {}
  [[nodiscard]] Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    try {
      tensor_ = hostCopy(tensor_);
    } catch (const c10::Error& error) {
      SetError(readable(error));
    }
  }
  void OnOK() override {
    try {
      deferred_.Resolve(copyToJs(Env(), tensor_));
    } catch (const std::exception& error) {
      deferred_.Reject(Napi::Error::New(Env(), error.what()).Value());
    }
  }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred deferred_;
  at::Tensor tensor_;
};

// read(tensor): a promise of the same.
Raw read(Environment& environment, const at::Tensor& tensor) {
  // The worker deletes itself when it has reported.
  auto worker = std::make_unique<Read>(environment.env(), tensor);
  const Napi::Promise promise = worker->promise();
  worker.release()->Queue();
  return {promise};
}

// storage(tensor): which storage it lies in (a number that two tensors share exactly when they share memory), how many
// bytes that has, and at which element the tensor begins.
Raw storage(Environment& environment, const at::Tensor& tensor) {
  if (!tensor.has_storage()) throw std::invalid_argument("this tensor has no memory of its own kind: it is not strided");
  const Napi::Object out = Napi::Object::New(environment.env());
  const auto address = reinterpret_cast<uintptr_t>(tensor.storage().unsafeGetStorageImpl());
  out.Set("address", static_cast<double>(address));
  out.Set("bytes", static_cast<double>(tensor.storage().nbytes()));
  out.Set("offset", static_cast<double>(tensor.storage_offset()));
  return {out};
}

// viewSync(tensor): a TypedArray over the tensor's own memory, or null where the environment allows no such buffers.
Raw viewSync(Environment& environment, const at::Tensor& tensor) {
  napi_env env = environment.env();
  if (!tensor.device().is_cpu() || !tensor.is_contiguous()) {
    throw std::invalid_argument(
        "only a contiguous tensor on the CPU can be viewed: call contiguous() or to('cpu') first, "
        "or read a copy with dataSync()");
  }
  if (tensor._is_zerotensor() || tensor.is_conj() || tensor.is_neg()) {
    throw std::invalid_argument(
        "the memory of this tensor does not hold its values (it is a conjugate, negated or all-zero view): call "
        "clone() "
        "first, or read a copy with dataSync()");
  }
  (void)arrayType(tensor.scalar_type());
  auto kept = std::make_unique<at::Tensor>(tensor.detach());
  napi_value buffer = nullptr;
  const napi_status status = napi_create_external_arraybuffer(
      env, kept->data_ptr(), kept->nbytes(),
      [](napi_env /*env*/, void* /*data*/, void* hint) {
        const std::unique_ptr<at::Tensor> last(static_cast<at::Tensor*>(hint));
      },
      kept.get(), &buffer);
  if (status == napi_no_external_buffers_allowed) {
    check(env, napi_get_null(env, &buffer));
    return {buffer};
  }
  check(env, status);
  const at::Tensor& view = *kept.release();  // owned by the buffer's finalizer from here on
  return {typedArray(env, buffer, view)};
}

// item(tensor): the value of a tensor of one element.
at::Scalar item(Environment& /*environment*/, const at::Tensor& tensor) {
  if (tensor.numel() != 1) {
    throw std::invalid_argument("item() reads a tensor of one element; this one has " + std::to_string(tensor.numel()));
  }
  if (tensor.is_meta()) throw std::invalid_argument("a meta tensor has no values to read");
  return tensor.item();
}

std::vector<int64_t> shape(Environment& /*environment*/, const at::Tensor& tensor) { return tensor.sizes().vec(); }
std::vector<int64_t> strides(Environment& /*environment*/, const at::Tensor& tensor) { return tensor.strides().vec(); }
std::string dtype(Environment& /*environment*/, const at::Tensor& tensor) {
  return scalarTypeName(tensor.scalar_type());
}
std::string device(Environment& /*environment*/, const at::Tensor& tensor) { return tensor.device().str(); }
bool isContiguous(Environment& /*environment*/, const at::Tensor& tensor) { return tensor.is_contiguous(); }

// A 0-dimensional tensor that takes part in type promotion as a bare number does.
at::Tensor wrappedNumber(Environment& /*environment*/, const at::Scalar& value) {
  at::Tensor out =
      at::scalar_tensor(value, at::TensorOptions().dtype(value.type() == at::kDouble ? at::kDouble : value.type()));
  out.unsafeGetTensorImpl()->set_wrapped_number(true);
  return out;
}

// Another handle to the same tensor, with a life of its own.
at::Tensor alias(Environment& /*environment*/, const at::Tensor& tensor) { return tensor; }

void releaseTensor(Environment& environment, uint32_t handle) { environment.releaseTensor(handle); }

// releaseTensors(handles: Uint32Array, count)
void releaseTensors(Environment& environment, Raw handles, uint32_t count) {
  const Bytes bytes = bytesOf(environment, handles.value);
  const std::span all(static_cast<const uint32_t*>(bytes.data), bytes.size / sizeof(uint32_t));
  for (const uint32_t handle : all.first(std::min<size_t>(count, all.size()))) environment.releaseTensor(handle);
  environment.settleAccount();
}

void adoptTensor(Environment& environment, Raw object, uint32_t handle) {
  environment.adoptTensor(object.value, handle);
}

// memory(): [live tensors, bytes of their storages]
std::vector<int64_t> memory(Environment& environment) {
  environment.settleAccount();
  return {static_cast<int64_t>(environment.tensorCount()), environment.tensorBytes()};
}

}  // namespace

std::vector<Binding> tensorBindings() {
  return {
      bound<&fromBytes>("fromBytes"),
      bound<&viewBytes>("viewBytes"),
      bound<&readSync>("readSync"),
      bound<&read>("read"),
      bound<&storage>("storage"),
      bound<&viewSync>("viewSync"),
      bound<&item>("item"),
      bound<&shape>("shape"),
      bound<&strides>("strides"),
      bound<&dtype>("dtype"),
      bound<&device>("device"),
      bound<&isContiguous>("isContiguous"),
      bound<&wrappedNumber>("wrappedNumber"),
      bound<&alias>("alias"),
      bound<&releaseTensor>("releaseTensor"),
      bound<&releaseTensors>("releaseTensors"),
      bound<&adoptTensor>("adoptTensor"),
      bound<&memory>("memory"),
  };
}

}  // namespace torch_node

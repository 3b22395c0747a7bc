// Tensors: made from JavaScript's memory, described, and read back.
#include <cstring>
#include <span>

#include "js/background.h"
#include "memory.h"
#include "program/recorder.h"
#include "bindings.h"

namespace torch_node {

namespace {

// fromBytes(data, dtype, shape): a copy.
at::Tensor fromBytes(Environment& environment, Raw data, at::ScalarType type, const std::vector<int64_t>& shape) {
  const Bytes bytes = bytesOf(environment, data.value);
  checkSize(bytes, shape, type);
  const Unrecorded constant;
  at::Tensor out = at::empty(shape, type);
  Recorder::constant(out);
  if (bytes.size > 0) std::memcpy(out.data_ptr(), bytes.data, bytes.size);
  return out;
}

// The tensor's values as one contiguous block on the host. Floats of fewer than 32 bits, which JavaScript has no array
// for, come as float32, complex numbers of such parts as complex64.
at::Tensor hostCopy(const at::Tensor& tensor) {
  Recorder::reads(tensor, "reading values on the host");
  const Unrecorded reading;
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

// read(tensor): a promise of the values at this moment. In the host's memory they are copied now, as whatever runs next
// may write there; on a device the copy is in its queue before this returns, and the wait for it is on another thread.
Raw read(Environment& environment, const at::Tensor& tensor) {
  Recorder::refuse("reading values on the host");
  if (!tensor.is_cpu() && !tensor.is_meta()) {
    const at::NoGradGuard noGrad;
    const auto taken = std::make_shared<at::Tensor>(tensor.detach().clone());
    return inBackground(
        environment, [taken] { *taken = hostCopy(*taken); },
        [&environment, taken] { return copyToJs(environment.env(), *taken); });
  }
  napi_env env = environment.env();
  napi_deferred deferred = nullptr;
  napi_value promise = nullptr;
  check(env, napi_create_promise(env, &deferred, &promise));
  try {
    check(env, napi_resolve_deferred(env, deferred, copyToJs(env, hostCopy(tensor))));
  } catch (...) {
    napi_value error = currentError(env);
    if (error == nullptr) throw;
    check(env, napi_reject_deferred(env, deferred, error));
  }
  return {promise};
}

// storage(tensor): which storage it lies in (a number that two tensors share exactly when they share memory), how many
// bytes that has, and at which element the tensor begins.
Raw storage(Environment& environment, const at::Tensor& tensor) {
  if (!tensor.has_storage())
    throw std::invalid_argument("this tensor has no memory of its own kind: it is not strided");
  const Napi::Object out = Napi::Object::New(environment.env());
  const auto address = reinterpret_cast<uintptr_t>(tensor.storage().unsafeGetStorageImpl());
  out.Set("address", static_cast<double>(address));
  out.Set("bytes", static_cast<double>(tensor.storage().nbytes()));
  out.Set("offset", static_cast<double>(tensor.storage_offset()));
  return {out};
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

// A 0-dimensional tensor that takes part in type promotion as a plain number does.
at::Tensor wrappedNumber(Environment& /*environment*/, const at::Scalar& value) {
  const Unrecorded constant;
  at::Tensor out =
      at::scalar_tensor(value, at::TensorOptions().dtype(value.type() == at::kDouble ? at::kDouble : value.type()));
  out.unsafeGetTensorImpl()->set_wrapped_number(true);
  return out;
}

// Another handle to the same tensor, with a life of its own.
at::Tensor alias(Environment& /*environment*/, const at::Tensor& tensor) { return tensor; }

void releaseTensor(Environment& environment, uint32_t handle) { environment.releaseTensor(handle); }

// releaseTensors(handles: Uint32Array, count): the last first, as what was made last may hold what was made before
void releaseTensors(Environment& environment, Raw handles, uint32_t count) {
  const Bytes bytes = bytesOf(environment, handles.value);
  const std::span all(static_cast<const uint32_t*>(bytes.data), bytes.size / sizeof(uint32_t));
  for (size_t i = std::min<size_t>(count, all.size()); i-- > 0;) environment.releaseTensor(all[i]);
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
      bound<&readSync>("readSync"),
      bound<&read>("read"),
      bound<&storage>("storage"),
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

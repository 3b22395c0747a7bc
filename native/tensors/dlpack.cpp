// DLPack: tensors handed to other native libraries of the process, and taken from them, without a copy. What goes
// through JavaScript is the address of a DLManagedTensor, or of a DLManagedTensorVersioned.
#include <ATen/DLConvertor.h>

#include "memory.h"
#include "program/recorder.h"
#include "bindings.h"

namespace torch_node {

namespace {

// checkDlpack(tensor): throws for what DLPack cannot tell of; what Tensor.__dlpack__ of PyTorch refuses, and more.
void checkDlpack(Environment& /*environment*/, const at::Tensor& tensor) {
  if (tensor.requires_grad()) {
    throw std::invalid_argument("a tensor that requires a gradient cannot be exported: call detach() first");
  }
  if (tensor.layout() != at::kStrided || tensor.is_meta()) {
    throw std::invalid_argument("only a dense tensor with memory can be exported, not a sparse or a meta tensor");
  }
  if (tensor._is_zerotensor() || tensor.is_conj() || tensor.is_neg()) {
    throw std::invalid_argument(
        "the memory of this tensor does not hold its values (it is a conjugate, negated or all-zero view): call "
        "clone() first");
  }
  (void)at::getDLDataType(tensor);  // throws where DLPack has no such dtype
}

// toDlpack(tensor, versioned): the address, a bigint. Whoever has it calls the deleter.
Raw toDlpack(Environment& environment, const at::Tensor& tensor, bool versioned) {
  Recorder::refuse("a view of a tensor's memory for another library");
  checkDlpack(environment, tensor);
  const at::Tensor exported = tensor.is_cpu() && tensor.numel() > 0 ? aliasWithShare(tensor) : tensor;
  const void* address =
      versioned ? static_cast<void*>(at::toDLPackVersioned(exported)) : static_cast<void*>(at::toDLPack(exported));
  napi_value out = nullptr;
  check(environment.env(), napi_create_bigint_uint64(environment.env(), reinterpret_cast<uint64_t>(address), &out));
  return {out};
}

template <class Managed>
at::Tensor take(void* address) {
  const std::shared_ptr<Managed> owned(static_cast<Managed*>(address), [](Managed* managed) {
    if (managed->deleter) managed->deleter(managed);
  });
  if constexpr (std::is_same_v<Managed, DLManagedTensorVersioned>) {
    // Of another major version only the version and the deleter are known to be where they are.
    if (owned->version.major != DLPACK_MAJOR_VERSION) {
      throw std::invalid_argument("a tensor of DLPack version " + std::to_string(owned->version.major) + "." +
                                  std::to_string(owned->version.minor) + " cannot be read, only of version " +
                                  std::to_string(DLPACK_MAJOR_VERSION));
    }
  }
  // libtorch looks at the pointer only. The producer's own structure stays as it is: its deleter may read it.
  Managed described = *owned;
  if (described.dl_tensor.byte_offset != 0) {
    described.dl_tensor.data = static_cast<std::byte*>(described.dl_tensor.data) + described.dl_tensor.byte_offset;
    described.dl_tensor.byte_offset = 0;
  }
  // Owns what it is given by being alive.
  const auto deleter = [owned](void* /*data*/) {};
  if constexpr (std::is_same_v<Managed, DLManagedTensorVersioned>) {
    return at::fromDLPackVersioned(&described, deleter);
  } else {
    return at::fromDLPack(&described, deleter);
  }
}

// fromDlpack(address, versioned): a tensor over the memory. Takes it in any case: where it throws, it calls the
// deleter.
at::Tensor fromDlpack(Environment& environment, Raw address, bool versioned) {
  uint64_t number = 0;
  bool lossless = false;
  // What no address can be is told from one; another number that is none ends the process, as with any pointer.
  constexpr uint64_t kFirst = uint64_t{64} << 10;
  constexpr uint64_t kLast = uint64_t{1} << 48;
  if (napi_get_value_bigint_uint64(environment.env(), address.value, &number, &lossless) != napi_ok || !lossless ||
      number < kFirst || number >= kLast || number % alignof(DLManagedTensor) != 0) {
    throw TypeMismatch("expected the address of a DLManagedTensor as a bigint, which " +
                       describe(environment.env(), address.value) + " cannot be");
  }
  // NOLINTNEXTLINE(performance-no-int-to-ptr): this is how an address goes through JavaScript
  auto* pointer = reinterpret_cast<void*>(number);
  at::Tensor out = versioned ? take<DLManagedTensorVersioned>(pointer) : take<DLManagedTensor>(pointer);
  if (out.is_cpu()) makeResizable(out);
  return out;
}

// dlpackDevice(tensor): [type, index] in DLPack's numbers.
std::vector<int64_t> dlpackDevice(Environment& /*environment*/, const at::Tensor& tensor) {
  const DLDevice device = at::torchDeviceToDLDevice(tensor.device());
  return {static_cast<int64_t>(device.device_type), device.device_id};
}

}  // namespace

std::vector<Binding> dlpackBindings() {
  return {bound<&checkDlpack>("checkDlpack"), bound<&toDlpack>("toDlpack"), bound<&fromDlpack>("fromDlpack"),
          bound<&dlpackDevice>("dlpackDevice")};
}

}  // namespace torch_node

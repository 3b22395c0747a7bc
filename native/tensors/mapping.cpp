// Tensors over a file that is mapped into memory: all of a checkpoint's in one call.
#include <ATen/MapAllocator.h>

#include "memory.h"
#include "bindings.h"

namespace torch_node {

namespace {

// A contiguous tensor in a storage, from a byte on. It is made as at::empty makes one, without a call to the
// dispatcher; it is no view to autograd, so that it may be trained.
at::Tensor tensorIn(const c10::Storage& storage, int64_t begin, at::ScalarType type,
                    const std::vector<int64_t>& shape) {
  auto tensor = at::detail::make_tensor<c10::TensorImpl>(
      c10::Storage(storage), c10::DispatchKeySet(c10::DispatchKey::CPU), c10::scalarTypeToTypeMeta(type));
  auto* impl = tensor.unsafeGetTensorImpl();
  impl->set_storage_offset(begin / static_cast<int64_t>(c10::elementSize(type)));
  impl->set_sizes_contiguous(shape);
  return tensor;
}

// mapFile(file, size, dtypes, shapes, begins): a tensor for each dtype, shape and place in the file, counted in bytes.
// `size` is the file's. Pages are read when they are used, and what is written to them stays in memory.
Raw mapFile(Environment& environment, const std::string& file, int64_t size, const std::vector<at::ScalarType>& types,
            const std::vector<std::vector<int64_t>>& shapes, const std::vector<int64_t>& begins) {
  TORCH_CHECK_VALUE(size >= 0 && types.size() == shapes.size() && types.size() == begins.size(),
                    "expected the size of a file, and a dtype, a shape and a place for each tensor in it");
  const auto bytes = static_cast<size_t>(size);
  // Resizable: a tensor that outgrows the file moves into memory of libtorch's.
  const c10::Storage storage(c10::Storage::use_byte_size_t(), bytes,
                             at::MapAllocator::makeDataPtr(file, 0, bytes, nullptr), c10::GetAllocator(c10::kCPU),
                             true);
  std::vector<at::Tensor> out;
  out.reserve(types.size());
  for (size_t i = 0; i < types.size(); i++) {
    const auto width = static_cast<int64_t>(c10::elementSize(types[i]));
    const int64_t begin = begins[i];
    const int64_t room = (size - begin) / width;
    TORCH_CHECK_VALUE(begin >= 0 && begin <= size && countOf(shapes[i]) <= room, "tensor ", i, " of shape ",
                      at::IntArrayRef(shapes[i]), " at byte ", begin, " does not lie within the file's ", size);
    if (begin % width == 0) {
      out.push_back(tensorIn(storage, begin, types[i], shapes[i]));
    } else {
      // libtorch wants its elements aligned.
      at::Tensor copy = at::empty(shapes[i], types[i]);
      std::memcpy(copy.mutable_data_ptr(), static_cast<const std::byte*>(storage.data()) + begin, copy.nbytes());
      out.push_back(std::move(copy));
    }
  }
  // While the storage is held here too, no tensor answers for its bytes: pages of a file are the system's to drop, and
  // half a gigabyte more would have the collector run at once.
  return {ToJs<std::vector<at::Tensor>>::set(environment, out)};
}

}  // namespace

std::vector<Binding> mappingBindings() { return {bound<&mapFile>("mapFile")}; }

}  // namespace torch_node

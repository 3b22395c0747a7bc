// Batches of images: gathered from a uint8 set and mapped to floats in one pass.
#include "images.h"

namespace torch_node {

at::Tensor gatherImages(const at::Tensor& images, const at::Tensor& index, const at::Tensor& table) {
  TORCH_CHECK_TYPE(images.scalar_type() == at::kByte && images.dim() >= 2, "images: expected uint8 [N, ...], got ",
                   images.scalar_type(), " ", images.sizes());
  TORCH_CHECK_TYPE(index.scalar_type() == at::kLong && index.dim() == 1, "index: expected int64 [B], got ",
                   index.scalar_type(), " ", index.sizes());
  TORCH_CHECK_TYPE(table.scalar_type() == at::kFloat && table.numel() == 256, "table: expected float32 [256], got ",
                   table.scalar_type(), " ", table.sizes());
  const at::NoGradGuard noGrad;
  if (!images.is_cpu()) {
    const at::Tensor bytes = images.index_select(0, index);
    return table.index_select(0, bytes.flatten().to(at::kInt)).view(bytes.sizes());
  }
  TORCH_CHECK_VALUE(index.is_cpu() && table.is_cpu(),
                    "images, index and table lie on different devices: ", images.device(), ", ", index.device(), ", ",
                    table.device());
  auto shape = images.sizes().vec();
  const int64_t count = shape[0];
  shape[0] = index.size(0);
  at::Tensor out = at::empty(shape, at::kFloat);
  const at::Tensor source = images.contiguous();
  const at::Tensor rows = index.contiguous();
  const at::Tensor map = table.contiguous();
  const int64_t size = count == 0 ? 0 : source.numel() / count;
  const auto* from = source.const_data_ptr<uint8_t>();
  const auto* row = rows.const_data_ptr<int64_t>();
  const auto* value = map.const_data_ptr<float>();
  auto* to = out.mutable_data_ptr<float>();
  for (int64_t i = 0; i < rows.size(0); i++) {
    TORCH_CHECK_INDEX(row[i] >= 0 && row[i] < count, "index ", row[i], " is out of range: there are ", count,
                      " images");
  }
  // A row of pixels is little work: at least eight of them for each thread.
  at::parallel_for(0, rows.size(0), 8, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const uint8_t* image = from + (row[i] * size);
      float* target = to + (i * size);
      for (int64_t k = 0; k < size; k++) target[k] = value[image[k]];
    }
  });
  return out;
}

TORCH_LIBRARY(torch_node, library) {
  library.def("gather_images(Tensor images, Tensor index, Tensor table) -> Tensor");
  library.impl("gather_images", c10::DispatchKey::CompositeExplicitAutograd, TORCH_FN(gatherImages));
}

}  // namespace torch_node

// Guards of how tensors lie in memory: sparse and nested ones, and views that are taken without a check.
#include "given.h"

#include <algorithm>

namespace torch_node {

namespace {

void csrToCoo(const Given& given) {
  given.rank("crow_indices", 1, 2);
  for (const char* name : {"crow_indices", "col_indices"}) given.strided(name);
  given.rank("col_indices", given.tensor("crow_indices").dim(), given.tensor("crow_indices").dim());
  given.sameType("col_indices", "crow_indices");
  const at::Tensor rows = given.tensor("crow_indices").detach();
  const at::Tensor columns = given.tensor("col_indices");
  given.expect(rows.size(-1) > 0, "crow_indices", "at least one offset");
  given.expect(rows.dim() == 1 || rows.size(0) == columns.size(0), "col_indices", "the batch of 'crow_indices'");
  given.values("crow_indices", 0, columns.size(-1));
  if (!rows.device().is_cpu() || rows.size(-1) < 2) return;
  given.expect(rows.diff().ge(0).all().item<bool>(), "crow_indices", "offsets that do not fall");
}

void cooToCsr(const Given& given) {
  given.atLeast("size", 0);
  given.rank("self", 1, 1);
  given.dense("self");
  given.values("self", 0, given.integer("size") - 1);
}

// One size of `self` is read, and one of the result written, for each index.
void maskedIndex(const Given& given) {
  given.rank("self", static_cast<int64_t>(given.value("indices").toListRef().size()));
}

void nestedSizes(const Given& given) {
  given.rank("nested_size", 2, 2);
  given.type("nested_size", at::kLong);
  given.dense("nested_size");
  given.expect(given.tensor("nested_size").size(0) > 0, "nested_size", "the sizes of one tensor at least");
}

void newZerosWithSameFeature(const Given& given) {
  given.within("self_num_batch_dims", 0, given.tensor("self").dim());
  for (const char* name : {"self", "other"}) given.strided(name);
}

// A view of `held` elements of a tensor's own memory. as_strided() checks whether it fits, others do not.
void viewOf(const Given& given, int64_t held) {
  const Sizes size = given.integers("size");
  const Sizes stride = given.integers("stride");
  given.length("stride", size.size());
  given.allAtLeast("size", 0);
  given.allAtLeast("stride", 0);
  if (std::ranges::find(size, 0) != size.end()) return;
  given.expect(held > 0, "self", "at least one element");
  int64_t last = 0;
  for (size_t i = 0; i < size.size(); i++) {
    const bool inside = size[i] == 1 || stride[i] == 0 || (size[i] - 1) <= (held - 1 - last) / stride[i];
    given.expect(inside, "size", "a shape that, with these strides, stays in the ", held, " elements of the memory");
    if (size[i] > 1) last += (size[i] - 1) * stride[i];
  }
}

int64_t bytesOf(const Given& given) {
  given.strided("self");
  const at::Tensor self = given.tensor("self");
  given.expect(self.has_storage(), "self", "a tensor with memory of its own");
  return static_cast<int64_t>(self.storage().nbytes());
}

void reshapeAlias(const Given& given) {
  const int64_t held = bytesOf(given) / static_cast<int64_t>(given.tensor("self").itemsize());
  viewOf(given, held - given.tensor("self").storage_offset());
}

void reinterpret(const Given& given) {
  const int64_t held = bytesOf(given) / static_cast<int64_t>(given.tensor("self").itemsize());
  const int64_t offset = given.tensor("self").storage_offset();
  given.within("offset_increment", -offset, held);
  viewOf(given, held - offset - given.integer("offset_increment"));
}

void fromPool(const Given& given) {
  const int64_t held = bytesOf(given);
  const auto size = static_cast<int64_t>(c10::elementSize(given.value("dtype").toScalarType()));
  given.within("offset_bytes", 0, held);
  given.expect(given.integer("offset_bytes") % size == 0, "offset_bytes", "a multiple of ", size);
  viewOf(given, (held - given.integer("offset_bytes")) / size);
}

// Tensors over a storage that has been made smaller read past it.
void resizeStorage(const Given& given) {
  given.strided("variable");
  const at::Tensor variable = given.tensor("variable");
  given.expect(variable.has_storage(), "variable", "a tensor with memory of its own");
  given.atLeast("new_size", static_cast<int64_t>(variable.storage().nbytes()));
}

// Row i of the example has the sizes of the i-th tensor, which is a corner of padded[i].
void nestedFromPadded(const Given& given) {
  constexpr const char* kExample = "cpu_nested_shape_example";
  given.rank("padded", 1);
  given.strided("padded");
  const at::Tensor padded = given.tensor("padded");
  given.type(kExample, at::kLong);
  given.shape(kExample, {padded.size(0), padded.dim() - 1});
  for (int64_t dim = 1; dim < padded.dim(); dim++) {
    const at::Tensor sizes = given.tensor(kExample).detach().select(1, dim - 1);
    given.expect(
        sizes.numel() == 0 || (sizes.min().item<int64_t>() >= 0 && sizes.max().item<int64_t>() <= padded.size(dim)),
        kExample, "sizes from 0 to those of 'padded', ", padded.sizes());
  }
}

void removeBatchDim(const Given& given) { given.within("out_dim", 0, given.tensor("self").dim()); }

}  // namespace

GuardRows layoutGuards() {
  return {
      {"aten::_convert_indices_from_coo_to_csr", &run<cooToCsr>},
      {"aten::_convert_indices_from_csr_to_coo", &run<csrToCoo>},
      {"aten::_nested_compute_contiguous_strides_offsets", &run<nestedSizes>},
      {"aten::_nested_from_padded", &run<nestedFromPadded>},
      {"aten::_new_zeros_with_same_feature_meta", &run<newZerosWithSameFeature>},
      {"aten::_remove_batch_dim", &run<removeBatchDim>},
      {"aten::_reshape_alias", &run<reshapeAlias>},
      {"aten::_reshape_alias_copy", &run<reshapeAlias>},
      {"aten::_unsafe_masked_index", &run<maskedIndex>},
      {"aten::_unsafe_masked_index_put_accumulate", &run<maskedIndex>},
      {"inductor::_alloc_from_pool", &run<fromPool>},
      {"inductor::_reinterpret_tensor", &run<reinterpret>},
      {"inductor::resize_storage_bytes_", &run<resizeStorage>},
  };
}

}  // namespace torch_node

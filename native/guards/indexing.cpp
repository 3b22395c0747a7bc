// Guards of lookups, segments, and what goes along a dimension: embeddings, reductions by segment, scans, medians.
#include "given.h"

namespace torch_node {

namespace {

void embeddingBackward(const Given& given) {
  if (given.flag("scale_grad_by_freq")) given.values("indices", 0, given.integer("num_weights") - 1);
}

// Dense gradients are the other operator's.
void embeddingBackwardEither(const Given& given) {
  if (!given.flag("sparse")) embeddingBackward(given);
}

// Checked by libtorch beside indices of one dimension only.
void bagOffsets(const Given& given) { given.rank("offsets", 1, 1); }

// Writes each position as often as it is to be repeated; the sum alone is checked.
void repeats(const Given& given) {
  if (given.has("output_size")) given.values("repeats", 0, std::numeric_limits<int64_t>::max());
}

void bagBackward(const Given& given, int64_t rows) {
  given.rank("grad", 2, 2);
  for (const char* name : {"grad", "indices", "offset2bag"}) given.strided(name);
  given.values("indices", 0, rows - 1);
  // Worked out from the offsets where it is empty.
  const int64_t bags = given.tensor("grad").size(0);
  if (given.tensor("offset2bag").numel() > 0) {
    given.elements("offset2bag", given.tensor("indices").numel());
    given.values("offset2bag", 0, bags - 1);
  }
}

void embeddingBagBackward(const Given& given) {
  constexpr int64_t kMean = 1;
  bagBackward(given, given.integer("num_weights"));
  if (given.integer("mode") == kMean) {
    given.expect(given.tensor("bag_size").numel() >= given.tensor("grad").size(0), "bag_size", "a size for each bag");
  }
  if (given.has("per_sample_weights")) given.elements("per_sample_weights", given.tensor("indices").numel());
}

void perSampleBackward(const Given& given) {
  given.rank("weight", 2, 2);
  bagBackward(given, given.tensor("weight").size(0));
  given.expect(given.tensor("grad").size(1) == given.tensor("weight").size(1), "grad",
               "rows as long as those of 'weight'");
}

// Lengths or offsets cut dimension `axis` into segments that have to stay inside it.
int64_t segments(const Given& given) {
  const at::Tensor data = given.tensor("data");
  given.strided("data");
  const std::string_view name = given.has("lengths") ? "lengths" : "offsets";
  given.strided(name);
  given.rank(name, 1);
  const at::Tensor cuts = given.tensor(name).detach();
  const int64_t axis = given.integer("axis");
  given.within("axis", 0, data.dim() - 1);
  given.expect(cuts.dim() == axis + 1 && cuts.sizes().slice(0, axis) == data.sizes().slice(0, axis), name,
               "the sizes of 'data' before 'axis', then one of its own");
  const int64_t size = data.size(axis);
  given.values(name, 0, size);
  if (!cuts.device().is_cpu()) return cuts.size(-1);
  if (name == "lengths") {
    given.expect(cuts.sum(-1).le(size).all().item<bool>(), name, "lengths whose sum is at most ", size);
    return cuts.size(-1);
  }
  given.expect(cuts.size(-1) > 0, name, "at least one offset");
  given.expect(cuts.size(-1) < 2 || cuts.diff().ge(0).all().item<bool>(), name, "offsets that do not fall");
  return cuts.size(-1) - 1;
}

void segmentReduce(const Given& given) {
  if (given.has("lengths") || given.has("offsets")) segments(given);
}

void segmentReduceBackward(const Given& given) {
  if (!given.has("lengths") && !given.has("offsets")) return;
  Sizes shape = given.tensor("data").sizes().vec();
  const int64_t count = segments(given);
  shape[given.integer("axis")] = count;
  given.shape("grad", shape);
  given.shape("output", shape);
}

// Writes values of self's type wherever the result is to go.
void outOfSameType(const Given& given) {
  if (given.has("out")) given.sameType("out", "self");
}

void runningExtreme(const Given& given) {
  for (const char* name : {"values", "indices"}) {
    given.sameShape(name, "self");
    given.strided(name);
  }
  given.strided("self");
  given.sameType("values", "self");
  given.type("indices", at::kLong);
  given.expect(given.tensor("self").numel() > 0, "self", "at least one element");
}

void unfoldBackward(const Given& given) {
  Sizes shape = given.integers("input_sizes");
  if (shape.empty()) return;
  const auto count = static_cast<int64_t>(shape.size());
  given.within("dim", -count, count - 1);
  int64_t& cut = shape[(given.integer("dim") + count) % count];
  given.within("size", 0, cut);
  given.atLeast("step", 1);
  cut = ((cut - given.integer("size")) / given.integer("step")) + 1;
  shape.push_back(given.integer("size"));
  given.shape("grad_in", shape);
}

// Goes along the dimension as if its elements lay one after another.
void medianAlong(const Given& given) {
  if (!given.has("dim") || !given.value("dim").isInt()) return;
  const at::Tensor self = given.tensor("self");
  if (!self.device().is_cpu() || self.layout() != at::kStrided || self.dim() == 0) return;
  const int64_t dim = given.integer("dim") < 0 ? given.integer("dim") + self.dim() : given.integer("dim");
  if (dim < 0 || dim >= self.dim()) return;
  given.expect(self.size(dim) < 2 || self.stride(dim) != 0, "self", "a tensor that is not expanded along dimension ",
               dim, " (see contiguous())");
}

}  // namespace

GuardRows indexingGuards() {
  return {
      {"aten::_cummax_helper", &run<runningExtreme>},
      {"aten::_cummin_helper", &run<runningExtreme>},
      {"aten::_embedding_bag", &run<bagOffsets>},
      {"aten::_embedding_bag_backward", &run<embeddingBagBackward>},
      {"aten::_embedding_bag_dense_backward", &run<embeddingBagBackward>},
      {"aten::_embedding_bag_forward_only", &run<bagOffsets>},
      {"aten::_embedding_bag_per_sample_weights_backward", &run<perSampleBackward>},
      {"aten::_logcumsumexp", &run<outOfSameType>},
      {"aten::_segment_reduce_backward", &run<segmentReduceBackward>},
      {"aten::embedding_backward", &run<embeddingBackwardEither>},
      {"aten::embedding_bag", &run<bagOffsets>},
      {"aten::embedding_dense_backward", &run<embeddingBackward>},
      {"aten::median", &run<medianAlong>},
      {"aten::nanmedian", &run<medianAlong>},
      {"aten::repeat_interleave", &run<repeats>},
      {"aten::segment_reduce", &run<segmentReduce>},
      {"aten::unfold_backward", &run<unfoldBackward>},
  };
}

}  // namespace torch_node

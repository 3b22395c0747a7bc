// Guards of normalization: by batch, group and layer, and of weights.
#include "given.h"

namespace torch_node {

namespace {

void perChannel(const Given& given, std::string_view name, int64_t channels) {
  if (!given.has(name)) return;
  given.strided(name);
  given.elements(name, channels);
}

void statistics(const Given& given, std::initializer_list<std::string_view> names, int64_t channels, bool used) {
  for (const std::string_view name : names) {
    if (!used) continue;
    given.expect(given.has(name), name, "a tensor with a value for each of the ", channels, " channels");
    perChannel(given, name, channels);
  }
}

// The forward forms: statistics are kept when training, used otherwise.
void batchNorm(const Given& given, bool training) {
  given.rank("input", 2);
  given.strided("input");
  const at::Tensor input = given.tensor("input");
  const int64_t channels = input.size(1);
  given.expect(!training || channels > 0, "input", "at least one channel");
  for (const char* name : {"weight", "bias", "running_mean", "running_var"}) perChannel(given, name, channels);
  if (!training) statistics(given, {"running_mean", "running_var"}, channels, true);
}

void batchNormByFlag(const Given& given) { batchNorm(given, given.flag(oneOf(given, {"training", "train"}))); }
void batchNormTraining(const Given& given) { batchNorm(given, true); }
void batchNormEvaluation(const Given& given) { batchNorm(given, false); }

void batchNormBackward(const Given& given) {
  const std::string_view gradient = oneOf(given, {"grad_out", "grad_output"});
  given.rank("input", 2);
  given.strided("input");
  given.strided(gradient);
  given.sameShape(gradient, "input");
  const int64_t channels = given.tensor("input").size(1);
  const bool training = given.flag(oneOf(given, {"train", "update"}));
  given.expect(channels > 0, "input", "at least one channel");
  perChannel(given, "weight", channels);
  statistics(given, {"save_mean", oneOf(given, {"save_invstd", "save_var", "save_var_transform"})}, channels, training);
  statistics(given, {"running_mean", "running_var"}, channels, !training);
  if (training) {
    for (const char* name : {"running_mean", "running_var"}) perChannel(given, name, channels);
  }
  const std::vector<bool> mask = given.flags("output_mask");
  given.expect(mask.size() == 3, "output_mask", "3 booleans");
  given.expect(!mask[1] || given.has("weight"), "weight", "a tensor, as output_mask asks for its gradient");
}

void weightNormOver(const Given& given, std::string_view v, std::string_view g) {
  given.rank(v, 1);
  const at::Tensor weight = given.tensor(v);
  const int64_t dim = given.integer("dim");
  given.expect(dim == 0 || dim == weight.dim() - 1, "dim", "0 or the last dimension, ", weight.dim() - 1);
  given.expect(weight.numel() > 0, v, "at least one element");
  given.elements(g, weight.size(dim));
  given.strided(v);
  given.dense(g);
}

void weightNormInterface(const Given& given) {
  weightNormOver(given, "v", "g");
  given.dense("v");
}

// The composite takes the kernel for the first and the last dimension only.
void weightNorm(const Given& given) {
  const at::Tensor v = given.tensor("v");
  const int64_t dim = given.integer("dim");
  if (dim != 0 && dim != v.dim() - 1) return;
  given.rank("v", 1);
  given.expect(v.numel() > 0, "v", "at least one element");
  given.elements("g", v.size(dim));
}

void weightNormBackward(const Given& given) {
  weightNormOver(given, "saved_v", "saved_g");
  given.sameShape("grad_w", "saved_v");
  given.elements("saved_norms", given.tensor("saved_g").numel());
  given.strided("grad_w");
  given.dense("saved_norms");
}

// N * C * HxW elements, in groups of channels.
void groups(const Given& given) {
  given.strided("input");
  const int64_t samples = given.integer("N");
  const int64_t channels = given.integer("C");
  const int64_t pixels = given.integer("HxW");
  const int64_t count = given.tensor("input").numel();
  for (const char* name : {"N", "C", "HxW"}) given.atLeast(name, 0);
  // Divisions, as a product may overflow.
  const bool empty = samples == 0 || channels == 0 || pixels == 0;
  const bool fits =
      empty ? count == 0
            : count % samples == 0 && count / samples % channels == 0 && count / samples / channels == pixels;
  given.expect(fits, "input", "N * C * HxW = ", samples, " * ", channels, " * ", pixels, " elements");
  given.atLeast("group", 1);
  given.expect(channels % given.integer("group") == 0, "group", "a divisor of C, ", channels);
  perChannel(given, "weight", channels);
  perChannel(given, "bias", channels);
}

void groupNormBackward(const Given& given) {
  groups(given);
  given.strided("grad_out");
  given.elements("grad_out", given.tensor("input").numel());
  for (const char* name : {"mean", "rstd"}) {
    given.dense(name);
    given.elements(name, given.integer("N") * given.integer("group"));
  }
}

// M rows of N values, the shape of which the last dimensions have.
void layerNormBackward(const Given& given) {
  for (const char* name : {"input", "grad_out"}) given.strided(name);
  const at::Tensor input = given.tensor("input");
  const Sizes shape = given.integers("normalized_shape");
  const auto count = static_cast<int64_t>(shape.size());
  given.expect(count > 0 && count <= input.dim() && input.sizes().slice(input.dim() - count) == shape,
               "normalized_shape", "the last sizes of 'input', ", input.sizes());
  given.sameShape("grad_out", "input");
  given.sameType("grad_out", "input");
  const int64_t rows = c10::multiply_integers(input.sizes().slice(0, input.dim() - count));
  for (const char* name : {"mean", "rstd"}) {
    given.dense(name);
    given.elements(name, rows);
  }
  for (const char* name : {"weight", "bias"}) perChannel(given, name, c10::multiply_integers(shape));
}

}  // namespace

GuardRows normalizationGuards() {
  return {
      {"aten::_batch_norm_impl_index_backward", &run<batchNormBackward>},
      {"aten::_batch_norm_no_update", &run<batchNormEvaluation>},
      {"aten::_batch_norm_with_update", &run<batchNormTraining>},
      {"aten::_batch_norm_with_update_functional", &run<batchNormTraining>},
      {"aten::_native_batch_norm_legit", &run<batchNormByFlag>},
      {"aten::_native_batch_norm_legit_functional", &run<batchNormByFlag>},
      {"aten::_native_batch_norm_legit_no_training", &run<batchNormEvaluation>},
      {"aten::_weight_norm", &run<weightNorm>},
      {"aten::_weight_norm_interface", &run<weightNormInterface>},
      {"aten::_weight_norm_interface_backward", &run<weightNormBackward>},
      {"aten::batch_norm_backward", &run<batchNormBackward>},
      {"aten::batch_norm_update_stats", &run<batchNormTraining>},
      {"aten::native_batch_norm", &run<batchNormByFlag>},
      {"aten::native_batch_norm_backward", &run<batchNormBackward>},
      {"aten::native_group_norm", &run<groups>},
      {"aten::native_group_norm_backward", &run<groupNormBackward>},
      {"aten::native_layer_norm_backward", &run<layerNormBackward>},
  };
}

}  // namespace torch_node

// Guards of quantization: packed weights, products of few bits, and observers.
#include "given.h"

#include <algorithm>

namespace torch_node {

namespace {

void packedByOneDnn(const Given& given) {
  const at::Tensor weight = given.tensor("qw");
  given.expect(weight.is_mkldnn(), "qw", "a weight packed by onednn::qlinear_prepack or qconv_prepack");
}

void matrix(const Given& given) {
  const std::string_view name = oneOf(given, {"weight", "X"});
  given.rank(name, 2, 2);
  given.strided(name);
}

// The packed weight is taken where there are as many rows as it was packed for, else the one that was not packed.
void packedProduct(const Given& given) {
  const at::Tensor x = given.tensor("X");
  given.rank("X", 1);
  const bool packed = x.size(-1) > 0 && x.numel() / x.size(-1) == given.value("batch_size").toInt();
  given.expect(!packed || given.tensor("MKL_W").is_mkldnn(), "MKL_W",
               "a weight packed by mkl::_mkl_reorder_linear_weight");
}

// Reads a matrix whatever the weight is, and a row's extremes for each of its rows.
void embeddingInBits(const Given& given) {
  matrix(given);
  if (!given.has("rowwise_min_max")) return;
  const at::Tensor extremes = given.tensor("rowwise_min_max");
  given.expect(extremes.dim() == 2 && extremes.size(0) == given.tensor("weight").size(0) && extremes.size(1) == 2,
               "rowwise_min_max", "a row of two for each of weight's");
}

void contiguousInput(const Given& given) {
  const std::string_view input = oneOf(given, {"input", "tensor"});
  given.strided(input);
  given.expect(given.tensor(input).is_contiguous(), input, "a contiguous tensor (see contiguous())");
}

void matrixOfFloats(const Given& given) {
  const std::string_view weight = oneOf(given, {"weight", "input", "W"});
  given.type(weight, at::kFloat);
  given.rank(weight, 2, 2);
  given.strided(weight);
}

void someFloats(const Given& given) {
  given.type("input", at::kFloat);
  given.expect(given.tensor("input").numel() > 0, "input", "at least one element");
}

void quantizedCell(const Given& given) {
  for (const auto& [weight, bias] : {std::pair{"w_ih", "b_ih"}, std::pair{"w_hh", "b_hh"}}) {
    given.rank(weight, 2, 2);
    given.type(weight, at::kFloat);
    given.expect(given.tensor(weight).numel() > 0, weight, "at least one element");
    given.type(bias, at::kFloat);
    given.elements(bias, given.tensor(weight).size(0));
  }
}

// Reads as many values as the two sizes say, which the other form is given.
void matrixOfBytes(const Given& given) {
  given.rank("input", 2, 2);
  given.strided("input");
  if (!given.has("K")) return;
  given.atLeast("K", 0);
  given.atLeast("N", 0);
  const int64_t rows = given.integer("K");
  given.expect(rows == 0 || given.integer("N") <= given.tensor("input").numel() / rows, "input",
               "a matrix of K * N values");
}

void movingAverages(const Given& given) {
  if (!given.tensor("self").device().is_cpu()) return;
  given.type("self", at::kFloat);
  given.strided("self");
  int64_t channels = 1;
  const bool each = given.flag("per_row_fake_quant");
  if (each) {
    const int64_t dim = given.integer("ch_axis");
    given.within("ch_axis", 0, given.tensor("self").dim() - 1);
    channels = given.tensor("self").size(dim);
  }
  for (const char* name : {"observer_on", "fake_quant_on"}) {
    given.expect(given.tensor(name).numel() > 0, name, "at least one element");
  }
  for (const char* name : {"running_min", "running_max", "scale", "zero_point"}) {
    given.dense(name);
    if (given.tensor(name).scalar_type() != at::kInt) given.type(name, at::kFloat);
    // Where there are none yet, one for each channel is made.
    if (!each || given.tensor(name).numel() > 0) given.elements(name, channels);
  }
}

// Weights packed by _dyn_quant_pack_4bit_weight: two to a float's place, then the scales of the blocks.
void fourBitWeights(const Given& given) {
  for (const char* name : {"block_size", "in_features", "out_features"}) {
    given.within(name, 1, std::numeric_limits<int32_t>::max());
  }
  const int64_t in = given.integer("in_features");
  const int64_t out = given.integer("out_features");
  const int64_t block = given.integer("block_size");
  given.expect(in % block == 0, "block_size", "a divisor of in_features, ", in);
  given.strided("weights");
  given.strided("scales_zeros");
  given.elements("weights", out * (in / 2));
  given.elements("scales_zeros", out * (in / block));
  if (given.has("bias")) given.elements("bias", out);
}

void fourBitProduct(const Given& given) {
  given.rank("inp", 2, 2);
  given.dense("inp");
  given.rank("packed_weights", 1, 1);
  given.dense("packed_weights");
  for (const char* name : {"block_size", "in_features", "out_features"}) {
    given.within(name, 1, std::numeric_limits<int32_t>::max());
  }
  const int64_t in = given.integer("in_features");
  const int64_t out = given.integer("out_features");
  const int64_t block = given.integer("block_size");
  given.expect(given.tensor("inp").size(1) == in, "inp", "rows of in_features = ", in, " values");
  given.expect(in % block == 0, "block_size", "a divisor of in_features, ", in);
  given.expect(in % 2 == 0, "in_features", "an even number");
  const at::ScalarType type = given.tensor("inp").scalar_type();
  given.expect(type == at::kFloat || type == at::kBFloat16, "inp", "float32 or bfloat16");
  given.expect(given.tensor("packed_weights").numel() >= (out * in / 2) + (out * (in / block)), "packed_weights",
               "at least ", (out * in / 2) + (out * (in / block)), " elements");
}

// The search walks in steps of a bin from both ends of the values, for ever where a step is less than their precision.
void quantizationSearch(const Given& given) {
  given.type("input", at::kFloat);
  given.dense("input");
  const at::Tensor input = given.tensor("input").detach();
  given.within("numel", 1, input.numel());
  given.within("n_bins", 1, std::numeric_limits<int32_t>::max());
  given.within("bit_width", 1, 31);
  const double ratio = given.value("ratio").toDouble();
  given.expect(ratio >= 0 && ratio <= 1, "ratio", "a number from 0 to 1");
  const auto* first = input.const_data_ptr<float>();
  const auto [low, high] = std::minmax_element(first, first + given.integer("numel"));
  const float step = (*high - *low) / static_cast<float>(given.integer("n_bins"));
  given.expect(*high == *low || (*low + step > *low && *high - step < *high), "n_bins",
               "bins that the values' precision tells apart");
}

}  // namespace

GuardRows quantizationGuards() {
  return {
      {"_quantized::linear_prepack_fp16", &run<matrixOfFloats>},
      {"_quantized::linear_prepack_fp16_legacy", &run<matrixOfFloats>},
      {"_quantized::wrapped_fbgemm_pack_gemm_matrix_fp16", &run<matrixOfFloats>},
      {"aten::_dyn_quant_matmul_4bit", &run<fourBitProduct>},
      {"aten::_dyn_quant_pack_4bit_weight", &run<fourBitWeights>},
      {"aten::_fused_moving_avg_obs_fq_helper", &run<movingAverages>},
      {"aten::_fused_moving_avg_obs_fq_helper_functional", &run<movingAverages>},
      {"aten::_saturate_weight_to_fp16", &run<matrixOfFloats>},
      {"aten::choose_qparams_optimized", &run<quantizationSearch>},
      {"aten::fbgemm_linear_quantize_weight", &run<someFloats>},
      {"aten::fbgemm_pack_gemm_matrix_fp16", &run<matrixOfFloats>},
      {"aten::fbgemm_pack_quantized_matrix", &run<matrixOfBytes>},
      {"aten::fused_moving_avg_obs_fake_quant", &run<movingAverages>},
      {"c10d::check_for_nan", &run<contiguousInput>},
      {"mkl::_mkl_linear", &run<packedProduct>},
      {"mkl::_mkl_reorder_linear_weight", &run<matrix>},
      {"onednn::linear_prepack_fp16", &run<matrixOfFloats>},
      {"onednn::qconv1d_pointwise", &run<packedByOneDnn>},
      {"onednn::qconv2d_pointwise", &run<packedByOneDnn>},
      {"onednn::qconv3d_pointwise", &run<packedByOneDnn>},
      {"onednn::qconv_pointwise", &run<packedByOneDnn>},
      {"onednn::qlinear_pointwise", &run<packedByOneDnn>},
      {"onednn::qlinear_prepack", &run<matrix>},
      {"quantization::_Bfloat16QuantizedToFloat", &run<contiguousInput>},
      {"quantization::_FloatToBfloat16Quantized", &run<contiguousInput>},
      {"quantized::embedding_bag_2bit_prepack", &run<embeddingInBits>},
      {"quantized::embedding_bag_2bit_prepack_with_rowwise_min_max", &run<embeddingInBits>},
      {"quantized::embedding_bag_4bit_prepack", &run<embeddingInBits>},
      {"quantized::embedding_bag_4bit_prepack_with_rowwise_min_max", &run<embeddingInBits>},
      {"quantized::embedding_bag_byte_prepack_with_rowwise_min_max", &run<embeddingInBits>},
      {"quantized::linear_prepack_fp16", &run<matrixOfFloats>},
      {"quantized::linear_prepack_fp16_legacy", &run<matrixOfFloats>},
      {"quantized::make_quantized_cell_params", &run<quantizedCell>},
  };
}

}  // namespace torch_node

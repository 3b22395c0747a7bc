// The layout of a chain in scratch memory, and the choice of its kernels.
#include "plan.h"

#include <algorithm>

namespace torch_node::fused {

const Kernels* kernelsFor(Isa isa) {
#if defined(__x86_64__) && defined(__GNUC__)
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  const bool avx512 = false;
  const bool avx2 = false;
#endif
  const Kernels* kernels = nullptr;
  if (avx512 && (isa == Isa::kBest || isa == Isa::kAvx512)) kernels = kernelsAvx512();
  if (kernels == nullptr && avx2 && (isa == Isa::kBest || isa == Isa::kAvx2)) kernels = kernelsAvx2();
  if (kernels == nullptr && (isa == Isa::kBest || isa == Isa::kBaseline)) kernels = kernelsBaseline();
  return kernels;
}

// Lays everything out. Each part is followed by a vector of unused floats, since the last vectors reach over its end.
void Chain::Plan::place() {
  const auto take = [this](int64_t& size, int64_t count) {
    const int64_t at = size;
    size += roundUp(count) + (16 * lanes);
    return at;
  };
  for (size_t i = 0; i < stages.size(); i++) {
    Stage& stage = stages[i];
    const int64_t row = stage.paddedWidth() * lanes;
    const int64_t plane = stage.paddedHeight() * row;
    stage.inputPlace = {(stage.paddingHeight * row) + (stage.paddingWidth * lanes), plane, row};
    // Transposing reads whole squares of lanes x lanes values.
    stage.input = take(blockSize, (stage.inputs * plane) + (lanes * lanes));
    if (stage.pool > 1) stage.codes = take(blockSize, stage.outputSize() * lanes);

    stage.gradient = take(workSize, (stage.outputSize() * lanes) + (lanes * lanes));
    const int64_t values = stage.inputs * stage.paddedHeight() * stage.paddedWidth();
    stage.pictureStride = roundUp(values) + (2 * lanes);
    stage.pictures = take(workSize, stage.pictureStride * lanes);
    stage.biasPart = take(partSize, stage.outputs);
    if (!stage.convolution) continue;
    stage.weightPart = take(partSize, stage.weightSize());
    stage.sampleStride = roundUp(stage.outputSize()) + lanes;
    stage.sampleGradients = take(workSize, stage.sampleStride * lanes);
    stage.runs = take(workSize, codeRow(stage) * ((stage.rows * stage.pool) + stage.kernelHeight - 1));
    stage.sums = take(workSize, stage.outputs * stage.kernelHeight * codeColumn(stage));
    if (stage.pool > 1) stage.sampleCodes = take(workSize, stage.sampleStride * lanes);
    if (i > 0) {
      const int64_t wide = (stage.columns * stage.pool) + (2 * stage.margin());
      stage.spread = take(workSize, stage.outputs * stage.rows * stage.pool * wide * lanes);
      stage.flipped = Floats(stage.weightSize());
    }
    stage.order.resize(static_cast<size_t>(roundUp(values)), 0);
    for (int64_t j = 0; j < values; j++) {
      stage.order[static_cast<size_t>(j)] = ((j % stage.inputs) * plane) + (j / stage.inputs * lanes);
    }
  }
  output = take(blockSize, (outputSize() * lanes) + (lanes * lanes));
}

void Chain::Plan::use(int64_t count) {
  threads = count;
  groupBlocks = std::max(threads, 32 / lanes);
  work = Floats(workSize * groupBlocks);
  parts = Floats(partSize * threads);
  const auto samples = static_cast<size_t>(groupBlocks * lanes);
  bytes.resize(samples);
  rows.resize(samples);
  pictures.resize(samples);
  sampleGradients.resize(samples);
  sampleCodes.resize(samples);
}

void Chain::Plan::reserve(int64_t samples) {
  const int64_t size = std::max(blocksOf(samples), groupBlocks) * blockSize;
  if (blocks.count() < size) blocks = Floats(size);
}

}  // namespace torch_node::fused

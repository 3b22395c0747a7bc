// The backward pass of a chain. `from` is the first of the blocks in question, and `block` its number in the group.
#include <algorithm>
#include <cstring>

#include "plan.h"

namespace torch_node::fused {

void Chain::Plan::filterGradient(const Stage& stage, const float* from, int64_t block, int64_t samples,
                                 float* gradient) {
  const int64_t first = block * lanes;
  for (int64_t b = 0; b < blocksOf(samples); b++) {
    float* own = workOf(block + b);
    kernels->transpose({.block = own + stage.gradient,
                        .from = nullptr,
                        .count = stage.outputSize(),
                        .out = own + stage.sampleGradients,
                        .stride = stage.sampleStride});
    if (stage.pool > 1) {
      kernels->transpose({.block = from + (b * blockSize) + stage.codes,
                          .from = nullptr,
                          .count = stage.outputSize(),
                          .out = own + stage.sampleCodes,
                          .stride = stage.sampleStride});
    }
    for (int64_t l = 0; l < std::min(lanes, samples - (b * lanes)); l++) {
      const auto at = static_cast<size_t>(first + (b * lanes) + l);
      pictures[at] = own + stage.pictures + (l * stage.pictureStride);
      sampleGradients[at] = own + stage.sampleGradients + (l * stage.sampleStride);
      sampleCodes[at] = reinterpret_cast<const int32_t*>(own + stage.sampleCodes + (l * stage.sampleStride));
    }
  }
  kernels->patches({.pictures = pictures.data() + first,
                    .gradients = sampleGradients.data() + first,
                    .codes = sampleCodes.data() + first,
                    .samples = samples,
                    .channels = stage.inputs,
                    .pictureRow = stage.paddedWidth() * stage.inputs,
                    .kernelHeight = stage.kernelHeight,
                    .kernelWidth = stage.kernelWidth,
                    .outputs = stage.outputs,
                    .rows = stage.rows,
                    .columns = stage.columns,
                    .pool = stage.pool,
                    .runs = workOf(block) + stage.runs,
                    .sums = workOf(block) + stage.sums,
                    .weight = gradient});
}

void Chain::Plan::inputGradient(size_t i, const float* from, int64_t block, int64_t count,
                                const float* const* parameters) {
  const Stage& stage = stages[i];
  const int64_t to = stages[i - 1].gradient;
  if (!stage.convolution) {
    kernels->product({.block = workOf(block) + stage.gradient,
                      .blockStride = workSize,
                      .blocks = count,
                      .inputs = stage.outputs,
                      .outputs = stage.inputs,
                      .weight = parameters[stage.weight],
                      .transposed = true,
                      .bias = nullptr,
                      .activation = Activation::kNone,
                      .slope = 0.0F,
                      .out = workOf(block) + to,
                      .outStride = workSize});
    return;
  }
  for (int64_t b = 0; b < count; b++) {
    float* own = workOf(block + b);
    kernels->spread({.gradient = own + stage.gradient,
                     .codes = reinterpret_cast<const int32_t*>(from + (b * blockSize) + stage.codes),
                     .codeRow = codeRow(stage),
                     .codeColumn = codeColumn(stage),
                     .channels = stage.outputs,
                     .rows = stage.rows,
                     .columns = stage.columns,
                     .pool = stage.pool,
                     .margin = stage.margin(),
                     .out = own + stage.spread});
    kernels->deconvolve({.spread = own + stage.spread,
                         .outputs = stage.outputs,
                         .rows = stage.rows * stage.pool,
                         .columns = stage.columns * stage.pool,
                         .margin = stage.margin(),
                         .weight = stage.flipped.data(),
                         .kernelHeight = stage.kernelHeight,
                         .kernelWidth = stage.kernelWidth,
                         .channels = stage.inputs,
                         .height = stage.height,
                         .width = stage.width,
                         .paddingHeight = stage.paddingHeight,
                         .paddingWidth = stage.paddingWidth,
                         .out = own + to});
  }
}

// Everything but the weights of linear layers, for which only the inputs are turned: one thread's share. The gradient
// of the output lies in the last stage's place in `work`.
void Chain::Plan::backwardBlocks(float* from, int64_t block, int64_t samples, const float* const* parameters,
                                 float* const* gradients, float* part) {
  const int64_t count = blocksOf(samples);
  for (size_t i = stages.size(); i-- > 0;) {
    const Stage& stage = stages[i];
    const bool biased = stage.bias >= 0 && gradients[stage.bias] != nullptr;
    kernels->derive({.gradient = workOf(block) + stage.gradient,
                     .gradientStride = workSize,
                     .values = from + outputOf(i),
                     .valuesStride = blockSize,
                     .blocks = count,
                     .place = placeAfter(i),
                     .channels = stage.outputs,
                     .rows = stage.rows,
                     .columns = stage.columns,
                     .activation = stage.activation,
                     .slope = stage.slope,
                     .bias = biased ? part + stage.biasPart : nullptr,
                     .accumulate = false});
    if (gradients[stage.weight] != nullptr) {
      for (int64_t b = 0; b < count; b++) {
        kernels->transpose({.block = from + (b * blockSize) + stage.input,
                            .from = stage.convolution ? stage.order.data() : nullptr,
                            .count = stage.inputs * stage.paddedHeight() * stage.paddedWidth(),
                            .out = workOf(block + b) + stage.pictures,
                            .stride = stage.pictureStride});
      }
      if (stage.convolution) filterGradient(stage, from, block, samples, part + stage.weightPart);
    }
    if (i > 0) inputGradient(i, from, block, count, parameters);
  }
}

void Chain::Plan::sumParts(const Stage& stage, int64_t count, float* const* gradients, bool accumulate) const {
  const auto sum = [&](float* to, int64_t at, int64_t size) {
    if (to == nullptr) return;
    for (int64_t p = 0; p < count; p++) {
      const float* from = parts.data() + (p * partSize) + at;
      if (p == 0 && !accumulate) {
        std::memcpy(to, from, static_cast<size_t>(size) * sizeof(float));
      } else {
        for (int64_t j = 0; j < size; j++) to[j] += from[j];
      }
    }
  };
  if (stage.bias >= 0) sum(gradients[stage.bias], stage.biasPart, stage.outputs);
  if (stage.convolution) sum(gradients[stage.weight], stage.weightPart, stage.weightSize());
}

void Chain::Plan::backwardGroup(float* from, int64_t samples, const float* const* parameters, float* const* gradients,
                                bool accumulate) {
  const int64_t count = blocksOf(samples);
  const int64_t tasks = std::min(threads, count);
  each(tasks, [&](int64_t task) {
    const int64_t begin = count * task / tasks;
    const int64_t end = count * (task + 1) / tasks;
    backwardBlocks(from + (begin * blockSize), begin, std::min(samples, end * lanes) - (begin * lanes), parameters,
                   gradients, parts.data() + (task * partSize));
  });
  // The weights of linear layers are most of the parameters: divided by outputs, no thread's share is added to another.
  each(tasks, [&](int64_t task) {
    for (const Stage& stage : stages) {
      if (stage.convolution || gradients[stage.weight] == nullptr) continue;
      const int64_t begin = stage.outputs * task / tasks;
      const int64_t end = stage.outputs * (task + 1) / tasks;
      kernels->outer({.inputs = work.data() + stage.pictures,
                      .inputStride = stage.pictureStride,
                      .inputBlockStride = workSize,
                      .gradient = work.data() + stage.gradient + (begin * lanes),
                      .gradientStride = workSize,
                      .samples = samples,
                      .inputCount = stage.inputs,
                      .outputs = end - begin,
                      .weight = gradients[stage.weight] + (begin * stage.inputs),
                      .accumulate = accumulate});
    }
  });
  for (const Stage& stage : stages) sumParts(stage, tasks, gradients, accumulate);
}

// [output][channel][tap] to [channel][output][tap].
void Chain::Plan::flip(const float* const* parameters) {
  for (size_t i = 1; i < stages.size(); i++) {
    const Stage& stage = stages[i];
    if (!stage.convolution) continue;
    const float* weight = parameters[stage.weight];
    const int64_t taps = stage.kernelHeight * stage.kernelWidth;
    for (int64_t c = 0; c < stage.inputs; c++) {
      for (int64_t o = 0; o < stage.outputs; o++) {
        std::memcpy(stage.flipped.data() + (((c * stage.outputs) + o) * taps),
                    weight + (((o * stage.inputs) + c) * taps), static_cast<size_t>(taps) * sizeof(float));
      }
    }
  }
}

}  // namespace torch_node::fused

// The forward pass of a chain.
#include <algorithm>

#include "plan.h"

namespace torch_node::fused {

// Samples first ... first + samples - 1 of the batch to the blocks at `to`, the group's from number `block` on.
void Chain::Plan::loadBlocks(const Input& input, int64_t first, int64_t samples, float* to, int64_t block) {
  const Stage& stage = stages.front();
  const int64_t size = inputSize();
  const bool padded = stage.paddingHeight > 0 || stage.paddingWidth > 0;
  for (int64_t done = 0; done < samples; done += lanes, to += blockSize, block++) {
    const int64_t count = std::min(lanes, samples - done);
    for (int64_t l = 0; l < count; l++) {
      const int64_t i = first + done + l;
      const auto at = static_cast<size_t>((block * lanes) + l);
      if (input.images != nullptr) {
        bytes[at] = input.images + ((input.index != nullptr ? input.index[i] : i) * size);
      } else {
        rows[at] = input.values + (i * size);
      }
    }
    Load load{.bytes = input.images != nullptr ? bytes.data() + (block * lanes) : nullptr,
              .floats = rows.data() + (block * lanes),
              .table = input.table,
              .samples = count,
              .segments = 1,
              .rows = 1,
              .length = size,
              .block = to + stage.input,
              .place = {0, 0, 0}};
    if (padded) {
      load.segments = stage.inputs * stage.height;
      load.rows = stage.height;
      load.length = stage.width;
      load.place = stage.inputPlace;
    }
    kernels->load(load);
  }
}

void Chain::Plan::forwardBlocks(float* from, int64_t count, const float* const* parameters) {
  for (size_t i = 0; i < stages.size(); i++) {
    const Stage& stage = stages[i];
    const float* bias = stage.bias < 0 ? nullptr : parameters[stage.bias];
    if (!stage.convolution) {
      kernels->product({.block = from + stage.input,
                        .blockStride = blockSize,
                        .blocks = count,
                        .inputs = stage.inputs,
                        .outputs = stage.outputs,
                        .weight = parameters[stage.weight],
                        .transposed = false,
                        .bias = bias,
                        .activation = stage.activation,
                        .slope = stage.slope,
                        .out = from + outputOf(i),
                        .outStride = blockSize});
      continue;
    }
    for (int64_t b = 0; b < count; b++) {
      float* block = from + (b * blockSize);
      kernels->convolve({.block = block + stage.input,
                         .channels = stage.inputs,
                         .height = stage.paddedHeight(),
                         .width = stage.paddedWidth(),
                         .kernelHeight = stage.kernelHeight,
                         .kernelWidth = stage.kernelWidth,
                         .outputs = stage.outputs,
                         .pool = stage.pool,
                         .rows = stage.rows,
                         .columns = stage.columns,
                         .weight = parameters[stage.weight],
                         .bias = bias,
                         .activation = stage.activation,
                         .slope = stage.slope,
                         .out = block + outputOf(i),
                         .place = placeAfter(i),
                         .codes = reinterpret_cast<int32_t*>(block + stage.codes),
                         .codeRow = codeRow(stage),
                         .codeColumn = codeColumn(stage)});
    }
  }
}

void Chain::Plan::forwardGroup(const Input& input, int64_t first, int64_t samples, float* from,
                               const float* const* parameters, float* outputs) {
  const int64_t count = blocksOf(samples);
  const int64_t tasks = std::min(threads, count);
  const int64_t size = outputSize();
  each(tasks, [&](int64_t task) {
    const int64_t begin = count * task / tasks;
    const int64_t end = count * (task + 1) / tasks;
    const int64_t own = std::min(samples, end * lanes) - (begin * lanes);
    float* to = from + (begin * blockSize);
    loadBlocks(input, first + (begin * lanes), own, to, begin);
    forwardBlocks(to, end - begin, parameters);
    for (int64_t s = begin * lanes; s < (begin * lanes) + own; s++) {
      const float* values = from + (s / lanes * blockSize) + output + (s % lanes);
      float* out = outputs + ((first + s) * size);
      for (int64_t j = 0; j < size; j++) out[j] = values[j * lanes];
    }
  });
}

}  // namespace torch_node::fused

// The plan of a chain: its stages, where their values lie in scratch memory, and the passes over them.
#pragma once

#include <vector>

#include "stages.h"

namespace torch_node::fused {

// The kernels for a set of instructions, found at run time; null where this processor or build has none.
const Kernels* kernelsFor(Isa isa);

struct Chain::Plan {
  std::vector<Stage> stages;
  const Kernels* kernels = nullptr;
  int64_t lanes = 0;
  // Blocks that go through all layers together: about 32 samples, and one at least for each thread.
  int64_t groupBlocks = 1;
  int64_t threads = 1;
  Parallel parallel;
  int64_t batch = 0;

  // Floats of a block, and its output's place in it.
  int64_t blockSize = 0;
  int64_t output = 0;
  Floats blocks;
  int64_t workSize = 0;
  Floats work;

  // What each thread sums up of the gradients of filters and biases.
  int64_t partSize = 0;
  Floats parts;

  std::vector<const uint8_t*> bytes;
  std::vector<const float*> rows;
  std::vector<const float*> pictures;
  std::vector<const float*> sampleGradients;
  std::vector<const int32_t*> sampleCodes;
  std::vector<float> outputs;
  std::vector<float> outputGradient;

  [[nodiscard]] int64_t inputSize() const { return stages.front().inputSize(); }
  [[nodiscard]] int64_t outputSize() const { return stages.back().outputSize(); }
  [[nodiscard]] int64_t roundUp(int64_t count) const { return (count + lanes - 1) / lanes * lanes; }
  [[nodiscard]] int64_t blocksOf(int64_t samples) const { return (samples + lanes - 1) / lanes; }
  [[nodiscard]] float* block(int64_t i) const { return blocks.data() + (i * blockSize); }
  [[nodiscard]] float* workOf(int64_t i) const { return work.data() + (i * workSize); }

  // The place of what stage i puts out, which is where the next one reads.
  [[nodiscard]] Place placeAfter(size_t i) const {
    if (i + 1 < stages.size() && stages[i + 1].convolution) return stages[i + 1].inputPlace;
    const Stage& stage = stages[i];
    return {0, stage.windows() * lanes, stage.columns * lanes};
  }
  [[nodiscard]] int64_t outputOf(size_t i) const { return i + 1 < stages.size() ? stages[i + 1].input : output; }

  // A run of a filter's row in full vectors, and such runs for a row of positions, in floats.
  [[nodiscard]] int64_t codeColumn(const Stage& stage) const { return roundUp(stage.kernelWidth * stage.inputs); }
  [[nodiscard]] int64_t codeRow(const Stage& stage) const { return stage.columns * stage.pool * codeColumn(stage); }

  // ---- plan.cpp: the layout ----
  void place();
  void use(int64_t count);
  void reserve(int64_t samples);
  template <typename F>
  void each(int64_t count, const F& f);
  // ---- forward.cpp ----
  void forwardGroup(const Input& input, int64_t first, int64_t samples, float* from, const float* const* parameters,
                    float* outputs);
  void loadBlocks(const Input& input, int64_t first, int64_t samples, float* to, int64_t block);
  void forwardBlocks(float* from, int64_t count, const float* const* parameters);
  // ---- backward.cpp ----
  void backwardGroup(float* from, int64_t samples, const float* const* parameters, float* const* gradients,
                     bool accumulate);
  void backwardBlocks(float* from, int64_t block, int64_t samples, const float* const* parameters,
                      float* const* gradients, float* part);
  void filterGradient(const Stage& stage, const float* from, int64_t block, int64_t samples, float* gradient);
  void inputGradient(size_t i, const float* from, int64_t block, int64_t count, const float* const* parameters);
  void sumParts(const Stage& stage, int64_t count, float* const* gradients, bool accumulate) const;
  void flip(const float* const* parameters);
};

// f(0) ... f(count - 1), on several threads if there are.
template <typename F>
void Chain::Plan::each(int64_t count, const F& f) {
  if (count == 1) {
    f(0);
  } else {
    // By reference, so that std::function allocates nothing.
    parallel(count, [&f](int64_t i) { f(i); });
  }
}

}  // namespace torch_node::fused

// Runs a chain of layers in the place of the instructions that it was found in: fused::Chain on a program's values.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "program/fused/chain.h"
#include "program.h"

namespace torch_node {

// The chain, and the values of the program that it works on.
struct ChainEngine {
  explicit ChainEngine(fused::Chain made) : chain(std::move(made)) {}

  fused::Chain chain;
  std::vector<ValueId> parameters;
  std::vector<ValueId> gradients;  // of the parameters
  ValueId input = kNoValue;
  ValueId logits = kNoValue;
  ValueId logitsGradient = kNoValue;
  int64_t batch = 0;
  std::vector<int64_t> outputShape;
  bool keeps = false;  // for the backward pass
  int threads = 1;
  Rows rows;  // where the input comes from, in place of the slot
};

std::shared_ptr<FusedKernel> forwardKernel(std::shared_ptr<ChainEngine> engine);
std::shared_ptr<FusedKernel> backwardKernel(std::shared_ptr<ChainEngine> engine);

// The self-check: whether the chain's kernels give what the instructions give that they replace, on random numbers.
// `backward` may be null; the backward pass begins with the instruction `firstBackward`.
bool agrees(const Recorded& recorded, const std::vector<bool>& replaced, const ChainEngine& engine,
            at::IntArrayRef inputShape, FusedKernel& forward, FusedKernel* backward, const Instruction* firstBackward);

}  // namespace torch_node

// Finds, in a recorded step, a chain of convolutions, activations, max pools and linear layers with its backward pass,
// and puts fused::Chain in its place.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "program.h"

namespace torch_node {

// The program's instructions that are left out, and what runs in their place.
struct Fusion {
  std::vector<bool> skipped;
  struct Piece {
    size_t at = 0;  // runs before this instruction
    std::shared_ptr<FusedKernel> kernel;
  };
  std::vector<Piece> pieces;
  // The program's input (its number among them) that nothing else reads, so that it need not be gathered: the chain
  // reads the bytes of the set itself.
  std::optional<size_t> rows;
};

// The fusion, or why there is none, in words that follow "not fused: ". What the chain gives was held against the
// instructions that it replaces, on random numbers.
struct FusionOutcome {
  std::optional<Fusion> fusion;
  std::string why;
};
FusionOutcome fuse(const Recorded& recorded);

}  // namespace torch_node

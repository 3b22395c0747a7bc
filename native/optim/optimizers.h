// Stochastic gradient descent over parameter groups; one call steps them all.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "capsule.h"
#include "js/bind.h"

namespace torch_node {

// torch.optim.SGD: https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html
//
// The groups' options are set before every step, so that a schedule or a user who changes `paramGroups[0].lr` needs no
// other way in. Parameters and momentum buffers belong to the optimizer's JavaScript side and are handed in.
class Sgd final : public torch::CustomClassHolder {
 public:
  static constexpr const char* kName = "optimizer";

  // How an update is carried out. The loop and foreach give equal bits in float32 and float64; fused does not.
  enum class Form : uint8_t { kSingle, kForeach, kFused };

  struct Group {
    size_t parameters = 0;  // how many of the step's parameters, which stand in the order of the groups
    double lr = 0;
    double momentum = 0;
    double keep = 0;  // the gradient's factor in a momentum buffer: 1 - dampening, or where fused the dampening itself
    double weightDecay = 0;
    bool nesterov = false;
    bool maximize = false;
    Form form = Form::kSingle;
  };

  // What gradients were multiplied by, and 1 where one was infinite or NaN: for the fused form alone.
  struct Scaling {
    std::optional<at::Tensor> scale;
    std::optional<at::Tensor> foundInf;
  };

  std::vector<Group> groups;

  // Updates the parameters that have a gradient. A buffer is undefined before its parameter's first step with momentum,
  // and is made by that step.
  void step(std::span<const at::Tensor> parameters, std::span<at::Tensor> buffers, const Scaling& scaling) const;
};

}  // namespace torch_node

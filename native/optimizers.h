// Stochastic gradient descent over parameter groups; one call steps them all.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "bind.h"

namespace torch_node {

// One group's settings, as TypeScript hands them over at every step, so that a schedule or a user who changes
// `paramGroups[0].lr` needs no other way in.
struct SgdSettings {
  double lr;
  double momentum;
  double dampening;
  double weightDecay;
  bool nesterov;
  bool maximize;
  // How the update is carried out. Single and foreach give equal bits; fused does not.
  enum class Form : uint8_t { kSingle, kForeach, kFused } form;
};

class Sgd {
 public:
  struct Group {
    std::vector<at::Tensor> parameters;
    std::vector<at::Tensor> momentumBuffers;  // undefined until a parameter's first step with momentum
  };

  void addGroup(std::vector<at::Tensor> parameters);
  // torch.optim.SGD's update: https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html
  void step(const std::vector<SgdSettings>& settings);
  void zeroGrad(bool setToNone);
  Group& group(uint32_t index) { return groups_.at(index); }

 private:
  std::vector<Group> groups_;
};

std::vector<Binding> optimizerBindings();

}  // namespace torch_node

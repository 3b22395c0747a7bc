// Stochastic gradient descent over parameter groups; one call steps them all.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "capsule.h"
#include "js/bind.h"

namespace torch_node {

// One group's settings, as TypeScript hands them over at every step, so that a schedule or a user who changes
// `paramGroups[0].lr` needs no other way in.
struct SgdSettings {
  double lr;
  double momentum;
  double keep;  // of the gradient, in a momentum buffer: 1 - dampening, or the dampening itself where the form is fused
  double weightDecay;
  bool nesterov;
  bool maximize;
  // How the update is carried out. Single and foreach give equal bits; fused does not.
  enum class Form : uint8_t { kSingle, kForeach, kFused } form;
};

class Sgd final : public torch::CustomClassHolder {
 public:
  static constexpr const char* kName = "optimizer";
  struct Group {
    std::vector<at::Tensor> parameters;
    std::vector<at::Tensor> momentumBuffers;  // undefined until a parameter's first step with momentum
    // Buffers of zeros that a recording made, which has to find them there; they stand for none until a step was made.
    std::vector<bool> unused;
    std::vector<bool> held;  // by programs, which go on with this very buffer
  };

  void addGroup(std::vector<at::Tensor> parameters);
  // torch.optim.SGD's update: https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html
  void step(const std::vector<SgdSettings>& settings);
  void zeroGrad(bool setToNone);
  // Before a step is recorded: every parameter that has none gets a momentum buffer of zeros.
  void makeBuffers(const std::vector<SgdSettings>& settings);
  // After steps that a program made: no buffer is unused any more.
  void stepped();
  Group& group(uint32_t index) { return groups_.at(index); }

 private:
  std::vector<Group> groups_;
};

}  // namespace torch_node

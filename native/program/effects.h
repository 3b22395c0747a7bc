// Effect analysis: what a capture would leave out.
#pragma once

#include <set>

#include "program.h"

namespace torch_node {

// Effect analysis: which instructions run on the device and which on the host, and what these change. Found in a run,
// since a recording does not say where a result lies.
class EffectAnalysis {
 public:
  explicit EffectAnalysis(at::Device device) : device_(device) {}
  // The number of the instruction that comes next.
  void at(uint32_t index) { index_ = index; }
  void before(const Instruction& instruction, const torch::jit::Stack& stack);
  void after(const torch::jit::Stack& stack);
  // Why a graph would not do what the steps do; empty where it would do the same.
  [[nodiscard]] std::string obstacle() const;
  // The instructions that run on the host alone, which a graph does not hold; none where they change nothing.
  [[nodiscard]] std::vector<bool> onHost(size_t instructions) const;

 private:
  struct Call {
    uint32_t index = 0;
    const Instruction* instruction = nullptr;
    bool onDevice = false;
    bool changes = false;           // what was there before, or the state of random numbers
    std::vector<at::Tensor> reads;  // tensors on the host
    std::vector<at::Tensor> gives;  // results on the host
  };
  [[nodiscard]] std::set<const c10::StorageImpl*> varying() const;
  [[nodiscard]] bool isOnHost(const at::Tensor& tensor) const { return tensor.is_cpu() && !device_.is_cpu(); }

  at::Device device_;
  uint32_t index_ = 0;
  std::vector<Call> calls_;
};

}  // namespace torch_node

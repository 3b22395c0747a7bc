// Fused chains of layers: their kernels, and the self-check of them.
#include "fusedChain.h"

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <utility>

namespace torch_node {

namespace {

std::vector<const float*> pointers(const ChainEngine& engine, const std::vector<at::Tensor>& slots) {
  std::vector<const float*> out;
  out.reserve(engine.parameters.size());
  for (const ValueId value : engine.parameters) out.push_back(slots[value].const_data_ptr<float>());
  return out;
}

// As many threads as operators of libtorch's would use here.
void useThreads(ChainEngine& engine) {
  const int wanted = at::in_parallel_region() ? 1 : at::get_num_threads();
  if (wanted == engine.threads) return;
  engine.threads = wanted;
  engine.chain.useThreads(wanted, [](int64_t count, const std::function<void(int64_t)>& call) {
    at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) call(i);
    });
  });
}

class Forward final : public FusedKernel {
 public:
  explicit Forward(std::shared_ptr<ChainEngine> engine) : engine_(std::move(engine)) {}

  void run(std::vector<at::Tensor>& slots, std::span<const double> /*numbers*/) override {
    ChainEngine& e = *engine_;
    useThreads(e);
    at::Tensor logits = at::empty(e.outputShape, at::kFloat);
    fused::Input input;
    at::Tensor values;
    if (e.rows.images != nullptr) {
      input = {e.rows.images, e.rows.index, e.rows.table, nullptr};
    } else {
      values = slots[e.input].contiguous();
      input.values = values.const_data_ptr<float>();
    }
    e.chain.forward(input, e.batch, pointers(e, slots).data(), logits.mutable_data_ptr<float>(), e.keeps);
    slots[e.logits] = std::move(logits);
  }
  void readFrom(const Rows& rows) override { engine_->rows = rows; }

 private:
  std::shared_ptr<ChainEngine> engine_;
};

class Backward final : public FusedKernel {
 public:
  explicit Backward(std::shared_ptr<ChainEngine> engine) : engine_(std::move(engine)) {}

  void run(std::vector<at::Tensor>& slots, std::span<const double> /*numbers*/) override {
    ChainEngine& e = *engine_;
    const at::Tensor gradient = slots[e.logitsGradient].contiguous();
    std::vector<float*> out;
    for (size_t i = 0; i < e.gradients.size(); i++) {
      if (e.gradients[i] == kNoValue) {
        out.push_back(nullptr);
        continue;
      }
      at::Tensor& slot = slots[e.gradients[i]];
      slot = at::empty(slots[e.parameters[i]].sizes(), at::kFloat);
      out.push_back(slot.mutable_data_ptr<float>());
    }
    e.chain.backward(gradient.const_data_ptr<float>(), pointers(e, slots).data(), out.data());
  }

 private:
  std::shared_ptr<ChainEngine> engine_;
};

// The arguments of agrees() that are the same for every try.
struct Check {
  const Recorded* recorded = nullptr;
  const std::vector<bool>* replaced = nullptr;
  const ChainEngine* engine = nullptr;
  at::IntArrayRef inputShape;
  const Instruction* firstBackward = nullptr;
};

bool agreesOn(const Check& check, FusedKernel& forward, FusedKernel* backward, uint64_t seed) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const Recorded& recorded = *check.recorded;
  const ChainEngine& e = *check.engine;
  std::vector<at::Tensor> expected(recorded.values);
  for (const External& external : recorded.externals) expected[external.value] = external.tensor;
  expected[e.input] = at::randn(check.inputShape, generator);
  std::vector<at::Tensor> given = expected;
  const auto near = [](const at::Tensor& a, const at::Tensor& b) {
    constexpr double kTolerance = 1e-4;
    if (a.sizes() != b.sizes()) return false;
    const auto size = b.abs().max().item<double>();
    return (a - b).abs().max().item<double>() <= kTolerance * std::max(size, 1e-12);
  };
  bool seeded = false;
  for (size_t i = 0; i < check.replaced->size(); i++) {
    if (!(*check.replaced)[i]) continue;
    const Instruction& instruction = recorded.instructions[i];
    if (check.firstBackward && !seeded && &instruction >= check.firstBackward) {
      expected[e.logitsGradient] = given[e.logitsGradient] = at::randn(expected[e.logits].sizes(), generator);
      seeded = true;
    }
    runInstruction(instruction, expected, {}, false);
  }
  forward.run(given, {});
  bool right = near(given[e.logits], expected[e.logits]);
  if (backward) {
    backward->run(given, {});
    for (const ValueId gradient : e.gradients) {
      if (gradient != kNoValue) right = right && near(given[gradient], expected[gradient]);
    }
  }
  return right;
}

}  // namespace

std::shared_ptr<FusedKernel> forwardKernel(std::shared_ptr<ChainEngine> engine) {
  return std::make_shared<Forward>(std::move(engine));
}

std::shared_ptr<FusedKernel> backwardKernel(std::shared_ptr<ChainEngine> engine) {
  return std::make_shared<Backward>(std::move(engine));
}

bool agrees(const Recorded& recorded, const std::vector<bool>& replaced, const ChainEngine& engine,
            at::IntArrayRef inputShape, FusedKernel& forward, FusedKernel* backward, const Instruction* firstBackward) {
  // Rounding now and then decides which of two nearly equal values is the largest of a window, or whether a value next
  // to zero is above it, and a gradient goes another way then. That is no mistake, and other numbers do not have it.
  constexpr uint64_t kTries = 8;
  const Check check{&recorded, &replaced, &engine, inputShape, firstBackward};
  for (uint64_t seed = 20; seed < 20 + kTries; seed++) {
    if (agreesOn(check, forward, backward, seed)) return true;
  }
  return false;
}

}  // namespace torch_node

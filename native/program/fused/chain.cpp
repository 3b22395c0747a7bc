// A chain of layers as its users see it: made, run forward and backward, and trained.
#include "chain.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "plan.h"

namespace torch_node::fused {

std::optional<WhyNot> Chain::whyNot(const std::vector<Layer>& layers, Shape shape, Isa isa) {
  if (kernelsFor(isa) == nullptr) {
    return WhyNot{0, isa == Isa::kBest ? "no vector code for this processor or from this compiler"
                                       : "this processor or build lacks that set of instructions"};
  }
  std::vector<Stage> stages;
  return readStages(layers, shape, stages);
}

Chain::Chain(const std::vector<Layer>& layers, Shape shape, Isa isa) : plan_(std::make_unique<Plan>()) {
  if (auto why = whyNot(layers, shape, isa)) {
    throw std::invalid_argument("fused chain: layer " + std::to_string(why->layer) + ": " + why->words);
  }
  (void)readStages(layers, shape, plan_->stages);
  plan_->kernels = kernelsFor(isa);
  plan_->lanes = plan_->kernels->lanes;
  plan_->place();
  plan_->use(1);
}

Chain::Chain(Chain&&) noexcept = default;
Chain& Chain::operator=(Chain&&) noexcept = default;
Chain::~Chain() = default;

int64_t Chain::parameterCount() const {
  int64_t count = 0;
  for (const Stage& stage : plan_->stages) count += stage.bias < 0 ? 1 : 2;
  return count;
}

int64_t Chain::parameterSize(int64_t i) const {
  for (const Stage& stage : plan_->stages) {
    if (stage.weight == i) return stage.weightSize();
    if (stage.bias == i) return stage.outputs;
  }
  throw std::out_of_range("fused chain: no parameter " + std::to_string(i));
}

int64_t Chain::inputSize() const { return plan_->inputSize(); }
int64_t Chain::outputSize() const { return plan_->outputSize(); }
Shape Chain::outputShape() const {
  const Stage& last = plan_->stages.back();
  return {last.outputs, last.rows, last.columns};
}
void Chain::useThreads(int64_t threads, Parallel parallel) {
  if (threads < 1 || threads > kMostThreads || (threads > 1 && !parallel)) {
    throw std::invalid_argument("fused chain: " + std::to_string(threads) + " threads");
  }
  plan_->batch = 0;
  plan_->parallel = std::move(parallel);
  plan_->use(threads);
}
const char* Chain::isa() const { return plan_->kernels->name; }

void Chain::forward(const Input& input, int64_t batch, const float* const* parameters, float* outputs, bool keep) {
  if (batch < 1 || batch > kLargestBatch) throw std::out_of_range("fused chain: a batch of " + std::to_string(batch));
  Plan& plan = *plan_;
  const int64_t group = plan.groupBlocks * plan.lanes;
  plan.batch = 0;
  plan.reserve(keep ? batch : group);
  for (int64_t first = 0; first < batch; first += group) {
    const int64_t samples = std::min(group, batch - first);
    plan.forwardGroup(input, first, samples, plan.block(keep ? first / plan.lanes : 0), parameters, outputs);
  }
  if (keep) plan.batch = batch;
}

void Chain::backward(const float* outputGradient, const float* const* parameters, float* const* gradients) {
  Plan& plan = *plan_;
  if (plan.batch == 0) throw std::logic_error("fused chain: backward without a forward that kept its values");
  const int64_t group = plan.groupBlocks * plan.lanes;
  const int64_t size = plan.outputSize();
  plan.flip(parameters);
  for (int64_t first = 0; first < plan.batch; first += group) {
    const int64_t samples = std::min(group, plan.batch - first);
    for (int64_t s = 0; s < plan.blocksOf(samples) * plan.lanes; s++) {
      float* to = plan.workOf(s / plan.lanes) + plan.stages.back().gradient + (s % plan.lanes);
      const float* values = outputGradient + ((first + s) * size);
      // Lanes without a sample have no gradient, so that nothing of theirs gets into a sum.
      for (int64_t j = 0; j < size; j++) to[j * plan.lanes] = s < samples ? values[j] : 0.0F;
    }
    plan.backwardGroup(plan.block(first / plan.lanes), samples, parameters, gradients, first > 0);
  }
}

float Chain::train(const Input& input, const int64_t* labels, int64_t batch, const float* const* parameters,
                   float* const* gradients, float* outputs) {
  Plan& plan = *plan_;
  const int64_t size = plan.outputSize();
  for (int64_t s = 0; s < batch; s++) {
    if (labels[s] < 0 || labels[s] >= size) {
      throw std::out_of_range("fused chain: label " + std::to_string(labels[s]) + " of sample " + std::to_string(s));
    }
  }
  const auto count = static_cast<size_t>(std::max<int64_t>(batch, 0) * size);
  if (plan.outputGradient.size() < count) plan.outputGradient.resize(count);
  if (outputs == nullptr) {
    if (plan.outputs.size() < count) plan.outputs.resize(count);
    outputs = plan.outputs.data();
  }
  forward(input, batch, parameters, outputs, true);
  double total = 0.0;
  const float scale = 1.0F / static_cast<float>(batch);
  for (int64_t s = 0; s < batch; s++) {
    const float* logits = outputs + (s * size);
    float* gradient = plan.outputGradient.data() + (s * size);
    const float most = *std::max_element(logits, logits + size);
    float sum = 0.0F;
    for (int64_t j = 0; j < size; j++) {
      gradient[j] = std::exp(logits[j] - most);
      sum += gradient[j];
    }
    total += std::log(sum) - (logits[labels[s]] - most);
    for (int64_t j = 0; j < size; j++) gradient[j] *= scale / sum;
    gradient[labels[s]] -= scale;
  }
  backward(plan.outputGradient.data(), parameters, gradients);
  return static_cast<float>(total / static_cast<double>(batch));
}

}  // namespace torch_node::fused

// Effect analysis.
#include "effects.h"

#include "calls.h"

namespace torch_node {

namespace {

const c10::StorageImpl* storage(const at::Tensor& tensor) {
  return tensor.has_storage() ? tensor.storage().unsafeGetStorageImpl() : nullptr;
}

}  // namespace

void EffectAnalysis::before(const Instruction& instruction, const torch::jit::Stack& stack) {
  Call call{index_, &instruction, false, changes(instruction.op.schema()) || draws(instruction.op), {}, {}};
  for (const c10::IValue& value : stack) {
    eachTensor(value, [&](const at::Tensor& tensor) {
      if (!isOnHost(tensor)) {
        call.onDevice = true;
      } else if (!tensor.unsafeGetTensorImpl()->is_wrapped_number()) {
        call.reads.push_back(tensor);
      }
    });
  }
  calls_.push_back(std::move(call));
}

void EffectAnalysis::after(const torch::jit::Stack& stack) {
  Call& call = calls_.back();
  bool any = false;
  bool device = false;
  for (const c10::IValue& value : stack) {
    eachTensor(value, [&](const at::Tensor& tensor) {
      any = true;
      if (isOnHost(tensor)) {
        call.gives.push_back(tensor);
      } else {
        device = true;
      }
    });
  }
  call.onDevice = call.onDevice || device || (!any && call.reads.empty());
}

// The storages whose contents differ from step to step. Tensors are held in calls_, so that addresses stay their own.
std::set<const c10::StorageImpl*> EffectAnalysis::varying() const {
  std::set<const c10::StorageImpl*> varies;
  for (bool more = true; more;) {
    const size_t known = varies.size();
    for (const Call& call : calls_) {
      if (call.onDevice) continue;
      const bool from = call.changes || std::ranges::any_of(call.reads, [&](const at::Tensor& tensor) {
                          return varies.contains(storage(tensor));
                        });
      if (!from) continue;
      for (const at::Tensor& tensor : call.gives) varies.insert(storage(tensor));
      if (!changes(call.instruction->op.schema())) continue;
      for (const at::Tensor& tensor : call.reads) varies.insert(storage(tensor));
    }
    more = varies.size() > known;
  }
  return varies;
}

std::string EffectAnalysis::obstacle() const {
  const std::set<const c10::StorageImpl*> varies = varying();
  for (const Call& call : calls_) {
    if (!call.onDevice) continue;
    const std::string name = c10::toString(call.instruction->op.operator_name());
    if (!call.gives.empty()) return name + " brings a result to the CPU (" + call.instruction->where + ")";
    for (const at::Tensor& tensor : call.reads) {
      if (!varies.contains(storage(tensor))) continue;
      return name + " reads a tensor on the CPU that the step changes (" + call.instruction->where + ")";
    }
  }
  return {};
}

std::vector<bool> EffectAnalysis::onHost(size_t instructions) const {
  if (std::ranges::none_of(calls_, [](const Call& call) { return !call.onDevice && call.changes; })) return {};
  std::vector<bool> host(instructions, false);
  for (const Call& call : calls_) host[call.index] = !call.onDevice;
  return host;
}

}  // namespace torch_node

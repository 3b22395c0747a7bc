// Finds the updates of SGD with momentum.
#include "fusedSgd.h"

#include <algorithm>
#include <unordered_map>

namespace torch_node {

namespace {

// A number of an instruction: of a placeholder, or always the same.
struct Number {
  std::optional<uint32_t> placeholder;
  bool negated = false;
  double value = 0;
  bool operator==(const Number&) const = default;
  [[nodiscard]] double in(std::span<const double> numbers) const {
    if (!placeholder) return value;
    return negated ? -numbers[*placeholder] : numbers[*placeholder];
  }
};

using Numbers = std::unordered_map<ValueId, Number>;

// A placeholder that stands in a tensor, as numbers beside a tensor do.
std::optional<Number> numberOf(const Instruction& instruction, uint32_t argument, const Numbers& tensors) {
  const auto found = tensors.find(instruction.argument(argument));
  if (found == tensors.end()) return std::nullopt;
  return found->second;
}

std::optional<Number> numberOf(const Instruction& instruction, uint32_t argument) {
  for (const auto& number : instruction.numbers) {
    if (number.place.argument == argument) return Number{number.placeholder, number.negated, 0};
  }
  const c10::IValue& value = instruction.arguments[argument];
  if (!value.isScalar()) return std::nullopt;
  return Number{std::nullopt, false, value.toScalar().toDouble()};
}

bool is(const Instruction& instruction, const char* name, const char* overload) {
  return instruction.op.operator_name() == c10::OperatorName(name, overload);
}

// buffer = momentum * buffer + keep * gradient; parameter += rate * buffer
struct Update {
  ValueId parameter = kNoValue;
  ValueId gradient = kNoValue;
  ValueId buffer = kNoValue;
  Number momentum;
  Number keep;
  Number rate;
  [[nodiscard]] bool goesWith(const Update& other) const {
    return momentum == other.momentum && keep == other.keep && rate == other.rate;
  }
};

std::optional<Update> updateAt(const std::vector<Instruction>& all, size_t i, const Numbers& tensors) {
  if (i + 2 >= all.size() || !is(all[i], "aten::mul_", "Tensor") || !is(all[i + 1], "aten::add_", "Tensor") ||
      !is(all[i + 2], "aten::add_", "Tensor")) {
    return std::nullopt;
  }
  Update update;
  update.buffer = all[i].argument(0);
  update.gradient = all[i + 1].argument(1);
  update.parameter = all[i + 2].argument(0);
  if (all[i + 1].argument(0) != update.buffer || all[i + 2].argument(1) != update.buffer) return std::nullopt;
  const auto momentum = numberOf(all[i], 1, tensors);
  const auto keep = numberOf(all[i + 1], 2);
  const auto rate = numberOf(all[i + 2], 2);
  if (!momentum || !keep || !rate) return std::nullopt;
  update.momentum = *momentum;
  update.keep = *keep;
  update.rate = *rate;
  return update;
}

class Updates : public FusedKernel {
 public:
  explicit Updates(std::vector<Update> updates) : updates_(std::move(updates)) {}

  void run(std::vector<at::Tensor>& slots, std::span<const double> numbers) override {
    std::vector<at::Tensor> parameters;
    std::vector<at::Tensor> gradients;
    std::vector<at::Tensor> buffers;
    for (const Update& update : updates_) {
      parameters.push_back(slots[update.parameter]);
      gradients.push_back(slots[update.gradient].contiguous());
      buffers.push_back(slots[update.buffer]);
    }
    const Update& first = updates_.front();
    at::_fused_sgd_(parameters, gradients, buffers, /*weight_decay=*/0, first.momentum.in(numbers),
                    -first.rate.in(numbers), 1 - first.keep.in(numbers), /*nesterov=*/false, /*maximize=*/false,
                    /*is_first_step=*/false);
  }

 private:
  std::vector<Update> updates_;
};

}  // namespace

void fuseSgd(const Recorded& recorded, Fusion& fusion) {
  std::unordered_map<ValueId, const at::Tensor*> externals;
  for (const External& external : recorded.externals) externals[external.value] = &external.tensor;
  const auto fits = [&](ValueId value) {
    const auto found = externals.find(value);
    return found != externals.end() && found->second->is_cpu() && found->second->scalar_type() == at::kFloat &&
           found->second->is_contiguous();
  };
  Numbers tensors;
  for (const NumberTensor& number : recorded.numbers) {
    tensors[number.value] = Number{number.placeholder, number.negated, 0};
  }
  const auto& all = recorded.instructions;
  size_t i = 0;
  while (i < all.size()) {
    std::vector<Update> updates;
    const size_t start = i;
    for (auto update = updateAt(all, i, tensors); update; update = updateAt(all, i, tensors)) {
      if (!fits(update->parameter) || !fits(update->buffer)) break;
      if (!updates.empty() && !update->goesWith(updates.front())) break;
      updates.push_back(*update);
      i += 3;
    }
    if (updates.empty()) {
      i++;
      continue;
    }
    std::fill(fusion.skipped.begin() + static_cast<ptrdiff_t>(start),
              fusion.skipped.begin() + static_cast<ptrdiff_t>(i), true);
    fusion.pieces.push_back({start, std::make_shared<Updates>(std::move(updates))});
  }
  std::ranges::sort(fusion.pieces, {}, &Fusion::Piece::at);
}

}  // namespace torch_node

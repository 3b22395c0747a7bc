// Guards of losses, and of the gradients of softmax.
#include "given.h"

#include <algorithm>
#include <cmath>

namespace torch_node {

namespace {

void likeOutput(const Given& given) {
  for (const char* name : {"grad_output", "output"}) given.strided(name);
  given.sameShape("grad_output", "output");
}

// The kernels look up alpha [N, T, 2 * longest target + 1] and probabilities by these lengths and targets.
void ctc(const Given& given, bool backward) {
  given.rank("log_probs", 3, 3);
  given.rank("targets", 1, 2);
  for (const char* name : {"log_probs", "targets"}) given.strided(name);
  const at::Tensor probabilities = given.tensor("log_probs");
  const at::Tensor targets = given.tensor("targets");
  const int64_t batch = probabilities.size(1);
  const int64_t classes = probabilities.size(2);
  if (!probabilities.device().is_cpu()) return;
  given.expect(at::isIntegralType(targets.scalar_type(), false), "targets", "integers");
  given.within("blank", 0, classes - 1);
  for (const char* name : {"input_lengths", "target_lengths"}) {
    given.length(name, batch);
    given.allAtLeast(name, 0);
  }
  const Sizes inputs = given.integers("input_lengths");
  const Sizes lengths = given.integers("target_lengths");
  int64_t longest = 0;
  int64_t total = 0;
  for (int64_t i = 0; i < batch; i++) {
    given.expect(inputs[i] <= probabilities.size(0), "input_lengths", "lengths of at most ", probabilities.size(0));
    given.expect(lengths[i] <= targets.numel(), "target_lengths", "lengths of the targets that are there");
    longest = std::max(longest, lengths[i]);
    total += lengths[i];
  }
  const bool rows = targets.dim() == 2;
  given.expect(rows ? targets.size(0) == batch && targets.size(1) >= longest : targets.numel() >= total, "targets",
               "as many targets as target_lengths says");
  const at::Tensor labels = targets.detach().to(at::kLong).contiguous();
  const auto* label = labels.const_data_ptr<int64_t>();
  for (int64_t i = 0, first = 0; i < batch; i++) {
    for (int64_t j = 0; j < lengths[i]; j++) {
      const int64_t each = label[first + j];
      given.expect(each >= 0 && each < classes, "targets", "labels from 0 to ", classes - 1);
    }
    first += rows ? targets.size(1) : lengths[i];
  }
  if (!backward) return;
  for (const char* name : {"grad", "neg_log_likelihood"}) {
    given.elements(name, batch);
    given.strided(name);
  }
  given.rank("grad", 1, 1);
  given.rank("neg_log_likelihood", 1, 1);
  given.rank("log_alpha", 3, 3);
  given.strided("log_alpha");
  const at::Tensor alpha = given.tensor("log_alpha");
  given.expect(alpha.size(0) == batch && alpha.size(1) == probabilities.size(0) && alpha.size(2) >= (2 * longest) + 1,
               "log_alpha", "the shape [", batch, ", ", probabilities.size(0), ", ", (2 * longest) + 1, "]");
}
// Without a batch the composite has two dimensions, which it adds one to.
void ctcForward(const Given& given) {
  if (given.tensor("log_probs").dim() == 3) ctc(given, false);
}
void ctcBackward(const Given& given) { ctc(given, true); }
void ctcLoss(const Given& given) {
  given.readOnce("input_lengths");
  given.readOnce("target_lengths");
  ctcForward(given);
}

// Integers are divided by beta as an integer.
void smoothL1Backward(const Given& given) {
  size_t bytes = sizeof(int64_t);
  for (const char* name : {"grad_output", "self", "target"}) {
    const at::ScalarType type = given.tensor(name).scalar_type();
    if (!at::isIntegralType(type, true)) return;
    bytes = std::min(bytes, c10::elementSize(type));
  }
  // Of the narrowest, whose zero it must not become.
  const double most = std::ldexp(1.0, static_cast<int>(8 * bytes) - 1) - 1;
  const double beta = std::abs(given.value("beta").toDouble());
  given.expect(beta >= 1 && beta <= most, "beta", "1 to ", most, ", as all tensors hold integers");
}

}  // namespace

GuardRows lossGuards() {
  return {
      {"aten::_ctc_loss", &run<ctcForward>},
      {"aten::_ctc_loss_backward", &run<ctcBackward>},
      {"aten::_log_softmax_backward_data", &run<likeOutput>},
      {"aten::_softmax_backward_data", &run<likeOutput>},
      {"aten::ctc_loss", &run<ctcLoss>},
      {"aten::smooth_l1_loss_backward", &run<smoothL1Backward>},
  };
}

}  // namespace torch_node

// Records what a function of JavaScript's has libtorch compute, below autograd: the kernels of the forward pass, of the
// backward pass and of the optimizer, in their order. Whatever the function changed is as it was afterwards.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>

#include "environment.h"
#include "program.h"

namespace torch_node {

class Recorder {
 public:
  Recorder(Environment& environment, std::span<const at::Tensor> inputs, std::vector<std::string> ownPlaces);
  // Puts back what the recorded function changed.
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // The recorder that the calling thread's operators report to, or none.
  static Recorder* current();
  // Throws where a step is being recorded: `what` cannot be part of one.
  static void refuse(const std::string& what);
  // Throws where a step is being recorded, unless the tensor's values are the same in every run: `what` needs them now.
  static void reads(const at::Tensor& tensor, const std::string& what);
  [[nodiscard]] bool isKnown(const at::Tensor& tensor) const;
  // A tensor with values of JavaScript's was made: a constant of the step.
  static void constant(const at::Tensor& tensor);
  // A leaf's gradient is about to be read, or replaced, by other than the autograd engine. Whether the step
  // depends on the gradient that was there before follows from it.
  static void readsGradient(const at::Tensor& leaf);
  static void replacesGradient(const at::Tensor& leaf);

  // Operators of the calling thread report to the recorder while this lives.
  class Session {
   public:
    explicit Session(Recorder& recorder);

   private:
    c10::DebugInfoGuard info_;
    c10::impl::IncludeDispatchKeyGuard key_;
  };

  // A number that differs from run to run: wherever this value (or its negative) turns up, the placeholder goes. Gives
  // the number of the placeholder.
  uint32_t placeholder(double value);

  Recorded finish(std::span<const at::Tensor> outputs);

  // One call of an operator, on its way to its kernel.
  void record(const c10::OperatorHandle& op, c10::DispatchKeySet keys, torch::jit::Stack& stack);

 private:
  // Equal for tensors with the same elements of the same memory, seen in the same way: they are one value.
  using Identity =
      std::tuple<const void*, int64_t, std::vector<int64_t>, std::vector<int64_t>, at::ScalarType, bool, bool>;
  static Identity identityOf(const at::Tensor& tensor);

  ValueId valueOf(const at::Tensor& tensor);
  ValueId outside(const at::Tensor& tensor);
  ValueId reshaped(const at::Tensor& tensor, ValueId base);
  ValueId resultOf(const at::Tensor& tensor);
  void keep(const at::Tensor& tensor, bool made);
  // A leaf, and the gradient that it had before the step.
  struct Leaf {
    at::Tensor tensor;
    at::Tensor before;
    bool read = false;   // by JavaScript
    bool reset = false;  // replaced before anything used it
  };
  Leaf& leafOf(const at::Tensor& tensor);
  bool touched(const Leaf& leaf) const;
  void finishGradients();
  void saveBefore(const at::Tensor& tensor);
  void takeArgument(Instruction& instruction, uint32_t index, c10::IValue& argument);
  [[nodiscard]] bool areKnown(const c10::IValue& value) const;
  [[nodiscard]] bool isFromOutside(ValueId value) const;
  template <class Run>
  bool recordInPlaceView(const c10::OperatorHandle& op, const at::Tensor& self, const Run& run);
  void checkReads(const c10::OperatorHandle& op, const torch::jit::Stack& stack) const;
  std::optional<std::pair<uint32_t, bool>> placeholderOf(double value) const;
  std::string where();
  void release();

  Environment& environment_;
  std::vector<std::string> ownPlaces_;  // the library's own JavaScript lies there, whose lines are nobody's
  Recorded recorded_;
  std::vector<at::Tensor> inputs_;
  std::map<Identity, ValueId> values_;
  // What is known of each storage, which is held so that its address stays its own.
  struct Memory {
    c10::Storage storage;
    bool made = false;      // by the step itself
    bool constant = false;  // from JavaScript's values, within the step
    bool known = false;     // the values are the same in every run, as they follow from constants alone
    at::Tensor before;      // the bytes, where the step wrote to it and it was there before
    // Of memory that was made empty and that no operator has filled yet: the tensor that was made.
    std::optional<Identity> blank;
    ValueId any = kNoValue;
  };
  [[nodiscard]] Memory* memoryOf(const at::Tensor& tensor);
  void settle(const at::Tensor& tensor);
  void takeArguments(Instruction& instruction, const torch::jit::Stack& stack);
  void forgetWritten(const c10::FunctionSchema& schema, const torch::jit::Stack& stack);
  void takeResults(Instruction& instruction, const torch::jit::Stack& stack, bool known);
  std::unordered_map<const c10::StorageImpl*, Memory> memory_;
  std::vector<at::Tensor> without_;  // tensors without a storage, held for the same reason
  std::deque<Leaf> leaves_;
  std::unordered_map<const c10::TensorImpl*, size_t> known_;
  std::vector<double> placeholders_;
  std::vector<bool> placeholderUsed_;
  std::vector<std::pair<at::Generator, at::Tensor>> random_;
  bool drew_ = false;
  std::string lastWhere_;
};

// What happens while this lives is no part of the step that is being recorded, and may read values on the host.
class OutsideOfStep {
 public:
  OutsideOfStep();

 private:
  c10::DebugInfoGuard info_;
  c10::impl::ExcludeDispatchKeyGuard guard_;
};

// Operators called while this lives are no part of what is being recorded: their results count as having been there.
class Unrecorded {
 public:
  Unrecorded();

 private:
  c10::impl::ExcludeDispatchKeyGuard guard_;
};

}  // namespace torch_node

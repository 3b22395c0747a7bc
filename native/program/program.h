// A program: a recorded step, as the list of libtorch's kernels that it called, which runs again without JavaScript and
// without autograd, on whatever thread.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "libtorch.h"

namespace torch_node {

// Tensors of a program by number: inputs, tensors from outside (parameters, buffers, constants) and results.
using ValueId = uint32_t;
constexpr ValueId kNoValue = UINT32_MAX;

// Where in an instruction's arguments something goes: the argument, and the place in it where that is a list.
struct Place {
  uint32_t argument = 0;
  int32_t item = -1;
};

// One call of an operator.
struct Instruction {
  struct Use {
    Place place;
    ValueId value = kNoValue;
    bool last = false;  // nothing needs the value afterwards
  };
  // A number that differs from run to run, such as a learning rate.
  struct Number {
    Place place;
    uint32_t placeholder = 0;
    bool negated = false;
  };

  explicit Instruction(c10::OperatorHandle called) : op(std::move(called)) {}
  // The value that an argument is, unless it is a list.
  [[nodiscard]] ValueId argument(uint32_t index) const;

  c10::OperatorHandle op;
  torch::jit::Stack arguments;  // empty where tensors go
  std::vector<Use> uses;
  std::vector<Number> numbers;
  std::vector<uint32_t> lists;   // the arguments that are lists of such things
  std::vector<ValueId> results;  // of all tensors that it gives, those in lists one after another
  std::vector<ValueId> dropped;  // results that nothing needs
  std::string where;             // the line of JavaScript that had it called
};

// A tensor's dtype, device and sizes, to tell whether another can stand in its place.
struct TensorMeta {
  at::ScalarType type = at::kFloat;
  at::Device device = at::kCPU;
  at::Layout layout = at::kStrided;
  std::vector<int64_t> sizes;
  std::vector<int64_t> strides;  // of strided tensors
  explicit TensorMeta(const at::Tensor& tensor);
  bool operator==(const TensorMeta&) const = default;
  [[nodiscard]] bool isContiguous() const;
  // Whether they differ in strides alone, and whether not even in those that move anywhere: of a dimension of one
  // element they do not.
  [[nodiscard]] bool isLaidOutOtherwise(const TensorMeta& other) const;
  [[nodiscard]] bool liesAs(const TensorMeta& other) const;
  // The tensor with these strides: itself, a view where it lies so, or a copy.
  [[nodiscard]] at::Tensor laidOut(const at::Tensor& tensor) const;
  [[nodiscard]] std::string text() const;
};

// A tensor that was there before the step: read (and written) where it lies.
struct External {
  ValueId value = kNoValue;
  at::Tensor tensor;
  const c10::StorageImpl* storage = nullptr;  // where it lay when the step was recorded
  TensorMeta meta;
  std::string where;  // its first use
};

// What a step makes of the gradient of a leaf: a parameter, or an input that requires one.
struct Gradient {
  at::Tensor leaf;
  int32_t input = -1;  // the leaf is this input, whichever tensor that is
  ValueId after = kNoValue;
  // The step adds to the gradient that it finds, or JavaScript read it: it has to be as it was.
  bool depends = false;
  at::Tensor before;
  bool repeats = false;  // is as it was after a step as well
};

// Whether two gradients are both none, or lie in the same memory.
bool sameMemory(const at::Tensor& a, const at::Tensor& b);

// A plain number that takes part in an operation as a tensor, and differs from run to run.
struct NumberTensor {
  ValueId value = kNoValue;
  uint32_t placeholder = 0;
  bool negated = false;
};

// What a recording comes to.
struct Recorded {
  std::vector<Instruction> instructions;
  uint32_t values = 0;
  uint32_t placeholders = 0;
  std::vector<ValueId> inputs;
  std::vector<TensorMeta> metas;    // of the inputs
  std::vector<bool> inputsWritten;  // which of them the step changes in place
  std::vector<External> externals;
  std::vector<NumberTensor> numbers;
  std::vector<ValueId> outputs;
  std::vector<Gradient> gradients;
  std::vector<at::Tensor> written;  // tensors from outside that the step writes to
  bool draws = false;               // random numbers
};

// Where the bytes of a batch lie: images[index[i]], each byte looked up in the table.
struct Rows {
  const uint8_t* images = nullptr;
  const int64_t* index = nullptr;
  const float* table = nullptr;
};

// A kernel that runs several consecutive instructions of a program at once.
class FusedKernel {
 public:
  virtual ~FusedKernel() = default;
  FusedKernel(const FusedKernel&) = delete;
  FusedKernel& operator=(const FusedKernel&) = delete;
  // Reads its inputs from the slots and puts its results there. `numbers` has one for each placeholder.
  virtual void run(std::vector<at::Tensor>& slots, std::span<const double> numbers) = 0;
  // From now on takes its input from there rather than from the slot; from the slot again where there are none.
  virtual void readFrom(const Rows& /*rows*/) {}

 protected:
  FusedKernel() = default;
};

class EffectAnalysis;

// Runs one instruction, and passes it to an analysis where there is one. Values that are not needed afterwards are
// moved out of their slots, if `move`.
void runInstruction(const Instruction& instruction, std::vector<at::Tensor>& slots, std::span<const double> numbers,
                    bool move, EffectAnalysis* analysis = nullptr);

// An input that is gathered from a set: rows of a tensor by number, bytes mapped by a table where there is one.
struct Source {
  at::Tensor rows;
  at::Tensor table;
  [[nodiscard]] at::Tensor gather(const at::Tensor& index) const;
  // The same without a copy, where that can be. Throws for an index out of range.
  [[nodiscard]] std::optional<Rows> rowsOf(const at::Tensor& index) const;
};

struct Fusion;
class Graphs;
enum class GraphMode : uint8_t;

class Program final : public torch::CustomClassHolder {
 public:
  static constexpr const char* kName = "program";
  Program(Recorded recorded, GraphMode graphs);
  ~Program() override;
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  [[nodiscard]] const Recorded& recorded() const { return recorded_; }
  [[nodiscard]] const Graphs& graphs() const { return *graphs_; }
  // Puts kernels of our own in the place of what they can do; gives why they can do nothing, or "".
  std::string fuseChains();
  [[nodiscard]] bool isFused() const { return fusion_ != nullptr; }

  // One step. `numbers` has one for each placeholder. Throws where an input's meta differs from the recorded one,
  // or where a tensor from outside was given other memory since.
  std::vector<at::Tensor> run(std::span<const at::Tensor> inputs, std::span<const double> numbers);
  // Steps over `permutation[from ...]`, `batch` rows each; `numbers` has a row for each step. On an accelerator they
  // are through when it returns.
  void steps(std::span<const Source> sources, const at::Tensor& permutation, int64_t from, int64_t batch, int64_t count,
             std::span<const double> numbers);

 private:
  friend class Graphs;
  class Running;
  // Of the instructions, those on the host alone, or the others and what they need of the host's.
  enum class Part : uint8_t { kAll, kHost, kDevice };
  void checkExternals() const;
  void checkGradients(std::span<const at::Tensor> inputs, int64_t steps) const;
  void checkInputs(std::span<const at::Tensor> inputs) const;
  // Puts an input in its slot, with the strides that the step was recorded with.
  void setInput(size_t i, const at::Tensor& tensor);
  void gather(std::span<const Source> sources, const at::Tensor& index, bool check);
  void play(std::span<const double> numbers, EffectAnalysis* analysis = nullptr) {
    play(numbers, analysis, {}, Part::kAll);
  }
  void play(std::span<const double> numbers, EffectAnalysis* analysis, const std::vector<bool>& onHost, Part part);
  void finish(std::span<const at::Tensor> inputs);
  // Lets go of all that is not from outside.
  void clear();

  Recorded recorded_;
  std::unique_ptr<Fusion> fusion_;
  std::vector<at::Tensor> slots_;
  std::atomic<bool> running_ = false;
  std::unique_ptr<Graphs> graphs_;
};

}  // namespace torch_node

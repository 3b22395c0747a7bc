// Graphs of programs: steps that an accelerator has captured with everything in them (the gathering of the batch,
// forward, backward, optimizer), and makes again at one call from the host.
//
// Everything that runs here is device-generic: c10's streams, events and guards, and at::accelerator::Graph, which
// libtorch has from 2.13 on. With an older one programs run un-captured.
#pragma once

#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "program.h"

namespace torch_node {

// Batches of a permutation, read at a place that a tensor on its device holds: the same calls give the next batch each
// time, and so can stand in a graph.
class Feed {
 public:
  Feed(const at::Tensor& permutation, int64_t batch, at::Device device);
  // From here on: the contents of a permutation of the same length, and the place of its first row.
  void start(const at::Tensor& permutation, int64_t from);
  at::Tensor next();

  [[nodiscard]] const at::Tensor& place() const { return place_; }
  [[nodiscard]] int64_t length() const { return permutation_.size(0); }
  [[nodiscard]] int64_t batch() const { return offsets_.size(0); }

 private:
  at::Tensor permutation_;
  at::Tensor place_;
  at::Tensor offsets_;
};

// What the instructions touch, by where it lies. Found in a run, since a recording does not say where a result lies.
class EffectAnalysis {
 public:
  explicit EffectAnalysis(at::Device device) : device_(device) {}
  // The number of the instruction that comes next.
  void at(uint32_t index) { index_ = index; }
  void before(const Instruction& instruction, const torch::jit::Stack& stack);
  void after(const torch::jit::Stack& stack);
  // Why a graph would not do what the steps do; empty where it would.
  [[nodiscard]] std::string obstacle() const;
  // The instructions that work on the host alone, of which a graph has nothing; none where they change nothing.
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

// A dry run goes the way of graphs on whatever device and runs what a graph would hold, instead of capturing and
// replaying it: what can be tested where there is no accelerator.
enum class GraphMode : uint8_t { kOff, kOn, kRehearsal };

// The graphs of one program. One thread at a time, as the program itself.
class Graphs {
 public:
  Graphs(Program& program, GraphMode mode);
  ~Graphs();
  Graphs(const Graphs&) = delete;
  Graphs& operator=(const Graphs&) = delete;

  // Steps as Program::steps makes them. False where they are to be made un-captured; nothing has changed then.
  bool steps(std::span<const Source> sources, const at::Tensor& permutation, int64_t from, int64_t batch, int64_t count,
             std::span<const double> numbers);
  // One step as Program::run makes it; nothing where it is to be made un-captured.
  std::optional<std::vector<at::Tensor>> run(std::span<const at::Tensor> inputs, std::span<const double> numbers);

  // How the last steps were made.
  struct Way {
    bool graph = false;
    std::string why;  // where not
    int64_t captures = 0;
    int64_t replays = 0;
  };
  [[nodiscard]] Way way() const;

 private:
  struct Captured;
  class Untouched;
  using Next = std::function<void()>;

  // Steps that go into one graph.
  static constexpr int64_t kTogether = 8;

  bool refuse(std::string why);
  bool possible();
  bool sameSet(std::span<const Source> sources, const at::Tensor& permutation, int64_t batch) const;
  void forget();
  // Throws where that cannot be; everything is as before then.
  std::unique_ptr<Captured> capture(int64_t count, Next next, std::span<const double> numbers);
  void replay(Captured& captured);
  // Has `captured` made if there is none that does the same with these numbers; false where it cannot be made.
  bool provide(std::unique_ptr<Captured>& captured, int64_t count, const Next& next, std::span<const double> numbers);
  at::Tensor given(const at::Tensor& result) const;
  void finish(const Captured& captured, std::span<const at::Tensor> inputs);

  Program& program_;
  GraphMode mode_;
  at::Device device_;
  mutable std::mutex mutex_;  // over what is told: it may be asked for while an epoch runs
  Way way_;
  bool broken_ = false;  // a capture failed: it is not tried again

  std::optional<std::vector<double>> last_;  // the numbers of the step before, captured or not
  std::vector<bool> onHost_;                 // which instructions are to be run on the host at each replay
  bool analyzed_ = false;

  std::optional<Feed> feed_;
  std::vector<Source> sources_;
  std::map<int64_t, std::unique_ptr<Captured>> fed_;  // by how many steps are in it
  std::vector<at::Tensor> inputs_;
  std::unique_ptr<Captured> single_;
  std::optional<c10::Stream> replayed_;  // that the last replay went to
};

// The device that a program's inputs and the tensors from outside lie on; the CPU where they lie on none other.
at::Device deviceOf(const Recorded& recorded);

}  // namespace torch_node

// Graphs of programs: steps captured by an accelerator (the gathering of the batch, forward, backward, optimizer),
// which one call from the host replays.
//
// Everything that runs here is device-generic: c10's streams, events and guards, and at::accelerator::Graph, which
// libtorch has from 2.13 on. With an older one programs run un-captured.
#pragma once

#include <c10/core/Stream.h>

#include <functional>
#include <map>
#include <mutex>
#include <optional>

#include "program.h"

namespace torch_node {

// Batches of a permutation. A tensor on the device holds the place of the next one, so that the same calls, captured,
// give another batch each time.
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

// A dry run takes the path of graphs on any device, and runs a graph's operators instead of capturing and replaying
// them: a test of that path where there is no accelerator.
enum class GraphMode : uint8_t { kOff, kOn, kDryRun };

// The graphs of one program. One thread at a time, as the program itself.
class Graphs {
 public:
  Graphs(Program& program, GraphMode mode);
  ~Graphs();
  Graphs(const Graphs&) = delete;
  Graphs& operator=(const Graphs&) = delete;

  // Steps as Program::steps makes them. False where they have to be made without a graph; nothing has changed then.
  bool steps(std::span<const Source> sources, const at::Tensor& permutation, int64_t from, int64_t batch, int64_t count,
             std::span<const double> numbers);
  // One step as Program::run makes it; nothing where it has to be made without a graph.
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
  // Throws where that is impossible; everything is then as before.
  std::unique_ptr<Captured> capture(int64_t count, Next next, std::span<const double> numbers);
  void replay(Captured& captured);
  // Has `captured` made if there is none that does the same with these numbers; false where it cannot be made.
  bool provide(std::unique_ptr<Captured>& captured, int64_t count, const Next& next, std::span<const double> numbers);
  at::Tensor given(const at::Tensor& result) const;
  void finish(const Captured& captured, std::span<const at::Tensor> inputs);

  Program& program_;
  GraphMode mode_;
  at::Device device_;
  mutable std::mutex mutex_;  // over way_, which may be read while an epoch runs
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
  std::optional<c10::Stream> replayed_;  // the stream of the last replay
};

// The device of a program: that of its inputs and external tensors.
at::Device deviceOf(const Recorded& recorded);

}  // namespace torch_node

// Random numbers: the CPU's, so that results can be compared with those of the CPU. A kernel that draws waits for its
// stream; in a capture it draws when it is replayed, and new numbers each time.
#pragma once

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/Generator.h>

#include "streams.h"

namespace simulated {

class Generator final : public c10::GeneratorImpl {
 public:
  explicit Generator(c10::DeviceIndex device)
      : GeneratorImpl(c10::Device(kType, device), c10::DispatchKeySet(c10::DispatchKey::CUDA)),
        numbers_(at::detail::createCPUGenerator()) {}

  // For kernels.
  at::Generator& numbers() { return numbers_; }

  void set_current_seed(uint64_t seed) override { settled().set_current_seed(seed); }
  [[nodiscard]] uint64_t current_seed() const override { return numbers_.current_seed(); }
  uint64_t seed() override { return settled().seed(); }
  void set_offset(uint64_t /*offset*/) override { TORCH_CHECK(false, "the simulated accelerator has no offsets"); }
  [[nodiscard]] uint64_t get_offset() const override { TORCH_CHECK(false, "the simulated accelerator has no offsets"); }
  void set_state(const c10::TensorImpl& state) override { settled().unsafeGetGeneratorImpl()->set_state(state); }
  [[nodiscard]] c10::intrusive_ptr<c10::TensorImpl> get_state() const override {
    return settled().unsafeGetGeneratorImpl()->get_state();
  }
  void graphsafe_set_state(const c10::intrusive_ptr<c10::GeneratorImpl>& state) override {
    numbers_ = dynamic_cast<Generator&>(*state).numbers_.clone();
  }
  [[nodiscard]] c10::intrusive_ptr<c10::GeneratorImpl> graphsafe_get_state() const override { return clone(); }

 private:
  Generator* clone_impl() const override {
    auto copy = std::make_unique<Generator>(device().index());
    copy->numbers_ = settled().clone();
    return copy.release();
  }
  // Once the replays that are queued have drawn theirs.
  at::Generator& settled() const {
    for (Queue* queue : Streams::of(device().index()).all()) {
      if (!queue->capture()) queue->drain();
    }
    return numbers_;
  }

  mutable at::Generator numbers_;
};

inline const at::Generator& defaultGenerator(c10::DeviceIndex device) {
  static auto& all =
      *new std::array<at::Generator, kDevices>{at::make_generator<Generator>(0), at::make_generator<Generator>(1)};
  return all.at(static_cast<size_t>(device < 0 ? currentDevice : device));
}

}  // namespace simulated

// A slab: values in numbered slots. JavaScript holds the number; the value stays here. Number 0 is never given out, so
// that it can stand for "none". A slot's generation tells a finalizer whether the slot holds another value by now.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace torch_node {

template <class T>
class Slab {
 public:
  uint32_t insert(T value) {
    if (free_.empty()) {
      slots_.push_back({std::move(value), 0, true});
      return static_cast<uint32_t>(slots_.size() - 1);
    }
    const uint32_t index = free_.back();
    free_.pop_back();
    Slot& slot = slots_[index];
    slot.value = std::move(value);
    slot.used = true;
    return index;
  }

  // The value in a slot, or nullptr when the number was never given out or has been released.
  T* find(uint32_t index) { return index < slots_.size() && slots_[index].used ? &slots_[index].value : nullptr; }

  // Takes the value out, so that the caller decides when its destructor runs.
  T take(uint32_t index) {
    Slot& slot = slots_[index];
    T value = std::exchange(slot.value, T{});
    slot.used = false;
    slot.generation++;
    free_.push_back(index);
    return value;
  }

  [[nodiscard]] uint32_t generation(uint32_t index) const { return slots_[index].generation; }

  // Whether the slot still holds the value that it held when its generation was read.
  [[nodiscard]] bool holds(uint32_t index, uint32_t generation) const {
    return index < slots_.size() && slots_[index].used && slots_[index].generation == generation;
  }

  template <class F>
  void each(const F& visit) const {
    for (const Slot& slot : slots_) {
      if (slot.used) visit(slot.value);
    }
  }

  [[nodiscard]] size_t size() const { return slots_.size() - 1 - free_.size(); }

  void clear() {
    slots_.resize(1);
    free_.clear();
  }

 private:
  struct Slot {
    T value{};
    uint32_t generation = 0;
    bool used = false;
  };
  std::vector<Slot> slots_{Slot{}};
  std::vector<uint32_t> free_;
};

}  // namespace torch_node

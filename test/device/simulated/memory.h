// Memory of the simulated accelerator. Each device has one file in memory, mapped twice: where its tensors point to,
// nothing may be read or written, so that a host that touches device memory crashes; kernels use the other mapping.
// Freed memory is overwritten in the order of its stream, so that what is used too long shows.
#pragma once

#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <set>

#include "streams.h"

namespace simulated {

constexpr size_t kCapacity = size_t{1} << 33;   // that a device says it has; memory is taken as it is used
constexpr size_t kAddresses = size_t{1} << 38;  // blocks of another size get others
constexpr size_t kGap = 4096;                   // between blocks, so that writing past the end of one hits nothing
constexpr int kPoison = 0xff;                   // a NaN in every floating point type

inline std::atomic<int64_t> allocations{0};
// The allocation that fails, counted from the next one as 1; 0 for none.
inline std::atomic<int64_t> failAllocation{0};

struct DeviceMemory {
  char* shut = nullptr;
  char* open = nullptr;
  std::mutex mutex;
  size_t top = 0;
  std::map<std::pair<c10::StreamId, size_t>, std::vector<size_t>> cached;  // offsets by stream and size
  std::map<size_t, std::vector<size_t>> returned;                          // those that were given back
  c10::CachingDeviceAllocator::DeviceStats statistics;

  static DeviceMemory& of(c10::DeviceIndex device) {
    static auto& all = *[] {
      auto made = std::make_unique<std::array<DeviceMemory, kDevices>>();
      for (DeviceMemory& memory : *made) {
        const int file = memfd_create("simulated", 0);
        TORCH_CHECK(file >= 0 && ftruncate(file, kAddresses) == 0, "no memory for the simulated accelerator");
        memory.shut = map(file, PROT_NONE);
        memory.open = map(file, PROT_READ | PROT_WRITE);
      }
      return made.release();
    }();
    return all.at(static_cast<size_t>(device));
  }
  void giveBack(size_t offset, size_t size) {
    madvise(open + offset, size, MADV_REMOVE);
    returned[size].push_back(offset);
    change(statistics.reserved_bytes, -static_cast<int64_t>(size));
    change(statistics.segment, -1);
    statistics.num_device_free++;
  }
  // A block that no list has; nothing where the device is full.
  std::optional<size_t> fresh(size_t size) {
    if (static_cast<size_t>(statistics.reserved_bytes[0].current) + size > kCapacity) return std::nullopt;
    size_t offset = top;
    if (auto& free = returned[size]; !free.empty()) {
      offset = free.back();
      free.pop_back();
    } else {
      TORCH_CHECK(top + size + kGap <= kAddresses, "the simulated accelerator has no addresses left");
      top += size + kGap;
    }
    change(statistics.reserved_bytes, static_cast<int64_t>(size));
    change(statistics.segment, 1);
    statistics.num_device_alloc++;
    return offset;
  }
  static void change(c10::CachingAllocator::StatArray& stat, int64_t by) {
    auto& all = stat[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)];
    if (by >= 0) {
      all.increase(static_cast<size_t>(by));
    } else {
      all.decrease(static_cast<size_t>(-by));
    }
  }
  void countLive(int64_t blocks, int64_t bytes, int64_t requested) {
    change(statistics.allocation, blocks);
    change(statistics.active, blocks);
    change(statistics.allocated_bytes, bytes);
    change(statistics.active_bytes, bytes);
    change(statistics.requested_bytes, requested);
  }

 private:
  static char* map(int file, int protection) {
    void* out = mmap(nullptr, kAddresses, protection, MAP_SHARED | MAP_NORESERVE, file, 0);
    TORCH_CHECK(out != MAP_FAILED, "no addresses for the simulated accelerator");
    return static_cast<char*>(out);
  }
};

// Which device a pointer belongs to; -1 for none.
inline c10::DeviceIndex deviceOf(const void* pointer) {
  for (c10::DeviceIndex device = 0; device < kDevices; device++) {
    const char* shut = DeviceMemory::of(device).shut;
    const auto* at = static_cast<const char*>(pointer);
    if (at >= shut && at < shut + kAddresses) return device;
  }
  return -1;
}
// Where a kernel finds what lies at a pointer.
inline void* opened(const void* pointer) {
  const c10::DeviceIndex device = deviceOf(pointer);
  if (device < 0) return const_cast<void*>(pointer);
  const DeviceMemory& memory = DeviceMemory::of(device);
  return memory.open + (static_cast<const char*>(pointer) - memory.shut);
}

// The memory of graphs that have it in common. It goes back to the device with the last graph and the last block.
struct Pool {
  c10::DeviceIndex device = 0;
  std::map<size_t, std::vector<size_t>> free;

  ~Pool() {
    try {
      for (Queue* queue : Streams::of(device).all()) queue->drain();
      DeviceMemory& memory = DeviceMemory::of(device);
      const std::lock_guard lock(memory.mutex);
      for (const auto& [size, offsets] : free) {
        for (const size_t offset : offsets) memory.giveBack(offset, size);
      }
    } catch (const std::exception& error) {
      TORCH_WARN("a pool could not be given back: ", error.what());
    }
  }
};

struct Block {
  c10::DeviceIndex device;
  c10::StreamId stream;
  size_t offset;
  size_t size;
  size_t requested;
  std::set<c10::StreamId> others;  // streams that it was recorded on
  std::shared_ptr<Pool> pool;      // of the graph that it was made in

  static void release(void* context) {
    const std::unique_ptr<Block> block(static_cast<Block*>(context));
    Queue& own = Streams::of(block->device).queue(block->stream);
    DeviceMemory& memory = DeviceMemory::of(block->device);
    for (const c10::StreamId other : block->others) {
      const auto fence = std::make_shared<Fence>();
      Streams::of(block->device).queue(other).push([fence] { fence->open(); });
      own.push([fence] { fence->wait(); });
    }
    const auto poison = [at = memory.open + block->offset, size = block->size] { memset(at, kPoison, size); };
    const auto capture = own.capture();
    const bool inItsCapture = capture && capture->pool == block->pool;
    if (block->pool) {
      // After the capture a graph's memory stays as its replays leave it.
      if (inItsCapture) own.push(poison);
    } else {
      own.pushNow(poison);
    }
    const std::lock_guard lock(memory.mutex);
    memory.countLive(-1, -static_cast<int64_t>(block->size), -static_cast<int64_t>(block->requested));
    if (block->pool) {
      block->pool->free[block->size].push_back(block->offset);
    } else {
      memory.cached[{block->stream, block->size}].push_back(block->offset);
    }
  }
};

class DeviceAllocator final : public c10::DeviceAllocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    const c10::DeviceIndex device = currentDevice;
    const c10::Device place(kType, device);
    if (bytes == 0) return {nullptr, place};
    allocations++;
    const size_t size = (bytes + 511) / 512 * 512;
    const c10::StreamId stream = currentStreams.at(static_cast<size_t>(device));
    const auto capture = Streams::of(device).queue(stream).capture();
    DeviceMemory& memory = DeviceMemory::of(device);
    std::optional<size_t> offset;
    if (failAllocation == 0 || --failAllocation != 0) {
      {
        const std::lock_guard lock(memory.mutex);
        auto& cached = capture ? capture->pool->free[size] : memory.cached[{stream, size}];
        if (!cached.empty()) {
          offset = cached.back();
          cached.pop_back();
        } else {
          offset = memory.fresh(size);
        }
      }
      if (!offset && !capture) {
        emptyCache();
        const std::lock_guard lock(memory.mutex);
        memory.statistics.num_alloc_retries++;
        offset = memory.fresh(size);
      }
    }
    if (!offset) outOfMemory(device, bytes);
    const std::lock_guard lock(memory.mutex);
    memory.countLive(1, static_cast<int64_t>(size), static_cast<int64_t>(bytes));
    auto block = std::make_unique<Block>(
        Block{device, stream, *offset, size, bytes, {}, capture ? capture->pool : std::shared_ptr<Pool>()});
    return {memory.shut + *offset, block.release(), &Block::release, place};
  }
  [[nodiscard]] c10::DeleterFnPtr raw_deleter() const override { return nullptr; }
  void copy_data(void* to, const void* from, size_t bytes) const override { memcpy(opened(to), opened(from), bytes); }

  bool initialized() override { return true; }
  void emptyCache(c10::MempoolId_t /*pool*/ = {0, 0}) override {
    for (c10::DeviceIndex device = 0; device < kDevices; device++) {
      for (Queue* queue : Streams::of(device).all()) {
        if (!queue->capture()) queue->drain();
      }
      DeviceMemory& memory = DeviceMemory::of(device);
      const std::lock_guard lock(memory.mutex);
      for (const auto& [key, offsets] : memory.cached) {
        for (const size_t offset : offsets) memory.giveBack(offset, key.second);
      }
      memory.cached.clear();
    }
  }
  void recordStream(const c10::DataPtr& pointer, c10::Stream stream) override {
    auto* block = static_cast<Block*>(pointer.get_context());
    if (!block || stream.id() == block->stream) return;
    const std::lock_guard lock(DeviceMemory::of(block->device).mutex);
    block->others.insert(stream.id());
  }
  c10::CachingDeviceAllocator::DeviceStats getDeviceStats(c10::DeviceIndex device) override {
    DeviceMemory& memory = DeviceMemory::of(device);
    const std::lock_guard lock(memory.mutex);
    return memory.statistics;
  }
  void resetAccumulatedStats(c10::DeviceIndex device) override {
    forEach(device, [](c10::CachingAllocator::Stat& stat) { stat.reset_accumulated(); });
  }
  void resetPeakStats(c10::DeviceIndex device) override {
    forEach(device, [](c10::CachingAllocator::Stat& stat) { stat.reset_peak(); });
  }
  std::pair<size_t, size_t> getMemoryInfo(c10::DeviceIndex device) override {
    DeviceMemory& memory = DeviceMemory::of(device);
    const std::lock_guard lock(memory.mutex);
    return {kCapacity - reserved(memory), kCapacity};
  }

 private:
  static size_t reserved(const DeviceMemory& memory) {
    return static_cast<size_t>(memory.statistics.reserved_bytes[0].current);
  }
  template <class F>
  static void forEach(c10::DeviceIndex device, F change) {
    DeviceMemory& memory = DeviceMemory::of(device);
    const std::lock_guard lock(memory.mutex);
    auto& all = memory.statistics;
    for (auto* array : {&all.allocation, &all.segment, &all.active, &all.inactive_split, &all.allocated_bytes,
                        &all.reserved_bytes, &all.active_bytes, &all.inactive_split_bytes, &all.requested_bytes}) {
      for (auto& stat : *array) change(stat);
    }
  }
  [[noreturn]] static void outOfMemory(c10::DeviceIndex device, size_t bytes) {
    DeviceMemory& memory = DeviceMemory::of(device);
    const std::lock_guard lock(memory.mutex);
    memory.statistics.num_ooms++;
    const auto mebibytes = [](size_t count) { return std::to_string(count >> 20) + " MiB"; };
    TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory. Tried to allocate ", mebibytes(bytes), ". GPU ",
                     static_cast<int>(device), " has a total capacity of ", mebibytes(kCapacity), " of which ",
                     mebibytes(kCapacity - reserved(memory)), " is free. Of the allocated memory ",
                     mebibytes(static_cast<size_t>(memory.statistics.allocated_bytes[0].current)),
                     " is allocated by PyTorch.");
  }
};

inline DeviceAllocator& deviceAllocator() {
  static DeviceAllocator one;
  return one;
}

// ---- pinned memory of the host ----

// A block that a copy still reads or writes is kept until that has run.
class PinnedAllocator final : public c10::Allocator {
 public:
  static PinnedAllocator& get() {
    static auto& one = *new PinnedAllocator();
    return one;
  }
  c10::DataPtr allocate(size_t bytes) override {
    void* pointer = c10::alloc_cpu(std::max<size_t>(bytes, 64));
    const std::lock_guard lock(mutex_);
    collect();
    live_[static_cast<char*>(pointer)] = {bytes, {}};
    return {pointer, pointer, &release, c10::kCPU};
  }
  [[nodiscard]] c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, size_t bytes) const override { memcpy(to, from, bytes); }

  bool holds(const void* pointer) {
    const std::lock_guard lock(mutex_);
    return find(pointer) != live_.end();
  }
  // That a copy which ends at `fence` uses the block.
  void usedUntil(const void* pointer, std::shared_ptr<Fence> fence) {
    const std::lock_guard lock(mutex_);
    if (const auto found = find(pointer); found != live_.end()) found->second.second.push_back(std::move(fence));
  }

 private:
  using Fences = std::vector<std::shared_ptr<Fence>>;
  using Live = std::map<char*, std::pair<size_t, Fences>>;

  Live::iterator find(const void* pointer) {
    auto after = live_.upper_bound(static_cast<char*>(const_cast<void*>(pointer)));
    if (after == live_.begin()) return live_.end();
    const auto found = std::prev(after);
    return static_cast<const char*>(pointer) < found->first + found->second.first ? found : live_.end();
  }
  static void release(void* pointer) {
    PinnedAllocator& self = get();
    const std::lock_guard lock(self.mutex_);
    const auto found = self.live_.find(static_cast<char*>(pointer));
    self.released_.emplace_back(found->first, std::move(found->second.second));
    self.live_.erase(found);
    self.collect();
  }
  void collect() {
    std::erase_if(released_, [](const auto& each) {
      for (const auto& fence : each.second) {
        if (!fence->isOpen()) return false;
      }
      c10::free_cpu(each.first);
      return true;
    });
  }

  std::mutex mutex_;
  Live live_;
  std::vector<std::pair<char*, Fences>> released_;
};

}  // namespace simulated

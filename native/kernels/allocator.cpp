// libtorch's memory on the CPU, with small blocks kept for the next tensor of their size. glibc is slow at
// aligned blocks: an addition of 8 floats in C++ takes 565 ns, and 467 with such an allocator.
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>

#include <array>
#include <cstring>
#include <memory>

#if defined(__GLIBC__)
#include <malloc.h>
#elif defined(__APPLE__)
#include <malloc/malloc.h>
#endif

#include "bindings.h"

namespace torch_node {

#if defined(__GLIBC__) || defined(__APPLE__)

namespace {

// Blocks are multiples of this, which is also how libtorch aligns them.
constexpr size_t kGrain = 64;
// Larger ones are not kept: what an operator does with them takes far longer than getting them.
constexpr size_t kLargest = 8192;
// What a thread keeps at most, in bytes.
constexpr size_t kMost = size_t{1} << 20;

// How much of a block may be used; at least what was asked for.
size_t usable(void* block) {
#ifdef __GLIBC__
  return malloc_usable_size(block);
#else
  return malloc_size(block);
#endif
}

// The blocks that a thread keeps, by size. Each holds the address of the next in its first bytes. Trivial, so that
// it is there until the thread's last instruction: tensors are released by destructors of other thread-local objects
// too.
struct ThreadCache {
  std::array<void*, (kLargest / kGrain) + 1> first;
  size_t bytes;
  bool closed;

  void* take(size_t grains) {
    void* block = first[grains];
    if (block != nullptr) {
      std::memcpy(static_cast<void*>(&first[grains]), block, sizeof(void*));
      bytes -= grains * kGrain;
    }
    return block;
  }

  bool put(void* block, size_t grains) {
    if (closed) return false;
    // Everything goes, not this block alone: otherwise sizes that nobody asks for any more would fill the cache for
    // good.
    if (bytes + (grains * kGrain) > kMost) clear();
    std::memcpy(block, static_cast<const void*>(&first[grains]), sizeof(void*));
    first[grains] = block;
    bytes += grains * kGrain;
    return true;
  }

  void clear() {
    for (size_t grains = 1; grains < first.size(); grains++) {
      while (void* block = take(grains)) c10::free_cpu(block);
    }
  }
};

// Empties a cache when its thread ends.
class Closing {
 public:
  explicit Closing(ThreadCache& cache) : cache_(&cache) {}
  Closing(const Closing&) = delete;
  Closing& operator=(const Closing&) = delete;
  ~Closing() {
    cache_->clear();
    cache_->closed = true;
  }

 private:
  ThreadCache* cache_;
};

ThreadCache& threadCache() {
  thread_local ThreadCache cache{};
  thread_local const Closing closing(cache);
  return cache;
}

void release(void* block) {
  if (block == nullptr) return;
  c10::profiledCPUMemoryReporter().Delete(block);
  const size_t grains = usable(block) / kGrain;
  if (grains == 0 || grains > kLargest / kGrain || !threadCache().put(block, grains)) c10::free_cpu(block);
}

class SmallBlocks final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* block = get(bytes);
    if (block != nullptr) c10::profiledCPUMemoryReporter().New(block, bytes);
    return {block, block, &release, at::Device(at::kCPU)};
  }
  [[nodiscard]] c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }

 private:
  static void* get(size_t bytes) {
    if (bytes == 0) return nullptr;
    if (bytes > kLargest) return fresh(bytes);
    const size_t grains = (bytes + kGrain - 1) / kGrain;
    void* block = threadCache().take(grains);
    return block != nullptr ? block : fresh(grains * kGrain);
  }

  static void* fresh(size_t bytes) {
    try {
      return c10::alloc_cpu(bytes);
    } catch (const c10::Error& error) {
      c10::profiledCPUMemoryReporter().OutOfMemory(bytes);
      // libtorch has a class for this, which its own allocator for the host does not use.
      C10_THROW_ERROR(OutOfMemoryError, error.what_without_backtrace());
    }
  }
};

}  // namespace

void keepSmallBlocks() {
  // Never destroyed: libtorch's own statics release tensors after this library's.
  static c10::Allocator* const kBlocks = [] {
    c10::Allocator* blocks = std::make_unique<SmallBlocks>().release();
    c10::SetCPUAllocator(blocks, 1);
    return blocks;
  }();
  (void)kBlocks;
}

#else

// Where a block does not tell its size, libtorch's own way stays.
void keepSmallBlocks() {}

#endif

}  // namespace torch_node

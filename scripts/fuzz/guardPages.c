// Preloaded into the fuzzer's child by --guard: what libtorch gets for a tensor ends where memory begins that nobody may
// touch, and no address is given twice, so that an operator which reads or writes beyond a tensor, or after its release,
// dies at once, not some calls later or never. TORCH_NODE_GUARD=before has the forbidden page before the block.
#define _GNU_SOURCE
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096 };
static const size_t PAGES = (size_t)1 << 26;  // 256 GiB of addresses

extern void* __libc_memalign(size_t, size_t);
extern void __libc_free(void*);
extern void* __libc_realloc(void*, size_t);

static char* arena;
static uint32_t* pagesOf;  // of the block that begins at a page
static atomic_size_t next;
static int before;

__attribute__((constructor)) static void reserve(void) {
  char* at = mmap(NULL, PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  void* table = mmap(NULL, PAGES * sizeof(uint32_t), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED || table == MAP_FAILED) abort();
  const char* wish = getenv("TORCH_NODE_GUARD");
  before = wish != NULL && strcmp(wish, "before") == 0;
  pagesOf = table;
  arena = at;
}

static int isOurs(const void* block) {
  return arena != NULL && (const char*)block >= arena && (const char*)block < arena + PAGES * PAGE;
}

int posix_memalign(void** out, size_t alignment, size_t size) {
  const size_t pages = (size + PAGE - 1) / PAGE;
  if (arena == NULL || alignment != 64 || size == 0 || pages > PAGES / 64) {
    void* block = __libc_memalign(alignment, size);
    if (block == NULL) return ENOMEM;
    *out = block;
    return 0;
  }
  const size_t first = atomic_fetch_add(&next, pages + 1) + 1;  // the page in front stays forbidden
  if (first + pages + 1 >= PAGES) return ENOMEM;
  char* start = arena + first * PAGE;
  if (mprotect(start, pages * PAGE, PROT_READ | PROT_WRITE) != 0) return ENOMEM;
  pagesOf[first] = (uint32_t)pages;
  // Aligned as far as the block can end where the page does: its elements are aligned, and vectors ask for no more.
  *out = before ? start : start + (pages * PAGE - size);
  // What nobody has written is no zero either.
  memset(*out, 0xA5, size);
  return 0;
}

void free(void* block) {
  if (!isOurs(block)) return __libc_free(block);
  const size_t first = (size_t)((char*)block - arena) / PAGE;
  char* start = arena + first * PAGE;
  const size_t bytes = (size_t)pagesOf[first] * PAGE;
  madvise(start, bytes, MADV_DONTNEED);
  mprotect(start, bytes, PROT_NONE);
}

void* realloc(void* block, size_t size) {
  if (isOurs(block)) abort();
  return __libc_realloc(block, size);
}

// torch-node's allocator keeps small blocks and rounds their sizes up; libtorch's own stays.
void _ZN3c1015SetCPUAllocatorEPNS_9AllocatorEh(void* allocator, uint8_t priority) {
  (void)allocator;
  (void)priority;
}

#define _GNU_SOURCE
#include "platform.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

// Room for every file of a store that is mapped at once; beyond it files are read instead.
#define MAPPINGS 16384

static struct {
  _Atomic uintptr_t start;
  _Atomic uintptr_t end;
  _Atomic int failed;
} mappings[MAPPINGS];

static _Atomic int used;  // Slots below this were taken at some time.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t installed = PTHREAD_ONCE_INIT;
static struct sigaction before;
static uintptr_t page_size;

static void bus_error(int number, siginfo_t *info, void *context) {
  uintptr_t address = (uintptr_t)info->si_addr;
  int count = atomic_load(&used);
  for (int i = 0; i < count; i++) {
    uintptr_t start = atomic_load(&mappings[i].start);
    if (start == 0 || address < start || address >= atomic_load(&mappings[i].end)) continue;
    // Another thread may have given this slot to another mapping between the two loads.
    if (atomic_load(&mappings[i].start) != start) continue;
    atomic_store(&mappings[i].failed, 1);
    void *page = (void *)(address & ~(page_size - 1));
    if (mmap(page, page_size, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED) return;
    break;
  }
  // Not ours: the same instruction faults again, under the handler that stood here before. A signal that a process sent has no
  // instruction that would; it is sent once more and comes when this handler returns.
  sigaction(number, &before, NULL);
  if (info->si_code <= 0) raise(number);
  (void)context;
}

static void install(void) {
  page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
  struct sigaction action = {.sa_sigaction = bus_error, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, &before);
}

const void *tally_map(int fd, size_t length, int *slot) {
  pthread_once(&installed, install);
  void *memory = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) {
    *slot = -errno;
    return NULL;
  }
  pthread_mutex_lock(&lock);
  int count = atomic_load(&used);
  int free = 0;
  while (free < count && atomic_load(&mappings[free].start) != 0) free++;
  if (free < MAPPINGS) {
    atomic_store(&mappings[free].failed, 0);
    atomic_store(&mappings[free].end, (uintptr_t)memory + length);
    atomic_store(&mappings[free].start, (uintptr_t)memory);
    if (free == count) atomic_store(&used, count + 1);
  }
  pthread_mutex_unlock(&lock);
  if (free == MAPPINGS) {
    munmap(memory, length);
    *slot = -ENOMEM;
    return NULL;
  }
  *slot = free;
  return memory;
}

void tally_unmap(int slot) {
  pthread_mutex_lock(&lock);
  uintptr_t start = atomic_load(&mappings[slot].start);
  uintptr_t end = atomic_load(&mappings[slot].end);
  // The slot is given up after its memory is gone, so that no fault of it can meet a new owner's entry.
  munmap((void *)start, end - start);
  atomic_store(&mappings[slot].start, 0);
  pthread_mutex_unlock(&lock);
}

int tally_map_failed(int slot) {
  // Whoever has read zeros of a page that another thread's fault put there must see the mark, which was set before.
  atomic_thread_fence(memory_order_acquire);
  return atomic_load(&mappings[slot].failed);
}

void tally_release(const void *start, size_t length) { madvise((void *)(uintptr_t)start, length, MADV_DONTNEED); }

static size_t whole_pages(size_t bytes) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  return (bytes + page - 1) / page * page;
}

void *tally_zero_memory(size_t bytes, size_t alignment) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  size_t wanted = whole_pages(bytes);
  // The kernel aligns to pages; what is mapped too much for more than that goes back at once.
  size_t spare = alignment > page ? alignment - page : 0;
  if (wanted < bytes || wanted + spare < wanted) return NULL;
  char *found = mmap(NULL, wanted + spare, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (found == MAP_FAILED) return NULL;
  size_t before = spare ? (alignment - (uintptr_t)found % alignment) % alignment : 0;
  if (before > 0) munmap(found, before);
  if (spare > before) munmap(found + before + wanted, spare - before);
  return found + before;
}

void tally_free_zero_memory(void *memory, size_t bytes) { munmap(memory, whole_pages(bytes)); }

// What Swift cannot import from the C library by itself: the Linux calls that need _GNU_SOURCE or are variadic,
// and the instructions that have no Swift spelling. No logic lives here.
#ifndef TALLY_PLATFORM_H
#define TALLY_PLATFORM_H

#include <stddef.h>
#include <stdint.h>

struct sockaddr;

// CRC-32C (Castagnoli, reflected 0x82F63B78) of `length` bytes, continuing from `crc` (0 at the start).
// Uses the processor's instruction where there is one, eight table look-ups a step elsewhere.
uint32_t tally_crc32c(uint32_t crc, const void *bytes, size_t length);

// The first of the values `first` ..< `first` + `count` that stand side by side in `width` bits each from the start of `source` on,
// each plus `base`, by the processor's vectors. Loads stay within the `available` bytes. Returns how many it has unpacked, maybe none:
// the others are the caller's.
size_t tally_unpack(const void *source, size_t available, size_t first, size_t count, unsigned width, uint64_t base,
                    uint64_t *to);

// Files. Each returns a result >= 0, or -errno.
int tally_open(const char *path, int flags, unsigned mode);
int64_t tally_pread(int fd, void *buffer, size_t length, uint64_t offset);
int64_t tally_pwrite(int fd, const void *buffer, size_t length, uint64_t offset);
int tally_fallocate(int fd, uint64_t length);
// Asks the device to begin writing a range out. Says nothing about what is durable, and its errors come out at the next sync.
void tally_start_writeback(int fd, uint64_t offset, uint64_t count);
extern const int TALLY_O_DIRECT;

// Read-only mappings of whole files. `tally_map` returns the address, or NULL with -errno in *slot; otherwise *slot names the
// mapping. A page that the device cannot deliver reads as zeros and marks the mapping, instead of ending the process: the
// handler of SIGBUS maps a zero page over it. A fault anywhere else goes the way it went before.
const void *tally_map(int fd, size_t length, int *slot);
void tally_unmap(int slot);
// Takes the pages of a mapping out of this process's memory; they come back when they are touched.
void tally_release(const void *start, size_t length);

// `bytes` of memory that is zero and there only once it is touched, aligned to `alignment`, a power of two; null where there is
// none. To be given back whole.
void *tally_zero_memory(size_t bytes, size_t alignment);
void tally_free_zero_memory(void *memory, size_t bytes);
int tally_map_failed(int slot);

// Sockets and readiness. Each returns a result >= 0, or -errno.
int tally_accept(int fd, struct sockaddr *address, unsigned *length);
int tally_epoll_create(void);
int tally_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t data);
// Fills `events` and `data`, at most `capacity` of them; -EINTR is reported as 0.
int tally_epoll_wait(int epoll, uint32_t *events, uint64_t *data, int capacity, int timeout_ms);
// The same with a timeout in nanoseconds (negative: no timeout).
int tally_epoll_wait_ns(int epoll, uint32_t *events, uint64_t *data, int capacity, int64_t timeout_ns);
int tally_eventfd(void);
// Sleeps until `fd` can be read, for at most `timeout_ns` (not negative); a signal may end it too.
void tally_wait_readable_ns(int fd, int64_t timeout_ns);

// Sleep while *word == expected, for at most `timeout_ns` (negative: no limit). Spurious wake-ups happen.
void tally_futex_wait(const uint32_t *word, uint32_t expected, int64_t timeout_ns);
void tally_futex_wake(const uint32_t *word, int count);

// Fills `buffer` from the kernel's generator.
void tally_random(void *buffer, size_t length);

// Nanoseconds of CLOCK_MONOTONIC, and of CLOCK_REALTIME since 1970.
int64_t tally_monotonic_ns(void);
int64_t tally_realtime_ns(void);
// CPU nanoseconds used by this process so far (user + system).
int64_t tally_process_cpu_ns(void);

// Signals. `tally_ignore_signal` sets SIG_IGN; `tally_signal_fd` blocks the signals of `mask` (bit n = signal n) in the
// calling thread, and so in every thread it starts later, and returns a descriptor that reports them, or -errno.
void tally_ignore_signal(int signal);
int tally_signal_fd(uint64_t mask);
// The number of the next signal that `fd` reports, or -errno.
int tally_signal_next(int fd);

// Starts `path` with `arguments` (NULL-terminated), its output and errors going to the two descriptors, no signal blocked.
// With `follow` the child is killed when the thread that started it ends. Returns the process id, or -errno.
int tally_spawn(const char *path, const char *const *arguments, int output, int errors, int follow);

// Raises the soft limit of open descriptors to the hard one; returns the limit in force, or -errno.
int64_t tally_raise_descriptor_limit(void);

void tally_thread_name(const char *name);
// Sets the nice value of the calling thread.
void tally_nice(int value);
/* Puts the calling thread into the idle scheduling class. */
void tally_idle(void);
// Asks for this slice of time for the calling thread, 0.1 to 100 ms; a kernel that knows of none goes on as it does.
void tally_slice(uint64_t nanoseconds);

static inline void tally_prefetch(const void *address) { __builtin_prefetch(address, 1, 3); }
static inline void tally_prefetch_to_read(const void *address) { __builtin_prefetch(address, 0, 3); }

// Bit i is set where tags[i] == tag, for 8 tags.
static inline uint32_t tally_match8(const void *tags, uint16_t tag) {
  typedef short v8 __attribute__((vector_size(16), aligned(2), may_alias));
  typedef char b16 __attribute__((vector_size(16)));
  v8 needle = {(short)tag, (short)tag, (short)tag, (short)tag, (short)tag, (short)tag, (short)tag, (short)tag};
  v8 equal = (*(const v8 *)tags == needle);
#if defined(__x86_64__)
  typedef short s8 __attribute__((vector_size(16)));
  b16 packed = (b16)__builtin_ia32_packsswb128((s8)equal, (s8)equal);
  return (uint32_t)__builtin_ia32_pmovmskb128(packed) & 0xFF;
#else
  uint32_t mask = 0;
  for (int i = 0; i < 8; i++) mask |= (uint32_t)(equal[i] & 1) << i;
  return mask;
#endif
}

#endif

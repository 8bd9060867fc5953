#define _GNU_SOURCE
#include "platform.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint32_t crc_table[8][256];

static void build_crc_table(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t crc = i;
    for (int k = 0; k < 8; k++) crc = crc & 1 ? (crc >> 1) ^ 0x82F63B78u : crc >> 1;
    crc_table[0][i] = crc;
  }
  for (int slice = 1; slice < 8; slice++)
    for (uint32_t i = 0; i < 256; i++)
      crc_table[slice][i] = (crc_table[slice - 1][i] >> 8) ^ crc_table[0][crc_table[slice - 1][i] & 0xFF];
}

static uint32_t crc32c_table(uint32_t crc, const uint8_t *p, size_t n) {
  for (; n >= 8; p += 8, n -= 8) {
    uint32_t low, high;
    memcpy(&low, p, 4);
    memcpy(&high, p + 4, 4);
    low ^= crc;
    crc = crc_table[7][low & 0xFF] ^ crc_table[6][(low >> 8) & 0xFF] ^ crc_table[5][(low >> 16) & 0xFF] ^
          crc_table[4][low >> 24] ^ crc_table[3][high & 0xFF] ^ crc_table[2][(high >> 8) & 0xFF] ^
          crc_table[1][(high >> 16) & 0xFF] ^ crc_table[0][high >> 24];
  }
  for (; n > 0; n--) crc = (crc >> 8) ^ crc_table[0][(crc ^ *p++) & 0xFF];
  return crc;
}

#if defined(__x86_64__)
// The instruction has its result after three cycles and can begin a new one each cycle: so three streams are read side by
// side. A sum is linear: what it becomes behind so many zero bytes is the xor of what its four bytes become, and the sum of
// two streams is the first one's behind zeros, xor the second one's. (Gopal et al., "Fast CRC computation for iSCSI polynomial
// using CRC32 instruction", 2011; tables in the place of a multiplication without carries.)
enum { CRC_STREAM = 1360 };  // three are 16 bytes less than a frame of 4 KiB

static uint32_t crc_behind[4][256];

static void build_crc_behind(void) {
  static const uint8_t zeros[CRC_STREAM];
  for (int byte = 0; byte < 4; byte++)
    for (int bit = 0; bit < 8; bit++) {
      uint32_t one = crc32c_table(1u << (8 * byte + bit), zeros, CRC_STREAM);
      for (int i = 0; i < 256; i++)
        if (i >> bit & 1) crc_behind[byte][i] ^= one;
    }
}

static uint32_t behind_stream(uint32_t crc) {
  return crc_behind[0][crc & 0xFF] ^ crc_behind[1][(crc >> 8) & 0xFF] ^ crc_behind[2][(crc >> 16) & 0xFF] ^
         crc_behind[3][crc >> 24];
}

__attribute__((target("sse4.2"))) static uint32_t crc32c_hardware(uint32_t crc, const uint8_t *p, size_t n) {
  for (; n >= 3 * CRC_STREAM; p += 3 * CRC_STREAM, n -= 3 * CRC_STREAM) {
    uint64_t first = crc, second = 0, third = 0;
    for (const uint8_t *q = p; q < p + CRC_STREAM; q += 8) {
      uint64_t a, b, c;
      memcpy(&a, q, 8);
      memcpy(&b, q + CRC_STREAM, 8);
      memcpy(&c, q + 2 * CRC_STREAM, 8);
      first = __builtin_ia32_crc32di(first, a);
      second = __builtin_ia32_crc32di(second, b);
      third = __builtin_ia32_crc32di(third, c);
    }
    crc = behind_stream(behind_stream((uint32_t)first) ^ (uint32_t)second) ^ (uint32_t)third;
  }
  uint64_t wide = crc;
  for (; n >= 8; p += 8, n -= 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    wide = __builtin_ia32_crc32di(wide, word);
  }
  crc = (uint32_t)wide;
  for (; n > 0; n--) crc = __builtin_ia32_crc32qi(crc, *p++);
  return crc;
}
#endif

__attribute__((constructor)) static void build_crc(void) {
  build_crc_table();
#if defined(__x86_64__)
  build_crc_behind();
#endif
}

uint32_t tally_crc32c(uint32_t crc, const void *bytes, size_t length) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return ~crc32c_hardware(~crc, bytes, length);
#endif
  return ~crc32c_table(~crc, bytes, length);
}

const int TALLY_O_DIRECT = O_DIRECT;

int tally_open(const char *path, int flags, unsigned mode) {
  int fd = open(path, flags | O_CLOEXEC, mode);
  return fd < 0 ? -errno : fd;
}

int64_t tally_pread(int fd, void *buffer, size_t length, uint64_t offset) {
  ssize_t n = pread(fd, buffer, length, (off_t)offset);
  return n < 0 ? -errno : n;
}

int64_t tally_pwrite(int fd, const void *buffer, size_t length, uint64_t offset) {
  ssize_t n = pwrite(fd, buffer, length, (off_t)offset);
  return n < 0 ? -errno : n;
}

void tally_start_writeback(int fd, uint64_t offset, uint64_t count) {
  sync_file_range(fd, (off_t)offset, (off_t)count, SYNC_FILE_RANGE_WRITE);
}

int tally_fallocate(int fd, uint64_t length) { return fallocate(fd, 0, 0, (off_t)length) < 0 ? -errno : 0; }

int tally_accept(int fd, struct sockaddr *address, unsigned *length) {
  int client = accept4(fd, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  return client < 0 ? -errno : client;
}

int tally_epoll_create(void) {
  int fd = epoll_create1(EPOLL_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

int tally_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t data) {
  struct epoll_event event = {.events = events, .data.u64 = data};
  return epoll_ctl(epoll, operation, fd, &event) < 0 ? -errno : 0;
}

#define BATCH 512

static int unpack(const struct epoll_event *ready, int n, uint32_t *events, uint64_t *data) {
  for (int i = 0; i < n; i++) {
    events[i] = ready[i].events;
    data[i] = ready[i].data.u64;
  }
  return n;
}

int tally_epoll_wait(int epoll, uint32_t *events, uint64_t *data, int capacity, int timeout_ms) {
  struct epoll_event ready[BATCH];
  int n = epoll_wait(epoll, ready, capacity < BATCH ? capacity : BATCH, timeout_ms);
  if (n < 0) return errno == EINTR ? 0 : -errno;
  return unpack(ready, n, events, data);
}

int tally_epoll_wait_ns(int epoll, uint32_t *events, uint64_t *data, int capacity, int64_t timeout_ns) {
  struct epoll_event ready[BATCH];
  struct timespec limit = {timeout_ns / 1000000000, timeout_ns % 1000000000};
  int n = epoll_pwait2(epoll, ready, capacity < BATCH ? capacity : BATCH, timeout_ns < 0 ? NULL : &limit, NULL);
  if (n < 0) return errno == EINTR ? 0 : -errno;
  return unpack(ready, n, events, data);
}

int tally_eventfd(void) {
  int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return fd < 0 ? -errno : fd;
}

void tally_wait_readable_ns(int fd, int64_t timeout_ns) {
  struct pollfd one = {.fd = fd, .events = POLLIN};
  struct timespec limit = {timeout_ns / 1000000000, timeout_ns % 1000000000};
  ppoll(&one, 1, &limit, NULL);
}

void tally_futex_wait(const uint32_t *word, uint32_t expected, int64_t timeout_ns) {
  struct timespec limit = {timeout_ns / 1000000000, timeout_ns % 1000000000};
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, timeout_ns < 0 ? NULL : &limit, NULL, 0);
}

void tally_futex_wake(const uint32_t *word, int count) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

void tally_random(void *buffer, size_t length) {
  uint8_t *p = buffer;
  while (length > 0) {
    ssize_t n = getrandom(p, length, 0);
    if (n < 0) {
      if (errno == EINTR) continue;
      __builtin_trap();
    }
    p += n;
    length -= (size_t)n;
  }
}

static int64_t read_clock(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t tally_monotonic_ns(void) { return read_clock(CLOCK_MONOTONIC); }
int64_t tally_realtime_ns(void) { return read_clock(CLOCK_REALTIME); }
int64_t tally_process_cpu_ns(void) { return read_clock(CLOCK_PROCESS_CPUTIME_ID); }

void tally_ignore_signal(int signal_number) { signal(signal_number, SIG_IGN); }

int tally_signal_fd(uint64_t mask) {
  sigset_t set;
  sigemptyset(&set);
  for (int n = 1; n < 64; n++)
    if (mask >> n & 1) sigaddset(&set, n);
  int failed = pthread_sigmask(SIG_BLOCK, &set, NULL);
  if (failed) return -failed;
  int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  return fd < 0 ? -errno : fd;
}

int tally_spawn(const char *path, const char *const *arguments, int output, int errors, int follow) {
  // The pipe closes on exec; what comes through it is the error of a child that could not.
  int report[2];
  if (pipe2(report, O_CLOEXEC) < 0) return -errno;
  pid_t child = fork();
  if (child == 0) {
    if (follow) prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(errors, 2) < 0 ||
        execv(path, (char *const *)arguments) < 0) {
      int code = errno;
      if (write(report[1], &code, sizeof code) < 0) _exit(126);
    }
    _exit(127);
  }
  int code = child < 0 ? errno : 0;
  close(report[1]);
  if (child > 0 && read(report[0], &code, sizeof code) == sizeof code) waitpid(child, NULL, 0);
  close(report[0]);
  return code ? -code : child;
}

void tally_thread_name(const char *name) {
  char short_name[16];
  strncpy(short_name, name, sizeof short_name - 1);
  short_name[sizeof short_name - 1] = 0;
  pthread_setname_np(pthread_self(), short_name);
}

void tally_slice(uint64_t nanoseconds) {
  // As the kernel's header has it, which some C libraries' headers clash with.
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
  } attributes = {0};
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return;
  // SCHED_OTHER: in any other class the number means something else.
  if (attributes.policy != 0) return;
  attributes.runtime = nanoseconds;
  syscall(SYS_sched_setattr, 0, &attributes, 0);
}

void tally_nice(int value) { setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), value); }

void tally_idle(void) {
  struct sched_param parameters = {0};
  sched_setscheduler(0, SCHED_IDLE, &parameters);
}

int64_t tally_raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
  if (limit.rlim_cur < limit.rlim_max) {
    struct rlimit raised = {limit.rlim_max, limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  return limit.rlim_cur > INT64_MAX ? INT64_MAX : (int64_t)limit.rlim_cur;
}

int tally_signal_next(int fd) {
  struct signalfd_siginfo info;
  ssize_t n = read(fd, &info, sizeof info);
  return n == (ssize_t)sizeof info ? (int)info.ssi_signo : -errno;
}

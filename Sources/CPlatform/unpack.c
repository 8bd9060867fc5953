#include "platform.h"

#include <string.h>

// Four values of up to 14 bits lie within eight bytes, wherever in a byte they begin. So eight values are two loads, each spread
// over four lanes that shift by a distance of their own. Eight values take as many bytes as a value has bits, so that from step to
// step the distances stay, and only the addresses move.

#if defined(__x86_64__)
typedef unsigned long long lanes __attribute__((vector_size(32), aligned(8), may_alias));

__attribute__((target("avx2"))) static size_t unpack_avx2(
    const uint8_t *source, size_t available, size_t first, size_t count, unsigned width, uint64_t base, uint64_t *to) {
  const lanes number = {0, 1, 2, 3};
  size_t bit = first * width;
  size_t low = bit >> 3, high = (bit + 4 * width) >> 3;
  lanes low_shift = number * width + (bit & 7);
  lanes high_shift = number * width + ((bit + 4 * width) & 7);
  lanes mask = (lanes){} + ((1ULL << width) - 1);
  lanes bases = (lanes){} + base;
  size_t done = 0;
  for (; done + 8 <= count && high + 8 <= available; done += 8, low += width, high += width) {
    unsigned long long a, b;
    memcpy(&a, source + low, 8);
    memcpy(&b, source + high, 8);
    *(lanes *)(to + done) = ((((lanes){} + a) >> low_shift) & mask) + bases;
    *(lanes *)(to + done + 4) = ((((lanes){} + b) >> high_shift) & mask) + bases;
  }
  return done;
}
#endif

size_t tally_unpack(const void *source, size_t available, size_t first, size_t count, unsigned width, uint64_t base,
                    uint64_t *to) {
#if defined(__x86_64__)
  if (width > 0 && width <= 14 && __builtin_cpu_supports("avx2"))
    return unpack_avx2(source, available, first, count, width, base, to);
#endif
  return 0;
}

/// SipHash-1-3 over whole 64-bit words: a keyed hash that stays even when the input is chosen by somebody who does not
/// know the key (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012; one compression and three
/// finalisation rounds, as hash tables use it). The last block carries the length in bytes as the paper says.
@usableFromInline package struct SipHash: Sendable {
  @usableFromInline let k0: UInt64
  @usableFromInline let k1: UInt64

  /// A hash with a 128-bit key.
  package init(key: (UInt64, UInt64)) {
    k0 = key.0
    k1 = key.1
  }

  /// The hash of three words, 24 bytes.
  @inlinable @inline(__always)
  package func hash(_ a: UInt64, _ b: UInt64, _ c: UInt64) -> UInt64 {
    var state = State(k0, k1)
    state.absorb(a)
    state.absorb(b)
    state.absorb(c)
    state.absorb(24 << 56)
    return state.finish()
  }

  @usableFromInline struct State {
    @usableFromInline var v0: UInt64
    @usableFromInline var v1: UInt64
    @usableFromInline var v2: UInt64
    @usableFromInline var v3: UInt64

    @inlinable @inline(__always) init(_ k0: UInt64, _ k1: UInt64) {
      v0 = k0 ^ 0x736f_6d65_7073_6575
      v1 = k1 ^ 0x646f_7261_6e64_6f6d
      v2 = k0 ^ 0x6c79_6765_6e65_7261
      v3 = k1 ^ 0x7465_6462_7974_6573
    }

    @inlinable @inline(__always) mutating func round() {
      v0 &+= v1
      v1 = (v1 &<< 13) | (v1 &>> 51)
      v1 ^= v0
      v0 = (v0 &<< 32) | (v0 &>> 32)
      v2 &+= v3
      v3 = (v3 &<< 16) | (v3 &>> 48)
      v3 ^= v2
      v0 &+= v3
      v3 = (v3 &<< 21) | (v3 &>> 43)
      v3 ^= v0
      v2 &+= v1
      v1 = (v1 &<< 17) | (v1 &>> 47)
      v1 ^= v2
      v2 = (v2 &<< 32) | (v2 &>> 32)
    }

    @inlinable @inline(__always) mutating func absorb(_ word: UInt64) {
      v3 ^= word
      round()
      v0 ^= word
    }

    @inlinable @inline(__always) mutating func finish() -> UInt64 {
      v2 ^= 0xff
      round()
      round()
      round()
      return v0 ^ v1 ^ v2 ^ v3
    }
  }
}

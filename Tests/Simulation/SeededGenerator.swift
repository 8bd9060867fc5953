// xoshiro256** of Blackman and Vigna, its state filled by splitmix64: fast, and the same everywhere for the same seed.

/// Chance that a seed decides, with helpers that lean to the edges, where the bugs are.
@usableFromInline package struct SeededGenerator: RandomNumberGenerator, Sendable, CustomStringConvertible {
  /// What it was started with.
  package let seed: UInt64
  @usableFromInline var s0, s1, s2, s3: UInt64

  package init(seed: UInt64) {
    self.seed = seed
    var state = seed
    s0 = Self.mix(&state)
    s1 = Self.mix(&state)
    s2 = Self.mix(&state)
    s3 = Self.mix(&state)
  }

  /// The next 64 bits.
  @inlinable package mutating func next() -> UInt64 {
    let scrambled = s1 &* 5
    let result = ((scrambled << 7) | (scrambled >> 57)) &* 9
    let shifted = s1 << 17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3 = (s3 << 45) | (s3 >> 19)
    return result
  }

  /// True once in `n` calls on average; `n` is at least 1.
  @inlinable package mutating func oneIn(_ n: UInt64) -> Bool { next() % n == 0 }

  /// A number of `0 ..< bound`, each as likely; `bound` is at least 1.
  @inlinable package mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

  /// A number of `range`: in half of the calls one of the ends or next to it, else any.
  @inlinable package mutating func edge<T: FixedWidthInteger>(in range: ClosedRange<T>) -> T {
    let (low, high) = (range.lowerBound, range.upperBound)
    switch next() % 8 {
    case 0: return low
    case 1: return high
    case 2: return low < high ? low + 1 : low
    case 3: return low < high ? high - 1 : high
    default: return T.random(in: range, using: &self)
    }
  }

  /// A number of `range`, small ones far likelier: its distance from the low end has a random number of bits.
  @inlinable package mutating func small(in range: ClosedRange<Int>) -> Int {
    let (distance, overflow) = range.upperBound.subtractingReportingOverflow(range.lowerBound)
    precondition(!overflow)
    let bits = UInt64(distance) == 0 ? 0 : next() % UInt64(Int.bitWidth - distance.leadingZeroBitCount + 1)
    return range.lowerBound + min(distance, Int(next() & ((1 << bits) - 1)))
  }

  /// One of `choices`, which must not be empty.
  @inlinable package mutating func pick<C: RandomAccessCollection>(_ choices: C) -> C.Element {
    choices.randomElement(using: &self)!
  }

  /// `count` random bytes.
  package mutating func bytes(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    while bytes.count < count {
      var word = next()
      for _ in 0..<min(8, count - bytes.count) {
        bytes.append(UInt8(truncatingIfNeeded: word))
        word >>= 8
      }
    }
    return bytes
  }

  @usableFromInline package var description: String { "seed \(seed)" }

  /// One step of splitmix64.
  static func mix(_ state: inout UInt64) -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

import Synchronization

// A sign-in that fails costs its address a token of a bucket, and the bucket fills up with time. The table is as large as it will
// ever be: addresses find their bucket by a hash with a seed of this process, and those that meet in one share it. So strangers
// hold no memory, and nobody can choose whom they meet.

/// Bounds how often an address may fail to sign in. Any thread may use it.
final class SignInLimiter: Sendable {
  /// Failures that an address may make at once, and the time after which it may make one more, ms.
  static let burst = 10
  static let interval: Int64 = 6_000
  private static let places = 4_096

  private struct Bucket {
    /// When it is full again; failures move it on.
    var full: Int64 = 0
  }

  private let buckets = Mutex([Bucket](repeating: Bucket(), count: SignInLimiter.places))
  /// Of the hash. A table is made once for each process.
  private let seed: UInt64

  init(seed: UInt64) { self.seed = seed }

  /// Whether this address may try now, or after how many seconds it may.
  func wait(_ network: UInt64, at now: Int64) -> Int? {
    let full = buckets.withLock { $0[place(network)].full }
    let owed = full - now - Int64(Self.burst - 1) * Self.interval
    return owed > 0 ? Int((owed + 999) / 1_000) : nil
  }

  /// A sign-in of this address has failed.
  func noteFailure(_ network: UInt64, at now: Int64) {
    buckets.withLock { buckets in
      let place = place(network)
      // A clock that was set back must not lock anybody out for long.
      let most = now + Int64(Self.burst) * Self.interval
      buckets[place].full = min(max(buckets[place].full, now) + Self.interval, most)
    }
  }

  private func place(_ network: UInt64) -> Int {
    var hash = (network ^ seed) &* 0x9E37_79B9_7F4A_7C15
    hash = (hash ^ hash >> 32) &* (seed | 1)
    return Int(hash >> 52)
  }
}

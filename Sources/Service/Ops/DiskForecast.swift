// When the disk will be full: free space is looked at once a minute and kept for six hours, and what the oldest and the newest look
// differ by goes on like that.
//
//     seconds left  =  (free now − reserve) · time between the looks / what went meanwhile

/// Free space of a volume over the last hours.
package struct DiskForecast: Sendable {
  /// A look: seconds on a clock that does not jump, bytes that are free.
  private var looks: [(seconds: Int64, free: UInt64)] = []

  /// Between two looks, seconds.
  package static let interval: Int64 = 60
  private static let kept = 361
  /// Less than so much time says nothing: merges come and go, seconds.
  private static let leastSpan: Int64 = 1_800

  package init() {}

  /// Adds what is free at `seconds`; looks that come sooner than `interval` after the last are left out.
  package mutating func note(_ free: UInt64, at seconds: Int64) {
    if let last = looks.last, seconds - last.seconds < Self.interval { return }
    looks.append((seconds, free))
    if looks.count > Self.kept { looks.removeFirst(looks.count - Self.kept) }
  }

  /// Whether `note` takes a look now.
  package func isDue(at seconds: Int64) -> Bool { looks.last.map { seconds - $0.seconds >= Self.interval } ?? true }

  /// What was free last; nil before the first look.
  package var free: UInt64? { looks.last?.free }

  /// Seconds until no more than `reserve` bytes are free; nil where space does not shrink or too little time was watched.
  package func secondsLeft(reserve: UInt64) -> Int64? {
    guard let first = looks.first, let last = looks.last, last.seconds - first.seconds >= Self.leastSpan,
      last.free < first.free
    else { return nil }
    guard last.free > reserve else { return 0 }
    let left = Double(last.free - reserve) * Double(last.seconds - first.seconds) / Double(first.free - last.free)
    return Int64(min(left, 1e12))
  }
}

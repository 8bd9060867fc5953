import Platform
import Synchronization

/// Both clocks of a machine on which only those moments pass that the clicks say.
final class TapeTime: TimeSource {
  private let start: Int64
  private let now: Atomic<Int64>

  /// A machine that starts at `start`, ms since 1970.
  init(_ start: Int64) {
    self.start = start
    now = Atomic(start)
  }

  /// It is `time` now, ms since 1970, or as late as it was.
  func advance(to time: Int64) { now.max(time, ordering: .relaxed) }

  func monotonic() -> Int64 { (now.load(ordering: .relaxed) - start) * 1_000_000 }
  func wall() -> Int64 { now.load(ordering: .relaxed) }
}

import Platform
import Synchronization

/// A clock that the test moves.
final class TestTime: TimeSource {
  private let now: Mutex<Int64>

  /// Starts at `milliseconds` since 1970.
  init(_ milliseconds: Int64 = 1_795_453_200_000) { now = Mutex(milliseconds) }

  func monotonic() -> Int64 { now.withLock { $0 } * 1_000_000 }
  func wall() -> Int64 { now.withLock { $0 } }
  func advance(_ milliseconds: Int64) { now.withLock { $0 += milliseconds } }
}

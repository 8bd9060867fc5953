import CPlatform
import Synchronization

/// What wakes a thread that waits for something to come true.
package protocol Bell: AnyObject, Sendable {
  /// Wakes whoever waits, or lets him not go to sleep. What he waits for is true by now.
  func ring()
}

/// Wakes threads that sleep on a condition which other threads make true: a futex with the sleepers counted, so that ringing
/// costs no system call while nobody sleeps.
///
/// The handshake: a sleeper counts itself in, then looks at its condition once more, then sleeps only if no ring came since
/// before that look; a ringer makes the condition true first, then counts the ring, then looks for sleepers. All four
/// are sequentially consistent, so one of the two always sees the other.
@safe package final class Doorbell: Bell, @unchecked Sendable {
  private let rings: UnsafeMutablePointer<Atomic<UInt32>>
  private let sleepers = Atomic<Int>(0)

  package init() {
    unsafe rings = .allocate(capacity: 1)
    unsafe rings.initialize(to: Atomic(0))
  }

  deinit {
    unsafe rings.deinitialize(count: 1)
    unsafe rings.deallocate()
  }

  /// Wakes everybody who waits.
  package func ring() {
    unsafe rings.pointee.add(1, ordering: .sequentiallyConsistent)
    guard sleepers.load(ordering: .sequentiallyConsistent) > 0 else { return }
    unsafe tally_futex_wake(word, .max)
  }

  /// Sleeps until `condition` holds, at most `nanoseconds` (negative: no limit). Returns whether it holds.
  package func wait(nanoseconds: Int64, until condition: () -> Bool) -> Bool {
    if condition() { return true }
    let deadline = nanoseconds < 0 ? Int64.max : tally_monotonic_ns() + nanoseconds
    sleepers.add(1, ordering: .sequentiallyConsistent)
    defer { sleepers.subtract(1, ordering: .sequentiallyConsistent) }
    while true {
      let seen = unsafe rings.pointee.load(ordering: .sequentiallyConsistent)
      if condition() { return true }
      var limit: Int64 = -1
      if nanoseconds >= 0 {
        limit = deadline - tally_monotonic_ns()
        if limit <= 0 { return false }
      }
      unsafe tally_futex_wait(word, seen, limit)
    }
  }

  private var word: UnsafePointer<UInt32> {
    unsafe UnsafePointer(UnsafeRawPointer(rings).assumingMemoryBound(to: UInt32.self))
  }
}

import CPlatform
import Glibc
import Platform
import Synchronization

/// Work for a loop from other threads, and the descriptor that wakes it.
///
/// `isFull` is set and cleared under the lock, so work whose `submit` has returned is seen by every later `take`; the
/// descriptor is written only when the flag goes up, so that a burst of work costs one wake-up.
final class Mailbox: Sendable {
  typealias Work = @Sendable (EventLoop) -> Void

  private let queue = Mutex<[Work]>([])
  private let isFull = Atomic<Bool>(false)
  /// Readable when there is work.
  let descriptor: Int32

  init() throws(SystemError) {
    let result = tally_eventfd()
    if result < 0 { throw SystemError("eventfd", "mailbox", code: -result) }
    descriptor = result
  }

  deinit { close(descriptor) }

  func submit(_ work: @escaping Work) {
    let wasFull = queue.withLock { queue in
      queue.append(work)
      return isFull.exchange(true, ordering: .acquiringAndReleasing)
    }
    if !wasFull {
      var one: UInt64 = 1
      unsafe write(descriptor, &one, 8)
    }
  }

  /// Makes the descriptor quiet. To be called before `take`, or work that comes in between loses its wake-up.
  func quieten() {
    var count: UInt64 = 0
    unsafe read(descriptor, &count, 8)
  }

  /// All work so far, in the order it came.
  func take() -> [Work] {
    guard isFull.load(ordering: .acquiring) else { return [] }
    return queue.withLock { queue in
      isFull.store(false, ordering: .releasing)
      defer { queue = [] }
      return queue
    }
  }
}

import CPlatform
import Glibc
import Platform
import Synchronization

/// Work for a loop from other threads, and the descriptor that wakes it.
///
/// `isFull` goes up when there is work and comes down when the loop takes it; the descriptor is written only when the flag goes up,
/// so that a burst of work costs one wake-up. Whoever rings without work makes something true before that, and the loop looks at it
/// behind `take`: both sides change the flag by an exchange in between, so one of them sees the other.
package final class Mailbox: Bell {
  typealias Work = @Sendable (EventLoop) -> Void

  private let queue = Mutex<[Work]>([])
  private let isFull = Atomic<Bool>(false)
  /// Readable when there is work.
  let descriptor: Int32

  /// An empty one.
  package init() throws(SystemError) {
    let result = tally_eventfd()
    if result < 0 { throw SystemError("eventfd", "mailbox", code: -result) }
    descriptor = result
  }

  deinit { close(descriptor) }

  func submit(_ work: @escaping Work) {
    let wasFull = queue.withLock { queue in
      queue.append(work)
      return isFull.exchange(true, ordering: .sequentiallyConsistent)
    }
    if !wasFull { wake() }
  }

  /// Lets the loop have a turn soon, in which it looks at what has come true.
  package func ring() {
    if !isFull.exchange(true, ordering: .sequentiallyConsistent) { wake() }
  }

  private func wake() {
    var one: UInt64 = 1
    unsafe write(descriptor, &one, 8)
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
      _ = isFull.exchange(false, ordering: .sequentiallyConsistent)
      defer { queue = [] }
      return queue
    }
  }
}

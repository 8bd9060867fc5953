import CPlatform
import Glibc

/// A plain thread of the kernel's, named so that `top -H` shows the way of a click.
package final class Thread: Sendable {
  private let handle: pthread_t

  private final class Start {
    let name: String
    let body: @Sendable () -> Void
    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }

  /// Starts `body` on a new thread. `name` is shown up to 15 characters.
  package init(_ name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
    let start = unsafe Unmanaged.passRetained(Start(name: name, body: body))
    var thread = pthread_t()
    let result = unsafe pthread_create(
      &thread, nil,
      { argument in
        let start = unsafe Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
        unsafe tally_thread_name(start.name)
        start.body()
        return nil
      }, start.toOpaque())
    if result != 0 {
      unsafe start.release()
      throw SystemError("pthread_create", name, code: result)
    }
    handle = thread
  }

  /// Waits until the thread has ended. To be called exactly once.
  package func join() { pthread_join(handle, nil) }

  /// Lets at least this much time pass on the calling thread.
  package static func sleep(nanoseconds: Int64) {
    var left = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    var rest = timespec()
    while unsafe nanosleep(&left, &rest) != 0, errno == EINTR { left = rest }
  }

  /// Makes the calling thread give way to all others: nice 10 unless another value is given, of this thread alone.
  package static func giveWay(nice: Int32 = 10) { tally_nice(nice) }

  /// Lets the calling thread run only where no other one wants to: in Linux's class SCHED_IDLE, for as long as it lives, since
  /// without privileges there is no way back. Whoever waits for a lock that such a thread holds waits for everybody else:
  /// it must hold none that a thread of another class takes but for a moment.
  package static func runWhenIdle() { tally_idle() }

  /// Lets the calling thread run soon when it wakes, for a short time: what answers clicks. Since 6.12 Linux lets a thread that
  /// asked for a short slice take the processor from one with a longer slice at once, where otherwise it waits up to
  /// 3 ms for the other's turn to end; its share of the time stays the same. No effect where the kernel cannot do it.
  package static func runSoon() { tally_slice(500_000) }
}

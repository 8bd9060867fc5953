import Synchronization

/// A thread that works in turns and sleeps between them, with what every such thread needs: a bell that wakes it, a flag that
/// ends it, and an end that waits for it.
package final class BackgroundThread: Sendable {
  /// Rung by whoever has something for the thread.
  package let bell: Doorbell
  private let stopping = Atomic<Bool>(false)
  private let thread = Mutex<Thread?>(nil)

  /// `bell`: one that others ring already.
  package init(bell: Doorbell = Doorbell()) { self.bell = bell }

  /// Starts `body` on a thread of this name. To be called once.
  package func start(_ name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
    let started = try Thread(name, body)
    thread.withLock { $0 = started }
  }

  /// Whether the thread is to end.
  package var isStopping: Bool { stopping.load(ordering: .sequentiallyConsistent) }

  /// Called on the thread: sleeps until `condition` holds, the thread is to end, or `nanoseconds` are over (negative: no
  /// limit).
  package func sleep(nanoseconds: Int64, until condition: () -> Bool = { false }) {
    _ = bell.wait(nanoseconds: nanoseconds) { isStopping || condition() }
  }

  /// Lets the thread end, and waits until it has. A second call does nothing more.
  package func stop() {
    stopping.store(true, ordering: .sequentiallyConsistent)
    bell.ring()
    let running = thread.withLock { current in
      let running = current
      current = nil
      return running
    }
    running?.join()
  }
}

import Platform
import Synchronization

/// A thread that does one thing after another with a state of its own, for whatever must not be done on an event loop: the
/// catalog's disk, queries over many rows. The queue is bounded; work that finds it full is refused, and the caller answers
/// 503.
package final class Worker<State>: Sendable {
  private struct Queue {
    var work: [@Sendable (State) -> Void] = []
    var isStopping = false
  }

  private let queue = Mutex(Queue())
  private let thread = BackgroundThread()
  private let limit: Int
  private let name: String

  /// A worker that lets at most `limit` things wait.
  package init(_ name: String, limit: Int = 4096) {
    self.name = name
    self.limit = limit
  }

  /// Starts the thread, which makes and owns the state.
  package func start(_ make: @escaping @Sendable () -> State) throws(SystemError) {
    try thread.start(name) { [self] in run(make()) }
  }

  /// Puts work at the end of the queue; false where it is full or the worker stops.
  package func submit(_ work: @escaping @Sendable (State) -> Void) -> Bool {
    let taken = queue.withLock { queue in
      guard !queue.isStopping, queue.work.count < limit else { return false }
      queue.work.append(work)
      return true
    }
    if taken { thread.bell.ring() }
    return taken
  }

  /// Whether what is under way should come to its end.
  package var isStopping: Bool { queue.withLock { $0.isStopping } }

  /// How much waits.
  package var depth: Int { queue.withLock { $0.work.count } }

  /// Does what is queued, then ends the thread.
  package func stop() {
    queue.withLock { $0.isStopping = true }
    thread.stop()
  }

  private func run(_ state: State) {
    while true {
      thread.sleep(nanoseconds: -1) { queue.withLock { !$0.work.isEmpty } }
      let work = queue.withLock { queue in
        let work = queue.work
        queue.work.removeAll(keepingCapacity: true)
        return work
      }
      if work.isEmpty, queue.withLock({ $0.isStopping }) { return }
      for item in work { item(state) }
    }
  }
}

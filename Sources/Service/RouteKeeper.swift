import Platform
import Shards
import Synchronization

/// The thread that changes routes: it looks at the ads once a second, and moves ahead what is decided.
package final class RouteKeeper: Sendable {
  private let hotAds: HotAds
  private let report: @Sendable (String) -> Void
  private let bell = Doorbell()
  private let stopping = Atomic<Bool>(false)
  private let thread = Mutex<Thread?>(nil)

  /// Between two looks, ns.
  private static let interval: Int64 = 1_000_000_000

  init(_ hotAds: HotAds, report: @escaping @Sendable (String) -> Void) {
    self.hotAds = hotAds
    self.report = report
  }

  /// Starts the thread.
  func start() throws(SystemError) {
    let started = try Thread("routes") { [self] in run() }
    thread.withLock { $0 = started }
  }

  /// Ends the thread.
  func stop() {
    stopping.store(true, ordering: .sequentiallyConsistent)
    bell.ring()
    let running = thread.withLock { current in
      let running = current
      current = nil
      return running
    }
    running?.join()
  }

  private func run() {
    var reported: String?
    while !stopping.load(ordering: .sequentiallyConsistent) {
      hotAds.step()
      let error = hotAds.status.lastError
      if let error, error != reported { report("routes: \(error)") }
      reported = error
      _ = bell.wait(nanoseconds: Self.interval) { stopping.load(ordering: .sequentiallyConsistent) }
    }
  }
}

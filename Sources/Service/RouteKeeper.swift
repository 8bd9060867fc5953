import Platform
import Shards

/// The thread that changes routes: it looks at the ads once a second, and moves ahead what is decided.
package final class RouteKeeper: Sendable {
  private let hotAds: HotAds
  private let report: @Sendable (String) -> Void
  private let thread = BackgroundThread()

  /// Between two looks, ns.
  private static let interval: Int64 = 1_000_000_000

  init(_ hotAds: HotAds, report: @escaping @Sendable (String) -> Void) {
    self.hotAds = hotAds
    self.report = report
  }

  /// Starts the thread.
  func start() throws(SystemError) {
    try thread.start("routes") { [self] in run() }
  }

  /// Ends the thread.
  func stop() { thread.stop() }

  private func run() {
    var reported: String?
    while !thread.isStopping {
      hotAds.step()
      let error = hotAds.status.lastError
      if let error, error != reported { report("routes: \(error)") }
      reported = error
      thread.sleep(nanoseconds: Self.interval)
    }
  }
}

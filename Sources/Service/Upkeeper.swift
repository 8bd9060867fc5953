import Platform
import Store
import Synchronization

/// The background thread of all shards: checkpoints, segments, merges, retention. It gives way to every other thread, and
/// takes requests of operators between two steps.
package final class Upkeeper: Sendable {
  /// Work that an operator asked for; it runs on the background thread and must tell by itself when it is done. Between two
  /// steps it asks whether to go on: not while the service stops.
  typealias Request = @Sendable ([Upkeep], _ goesOn: () -> Bool) -> Void

  private let context: ServiceContext
  private let requests = Mutex<[Request]>([])
  private let thread = BackgroundThread()

  /// How often the background looks for work, ns: what decides how late a closed minute is published.
  private static let interval: Int64 = 100_000_000

  init(_ context: ServiceContext) { self.context = context }

  /// Starts the thread, which owns the background of every shard from now on.
  func start(_ upkeeps: Once<[Upkeep]>) throws(SystemError) {
    try thread.start("upkeep") { [self] in run(upkeeps.take()) }
  }

  /// Runs `request` after the step that is under way.
  func ask(_ request: @escaping Request) {
    requests.withLock { $0.append(request) }
    thread.bell.ring()
  }

  /// Ends the thread after the step that is under way; a merge, which may be of gigabytes, is called off.
  func stop() {
    for core in context.cores { core.interruption.request() }
    thread.stop()
  }

  private func run(_ upkeeps: [Upkeep]) {
    Thread.giveWay()
    var reported = [String?](repeating: nil, count: upkeeps.count)
    while !thread.isStopping {
      let asked = requests.withLock { requests in
        let asked = requests
        requests = []
        return asked
      }
      for request in asked { request(upkeeps) { !thread.isStopping } }
      var isBusy = false
      for (shard, upkeep) in upkeeps.enumerated() {
        isBusy = upkeep.turn() || isBusy
        let error = upkeep.counters.lastError
        if let error, error != reported[shard] { context.report("shard \(shard), background: \(error)") }
        reported[shard] = error
      }
      context.disks.refresh()
      if isBusy { continue }
      thread.sleep(nanoseconds: Self.interval) { !requests.withLock { $0.isEmpty } }
    }
    requests.withLock { $0 = [] }
  }
}

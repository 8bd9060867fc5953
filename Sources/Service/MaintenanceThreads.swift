import Platform
import Store
import Synchronization

// Checkpoints, segments, merges, retention: each shard has a thread that does what is due of it, so that no long step of one
// shard keeps another's minutes from closing. What operators ask for goes over all shards, one after the other, on a thread of
// its own; a shard does one thing at a time, and what was asked for goes first.
//
//   maintain-0   turn, turn, …            ╮
//   maintain-1   turn, turn, …            ├─▶ one step at a time of each shard, all within one budget
//   requests     recount of 0, of 1, …    ╯
//
// All of them give way to every other thread.

/// The threads that maintain the shards of a service.
package final class MaintenanceThreads: Sendable {
  /// Work that an operator asked for; it runs on the requests' thread and must tell by itself when it is done. Between two
  /// steps it asks whether to go on: not while the service stops.
  typealias Request = @Sendable ([Maintenance], _ goesOn: () -> Bool) -> Void

  private let context: ServiceContext
  private let shards: [Maintenance]
  private let waiting = Mutex<[Request]>([])
  private let threads: [BackgroundThread]
  private let requests = BackgroundThread()

  /// How often each looks for work, ns: what decides how late a closed minute is published.
  private static let interval: Int64 = 100_000_000

  init(_ context: ServiceContext, _ shards: [Maintenance]) {
    self.context = context
    self.shards = shards
    threads = shards.map { _ in BackgroundThread() }
  }

  /// Starts the threads.
  func start() throws(SystemError) {
    for shard in shards.indices {
      try threads[shard].start("maintain-\(shard)") { [self] in maintain(shard) }
    }
    try requests.start("requests") { [self] in serve() }
  }

  /// Runs `request` after those that wait, in each shard after the step that is under way.
  func ask(_ request: @escaping Request) {
    waiting.withLock { $0.append(request) }
    requests.bell.ring()
  }

  /// Ends the threads after the steps that are under way; a merge, which may be of gigabytes, is called off.
  func stop() {
    for shard in shards { shard.core.interruption.request() }
    for thread in threads + [requests] { thread.stop() }
  }

  private func maintain(_ shard: Int) {
    Thread.giveWay()
    var reported: String?
    var unread: String?
    while !threads[shard].isStopping {
      let isBusy = shards[shard].turn()
      let error = shards[shard].counters.lastError
      if let error, error != reported { context.report("shard \(shard), maintenance: \(error)") }
      reported = error
      let readError = shards[shard].core.condition.readError
      if let readError, readError != unread { context.report("shard \(shard), clicks not recorded: \(readError)") }
      unread = readError
      context.disks.refresh(shard)
      if !isBusy { threads[shard].sleep(nanoseconds: Self.interval) }
    }
  }

  private func serve() {
    Thread.giveWay()
    while !requests.isStopping {
      requests.sleep(nanoseconds: -1) { !waiting.withLock { $0.isEmpty } }
      let asked = waiting.withLock { waiting in
        defer { waiting = [] }
        return waiting
      }
      for request in asked { request(shards) { !requests.isStopping } }
    }
    waiting.withLock { $0 = [] }
  }
}

import Catalog
import Clicks
import Platform
import Shards
import Store
import Synchronization

// One thread of the batch door. A turn:
//
//   mail ─▶ answers of the committers ─▶ lines that the log had no room for, again ─▶ pieces of each batch, one after
//   the other: lines ─▶ rings ─▶ batches of which every line is settled: answered
//
// While lines wait for room no further piece is taken: then the loops stop reading, then the clients wait (R13). When that
// lasts longer than `batchPatience`, the batches concerned are answered 503.

/// A thread that reads batches.
final class BatchWorker: @unchecked Sendable {
  /// Rung by loops with pieces, by committers with answers, and whenever there is mail.
  var bell: Doorbell { thread.bell }

  private struct Mail {
    var batches: [Batch] = []
    var ads: [AdKey] = []
    var keys: [ActiveKey]?
    var isEmpty: Bool { batches.isEmpty && ads.isEmpty && keys == nil }
  }

  private let mail = Mutex(Mail())
  private let thread: BackgroundThread
  private let published = Mutex(BatchCounts())

  // What follows is the thread's own.

  let context: ServiceContext
  private let pool: PiecePool
  var lanes: [BatchLane]
  /// As of the last turn.
  var routes: RouteBoard.Routes
  var cache: AdCache
  let recentAds = RecentAds()
  var keys: KeyRing
  let reader: ClickLineReader
  let hasher = SHA256()
  /// Batches under way by their places; a place is free again once none of its lines waits.
  var batches: [Batch?] = []
  /// Lines to be passed on again: those that the log had no room for, and those that another shard must take.
  var retries: [(line: WaitingLine, click: LineClick)] = []
  /// What the shards said of themselves since their last answers were taken.
  var seen: [Int: ShardCondition.State] = [:]
  var parked: [ParkedLine] = []
  var wanted: Set<AdKey> = []
  var counts = BatchCounts()
  var tally = VerdictTally()
  /// Logical time and minute for the lines at hand.
  var now: Int64 = 0
  /// The months that shards have sealed; of shards without any nothing.
  var sealedMonths: [SealedMonths] = []
  /// When a committer last settled a line; since when the log has no room, 0 while it has; when lines were last written again.
  var lastProgress: Int64 = 0
  var stalledSince: Int64 = 0
  private var lastRetry: Int64 = 0

  /// How long a batch waits for room or for an answer, ns.
  var patience: Int64 { context.settings.batchPatience }
  /// Between two attempts to write a line, ns.
  private static let retryInterval: Int64 = 10_000_000

  /// A worker with a ring for each committer of `context`; `bell` is what the rings' answers ring.
  init(_ context: ServiceContext, rings: [CommitRing], bell: Doorbell, keys: [ActiveKey], pool: PiecePool) {
    self.context = context
    thread = BackgroundThread(bell: bell)
    self.pool = pool
    reader = ClickLineReader(captures: context.settings.capture)
    routes = context.routes.current
    lanes = zip(rings, context.committers).map { BatchLane(ring: $0, committer: $1) }
    cache = AdCache(bytes: context.settings.catalogCache)
    self.keys = KeyRing(keys)
  }

  // MARK: - From other threads

  /// Starts the thread; `number` is in its name.
  func start(_ number: Int) throws(SystemError) {
    try thread.start("batches-\(number)") { [self] in run() }
  }

  /// Ends the thread. The committers are still there, the loops are not.
  func stop() { thread.stop() }

  func add(_ batch: Batch) { post { $0.batches.append(batch) } }
  func forget(_ ads: [AdKey]) { post { $0.ads += ads } }
  func use(_ keys: [ActiveKey]) { post { $0.keys = keys } }

  private func post(_ change: (inout Mail) -> Void) {
    mail.withLock { change(&$0) }
    bell.ring()
  }

  /// The counters after the last turn.
  var counters: BatchCounts { published.withLock { $0 } }

  // MARK: - The thread

  private func run() {
    // Where the cores are taken, a click goes before a line of a batch, and that before a merge.
    Thread.giveWay(nice: 5)
    var wasDraining = false
    while true {
      // Mail that came before the end is read once more.
      let isStopping = thread.isStopping
      readMail()
      let isDraining = context.isStopping
      var worked = collect()
      now = context.clock.now()
      sealedMonths = context.sealedMonths
      if context.routes.version != routes.version { routes = context.routes.current }
      if retries.isEmpty {
        for place in batches.indices { worked = step(place, isDraining) || worked }
      } else {
        retry()
      }
      publish()
      finish()
      tally.handOver(context, routes.table, context.environment.time.monotonic(), all: isStopping)
      counts.cache = cache.statistics
      let counts = counts
      published.withLock { $0 = counts }
      if isStopping { return }
      if worked { continue }
      let isNew = isDraining != wasDraining
      wasDraining = isDraining
      thread.sleep(nanoseconds: isNew ? 0 : sleepLimit) { hasWork || context.isStopping != wasDraining }
    }
  }

  private var sleepLimit: Int64 {
    if !retries.isEmpty { return Self.retryInterval }
    if batches.contains(where: { $0 != nil }) { return 100_000_000 }
    return tally.isEmpty ? -1 : VerdictTally.interval
  }

  private var hasWork: Bool {
    if mail.withLock({ !$0.isEmpty }) { return true }
    for i in lanes.indices where lanes[i].hasAnswers { return true }
    guard retries.isEmpty else { return false }
    for batch in batches { if let batch, batch.hasNews { return true } }
    return false
  }

  /// Takes the mail.
  private func readMail() {
    let taken = mail.withLock { mail in
      let taken = mail
      mail = Mail()
      return taken
    }
    if let keys = taken.keys { self.keys = KeyRing(keys) }
    for key in taken.ads { cache.invalidate(key) }
    if !taken.ads.isEmpty { recentAds.removeAll() }
    for batch in taken.batches {
      batch.isTrusted = batch.grant.allows(.trusted)
      batch.advertiser = batch.grant.advertiserID
      if let free = batches.firstIndex(where: { $0 == nil }) { batches[free] = batch } else { batches.append(batch) }
    }
  }

  /// Reads what has come of a batch; false where nothing has.
  private func step(_ place: Int, _ isDraining: Bool) -> Bool {
    guard let batch = batches[place], batch.hasNews || isDraining && !batch.isRead else { return false }
    let news = batch.take()
    if news.wasPaused { batch.loop.submit { [exchange = batch.exchange] in $0.resume(exchange) } }
    if news.isAborted {
      batch.isOrphaned = true
      batch.isRead = true
    }
    for piece in news.pieces {
      counts.bytes += piece.count
      if batch.failure == nil, !batch.isOrphaned {
        unsafe read(batch, at: place) { try unsafe batch.front.feed(piece.bytes, $0) }
        resolve(batch)
        publish()
        _ = collect()
      }
      pool.give(piece)
    }
    if news.isEnded, !batch.isRead {
      unsafe read(batch, at: place) { unsafe try batch.front.finish($0) }
    }
    if news.isEnded, !batch.isRead {
      unsafe batch.splitter.finish { line, number in unsafe take(line, number, of: batch, at: place) }
      resolve(batch)
      batch.isRead = true
      batch.readAt = context.environment.time.monotonic()
    }
    if isDraining, !batch.isRead { fail(batch, "the server is shutting down") }
    return true
  }

  /// Takes the lines of the text that `source` hands over.
  private func read(
    _ batch: Batch, at place: Int, _ source: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) {
    do {
      unsafe try source { text in
        unsafe batch.splitter.feed(text) { line, number in unsafe take(line, number, of: batch, at: place) }
      }
    } catch {
      // The last line that has come is cut where the text broke off, and is not taken.
      fail(batch, "the body \(error)")
      batch.isMalformed = true
    }
  }

  func publish() { for i in lanes.indices { lanes[i].publish() } }

  /// Answers the batches that are settled and frees their places.
  private func finish() {
    let late = context.environment.time.monotonic() - patience
    for place in batches.indices {
      guard let batch = batches[place], batch.isRead else { continue }
      // An answer that does not come for so long is a disk that stands still.
      if batch.outstanding > 0, batch.failure == nil, lastProgress < late, batch.readAt < late {
        fail(batch, "the log does not answer")
      }
      let isSettled = batch.outstanding == 0 || batch.failure != nil && batch.failedAt < late
      if isSettled, !batch.isAnswered {
        batch.isAnswered = true
        answer(batch)
      }
      if batch.outstanding == 0 { batches[place] = nil }
    }
  }

  private func answer(_ batch: Batch) {
    counts.count(batch.report)
    if batch.isOrphaned {
      counts.abandoned += 1
    } else if let failure = batch.failure {
      counts.stopped += 1
      let unsettled = batch.outstanding + batch.unknown
      let problem =
        batch.isMalformed
        ? Problem.batchMalformed(failure, batch.report, lines: batch.splitter.lines, unsettled: unsettled)
        : Problem.batchStopped(failure, batch.report, unsettled: unsettled)
      batch.answer(problem.response(requestID: batch.requestID))
    } else {
      counts.done += 1
      batch.answer(.json(200, .object(batch.report.members)))
    }
  }

  /// A batch cannot go on: the rest of it is not read, and it is answered 503 once its lines are settled.
  func fail(_ batch: Batch, _ reason: String) {
    guard batch.failure == nil else { return }
    batch.failure = reason
    batch.failedAt = context.environment.time.monotonic()
    batch.isRead = true
  }

  // MARK: - Lines to be passed on again

  private func retry() {
    let time = context.environment.time.monotonic()
    guard time - lastRetry >= Self.retryInterval else { return }
    lastRetry = time
    let isLate = stalledSince > 0 && time - stalledSince > patience
    let again = retries
    retries = []
    for (line, click) in again {
      let shard = context.routes.route(click.request.identity, by: &routes)
      let batch = batches[Int(line.place)]!
      if isLate || batch.isOrphaned || batch.failure != nil {
        giveUp(batch, line, "the log has no room")
      } else if lanes[shard].push(click, line) {
        counts.retried += 1
      } else {
        retries.append((line, click))
      }
    }
    publish()
  }

  func giveUp(_ batch: Batch, _ line: WaitingLine, _ reason: String) {
    batch.outstanding -= 1
    batch.report.reject(
      Rejection(line: line.line, code: .unrecorded, field: nil, detail: "could not be written; send it again"))
    fail(batch, reason)
  }
}

import Clicks
import Platform
import Query
import Shards
import Store
import Synchronization

// The thread behind all streams of live points. Several times a second it asks the tables whether anything has changed;
// where something has, it reads the window of each stream and sends the differences. Loops only pass bytes on.
//
// A round of all streams may take a quarter of the time: with many of them the rounds come further apart.

/// Publishes live points to the streams that are open.
final class LivePublisher: Sendable {
  private let context: ServiceContext
  private let limit: Int
  private let open = Atomic<Int>(0)
  private let events = Atomic<Int>(0)
  private let arrivals = Mutex<[LiveStream]>([])
  /// Those of the thread, for others to look at.
  private let served = Mutex<[LiveStream]>([])
  private let thread = BackgroundThread()

  /// Between two rounds, ns: part of the second within which a click is to be seen.
  private static let interval: Int64 = 200_000_000
  /// Every stream is looked at this often, whatever the tables say, ns.
  private static let fullInterval: Int64 = 5_000_000_000

  init(_ context: ServiceContext, limit: Int) {
    self.context = context
    self.limit = limit
  }

  /// Streams that are open, and rounds that had something to say.
  var openStreams: Int { open.load(ordering: .relaxed) }
  var sentRounds: Int { events.load(ordering: .relaxed) }

  /// Takes a place; false where there is none.
  func enter() -> Bool {
    if open.add(1, ordering: .relaxed).newValue <= limit { return true }
    leave()
    return false
  }

  /// Gives a place back that no stream came to use.
  func leave() { open.subtract(1, ordering: .relaxed) }

  /// Serves a stream, whose answer has begun, until its client goes or the service stops.
  func add(_ stream: LiveStream) {
    arrivals.withLock { $0.append(stream) }
    thread.bell.ring()
  }

  /// The streams of these ads that are open now.
  func streams(of ads: Set<AdKey>) -> [LiveStream] {
    (arrivals.withLock { $0 } + served.withLock { $0 }).filter { ads.contains($0.query.ad) }
  }

  func start() throws(SystemError) {
    try thread.start("live") { [self] in run() }
  }

  /// Lets the thread see that the service stops taking, which ends every stream, or that what a stream stands on has gone.
  func wake() { thread.bell.ring() }

  func stop() { thread.stop() }

  // MARK: - The thread

  private func run() {
    var streams: [LiveStream] = []
    var state: [UInt64] = []
    var lastFull: Int64 = 0
    while !thread.isStopping {
      let began = context.environment.time.monotonic()
      let tokens = context.tokens.version
      streams += arrivals.withLock { arrivals in
        defer { arrivals = [] }
        return arrivals
      }
      let before = streams
      served.withLock { $0 = before }
      let current = tableState()
      let isFull = began - lastFull >= Self.fullInterval
      if isFull { lastFull = began }
      let isChanged = current != state || isFull
      state = current
      streams.removeAll { stream in
        let isDone = serve(stream, isChanged, began)
        if isDone { leave() }
        return isDone
      }
      if streams.count < before.count { served.withLock { [streams] in $0 = streams } }
      let took = context.environment.time.monotonic() - began
      let pause = streams.isEmpty ? -1 : max(Self.interval, min(3 * took, 4 * Self.interval))
      let isIdle = streams.isEmpty
      let isDraining = context.isStopping
      thread.sleep(nanoseconds: pause) {
        isIdle && arrivals.withLock { !$0.isEmpty }
          || context.isStopping != isDraining || context.tokens.version != tokens
      }
    }
  }

  /// What changes with every click and every closed minute.
  private func tableState() -> [UInt64] {
    context.tables.flatMap { table in
      let summary = table.summary
      return [summary.position, UInt64(bitPattern: summary.closedThrough.index)]
    }
  }

  /// One round of a stream; true where it has ended.
  private func serve(_ stream: LiveStream, _ isChanged: Bool, _ time: Int64) -> Bool {
    if stream.hasLeft { return true }
    let isOver = context.isStopping || time - stream.began >= context.settings.streamLifetime
    if isOver || stream.isRevoked || !context.tokens.works(stream.grant) {
      stream.end()
      return true
    }
    guard stream.settle() else { return false }
    if stream.hasLeft { return true }
    guard isChanged || !stream.isWhole else {
      stream.breathe(time)
      return false
    }
    let now = Minute(containing: context.clock.now())
    let window = stream.window(now, ahead: context.settings.eventTimes.maxFuture / 60_000 + 1)
    do {
      let query = try SeriesQuery(
        adID: stream.query.adID, ad: stream.query.ad,
        parameters: [
          ("from", "\(window.lowerBound * 60_000)"), ("to", "\(window.upperBound * 60_000)"),
          ("limit", "\(SeriesQuery.maximumLimit)"),
        ], now: context.clock.now(), zones: context.zones)
      stream.round(try Series(query, over: ShardTables(context.tables, routes: context.routes)), now: time)
      events.add(1, ordering: .relaxed)
      return false
    } catch {
      context.report("stream of \(stream.query.adID): \(error)")
      stream.end()
      return true
    }
  }
}

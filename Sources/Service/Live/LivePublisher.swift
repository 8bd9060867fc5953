import Clicks
import Platform
import Query
import Shards
import Store
import Synchronization

// The thread behind all streams of live points. Several times a second it asks the tables what has changed, and tells each stream what
// of it is its own; loops only pass bytes on. See LiveRounds.swift.
//
// The rounds may take a quarter of the time: where they take longer, they come further apart.

/// Publishes live points to the streams that are open. Any thread may use it.
final class LivePublisher: Sendable {
  private let context: ServiceContext
  private let limit: Int
  private let open = Atomic<Int>(0)
  private let looks = Atomic<Int>(0)
  private let arrivals = Mutex<[LiveArrival]>([])
  private let watched = Mutex<[WatchKey: (ads: Int, streams: Int)]>([:])
  private let news = Mutex<CatalogNews>(CatalogNews())
  private let thread = BackgroundThread()

  /// Between two rounds, ns: part of the second within which a click is to be seen.
  private static let interval: Int64 = 200_000_000
  /// The longest time between two rounds that take long, ns.
  private static let longestInterval: Int64 = 5_000_000_000
  /// Ads that streams may watch together, each selection counted once: some 100 bytes each.
  static let watchedLimit = 500_000

  init(_ context: ServiceContext, limit: Int) {
    self.context = context
    self.limit = limit
  }

  /// Streams that are open.
  var openStreams: Int { open.load(ordering: .relaxed) }

  /// How often the tables were read for what streams are told.
  var sentRounds: Int { looks.load(ordering: .relaxed) }
  func noteLook() { looks.add(1, ordering: .relaxed) }

  /// Takes a place; false where there is none.
  func enter() -> Bool {
    if open.add(1, ordering: .relaxed).newValue <= limit { return true }
    leave()
    return false
  }

  /// Takes a place for a stream over `ads` ads; false where there is none.
  func enter(_ key: WatchKey, ads: Int) -> Bool {
    guard enter() else { return false }
    let fits = watched.withLock { watched in
      let others = watched.reduce(0) { $0 + ($1.key == key ? 0 : $1.value.ads) }
      let known = watched[key] ?? (0, 0)
      guard others + max(known.ads, ads) <= Self.watchedLimit else { return false }
      watched[key] = (max(known.ads, ads), known.streams + 1)
      return true
    }
    if !fits { leave() }
    return fits
  }

  /// Gives a place back.
  func leave(_ key: WatchKey? = nil) {
    open.subtract(1, ordering: .relaxed)
    guard let key else { return }
    watched.withLock { watched in
      guard let known = watched[key] else { return }
      watched[key] = known.streams > 1 ? (known.ads, known.streams - 1) : nil
    }
  }

  /// Serves a stream, whose answer has begun, until its client goes or the service stops.
  func add(_ arrival: LiveArrival) {
    arrivals.withLock { $0.append(arrival) }
    thread.bell.ring()
  }

  /// Ads were put or deleted in the catalog.
  func noteAds(_ ads: [AdKey]) {
    news.withLock { news in
      news.version += 1
      if news.ads.count + ads.count > CatalogNews.limit { news.isOverflown = true } else { news.ads += ads }
    }
  }

  /// Goes up with every change of ads.
  var catalogVersion: UInt64 { news.withLock { $0.version } }

  /// What has changed in the catalog since the last time it was asked.
  func takeNews() -> CatalogNews {
    news.withLock { news in
      defer { news = CatalogNews(version: news.version) }
      return news
    }
  }

  func start() throws(SystemError) {
    try thread.start("live") { [self] in run() }
  }

  /// Lets the thread see that the service stops taking, which ends every stream, or that what a stream stands on has gone.
  func wake() { thread.bell.ring() }

  func stop() { thread.stop() }

  private func run() {
    let rounds = LiveRounds(context, self)
    while !thread.isStopping {
      let began = context.environment.time.monotonic()
      let tokens = context.tokens.version
      rounds.admit(
        arrivals.withLock { arrivals in
          defer { arrivals = [] }
          return arrivals
        })
      rounds.round(began)
      let took = context.environment.time.monotonic() - began
      let isIdle = rounds.isEmpty
      let pause = isIdle ? -1 : max(Self.interval, min(3 * took, Self.longestInterval))
      let isDraining = context.isStopping
      thread.sleep(nanoseconds: pause) {
        isIdle && arrivals.withLock { !$0.isEmpty }
          || context.isStopping != isDraining || context.tokens.version != tokens
      }
    }
  }
}

/// Ads that have changed in the catalog.
struct CatalogNews {
  var version: UInt64 = 0
  var ads: [AdKey] = []
  /// There were more than are remembered.
  var isOverflown = false

  static let limit = 4_096
}

/// A stream whose answer has begun.
enum LiveArrival: Sendable {
  case ad(LiveQuery, StreamLine)
  case watch(WatchStart, StreamLine)
}

/// How a stream over several ads begins.
package struct WatchStart: Sendable {
  var key: WatchKey
  var ads: [SelectedAd]
  /// The first minute that it watches.
  var first: Minute
  /// What its client has seen, and what it is told with its first event: positions by shard, and the revision of them all.
  var positions: [UInt64]
  var revision: UInt64
  /// Of the catalog, before the ads were looked up.
  var catalogVersion: UInt64 = 0
  /// Why its client has to ask for everything anew; nil: it has not.
  var loss: WatchLoss?
  /// The first event; empty where the client has everything.
  var opening: [UInt8]
  /// As points are read.
  var series: SeriesQuery
}

import ClickLog
import Clicks
import Platform
import Shards
import Store
import Synchronization

/// The one thread that drives a shard: takes what the loops have published, commits it as one batch, publishes the answers,
/// and looks after the shard when nothing comes. What arrives during a sync is the next batch: group commit needs no
/// other clock here, since the loops pace themselves (R1). Each batch begins with the routes as they are then: what is
/// another shard's goes back uncounted (R12).
/// `RingTurns` says whose clicks these are.
package final class Committer: Sendable {
  private let rings: [CommitRing]
  /// How many of the rings, the last ones, bring batches.
  private let bulk: Int
  private let capture: CaptureSet
  private let shard: Int
  private let routes: RouteBoard
  private let hot: HotReports?
  private let policy: HotPolicy
  private let inquiries = Inquiries()
  private let handedBack = Atomic<UInt64>(0)
  private let undecided = Atomic<UInt64>(0)
  /// Rung by a loop that has published.
  package var published: Doorbell { thread.bell }
  private let thread = BackgroundThread()

  /// A committer of shard `shard` for the clicks of `rings`, which reports the ads that get many; the last `bulk` of the
  /// rings bring batches. What the rings bring along of `capture` is kept.
  package init(
    rings: [CommitRing], bulk: Int = 0, capture: CaptureSet = [], shard: Int, routes: RouteBoard,
    reports: HotReports? = nil,
    policy: HotPolicy = HotPolicy()
  ) {
    hot = reports
    self.policy = policy
    self.rings = rings
    self.bulk = bulk
    self.capture = capture
    self.shard = shard
    self.routes = routes
  }

  /// Clicks that were another shard's, and clicks whose minting time lies beyond what is decided.
  package var strays: (handedBack: UInt64, undecided: UInt64) {
    (handedBack.load(ordering: .relaxed), undecided.load(ordering: .relaxed))
  }

  /// Starts the thread, which owns the shard from now on.
  package func start(_ shard: Once<Shard>) throws(SystemError) {
    try thread.start("committer-\(self.shard)") { [self] in run(shard.take()) }
  }

  /// Commits what is published, closes the shard in good order and ends the thread. The loops have ended before.
  package func stop() { thread.stop() }

  /// What the shard would answer to a click now, which it neither writes nor remembers; nil where it does not say so within
  /// `nanoseconds`. Blocks the calling thread.
  package func ask(_ request: ClickRequest, nanoseconds: Int64) -> ClickAnswer? {
    inquiries.ask(request, nanoseconds: nanoseconds, by: thread.bell)
  }

  private func run(_ shard: Shard) {
    Thread.runSoon()
    var taken = [Int](repeating: 0, count: rings.count)
    // Reused from batch to batch: the clicks that are this shard's, and where their answers go.
    var batch: [ClickRequest] = []
    var places: [(ring: Int, ticket: Int)] = []
    var parts: [(ring: Int, end: Int)] = []
    var strings = capture.isEmpty ? nil : CapturedStrings(capture)
    let limit = shard.batchLimit
    batch.reserveCapacity(limit)
    let idle = max(10, shard.options.markAfter) * 1_000_000
    // Every door ends in a committer, so here each click is seen once.
    var meter = hot.map { HotMeter(self.shard, $0, policy) }
    var maintained = shard.environment.time.monotonic()
    var turns = RingTurns(rings: rings.count, bulk: bulk, limit: limit)
    while true {
      batch.removeAll(keepingCapacity: true)
      places.removeAll(keepingCapacity: true)
      parts.removeAll(keepingCapacity: true)
      strings?.removeAll()
      var routes = self.routes.current
      turns.begin()
      for turn in rings.indices {
        let (i, count) = turns.next(turn, count: batch.count) { rings[$0].publishedEnd - taken[$0] }
        guard count > 0 else { continue }
        var end = taken[i] + count
        for ticket in taken[i]..<end {
          let request = rings[i].request(ticket)
          // Where captured strings fill the frame, the rest is the next batch's.
          if let bytes = strings?.bytes.count,
            !shard.takes(batch.count + 1, strings: bytes + size(rings[i].strings(ticket)))
          {
            end = ticket
            break
          }
          switch self.routes.admit(request.identity, to: self.shard, by: &routes) {
          case .here:
            meter?.add(request.identity.ad)
            batch.append(request)
            strings?.append(rings[i].strings(ticket))
            places.append((i, ticket))
          case .elsewhere:
            handedBack.add(1, ordering: .relaxed)
            rings[i].setAnswer(.misrouted, at: ticket)
          case .undecided:
            undecided.add(1, ordering: .relaxed)
            rings[i].setAnswer(ClickAnswer(.unrecorded), at: ticket)
          }
        }
        if end > taken[i] { parts.append((i, end)) }
      }
      meter?.turn(shard.environment.time.monotonic() / 1_000_000)
      if inquiries.areWaiting { inquiries.answer { shard.judge($0) } }
      if parts.isEmpty {
        if thread.isStopping { break }
        shard.maintain()
        maintained = shard.environment.time.monotonic()
        thread.sleep(nanoseconds: idle) { hasWork(taken) }
        continue
      }
      turns.end()
      if !batch.isEmpty {
        shard.commit(batch.span, captured: strings) { rings[places[$0].ring].setAnswer($1, at: places[$0].ticket) }
      }
      for part in parts {
        taken[part.ring] = part.end
        rings[part.ring].commit(part.end)
      }
      let now = shard.environment.time.monotonic()
      if now - maintained > 1_000_000_000 {
        shard.maintain()
        maintained = now
      }
    }
    shard.close()
  }

  /// Bytes of a click's captured strings.
  private func size(_ strings: ClickStrings?) -> Int { strings?.bytes.count ?? 2 * capture.columns.count }

  private func hasWork(_ taken: [Int]) -> Bool {
    for i in rings.indices where rings[i].publishedEnd > taken[i] { return true }
    return inquiries.areWaiting
  }
}

/// Makes log slots ahead of need, since pre-writing one takes the disk a while. Tries again each second while the disk is
/// full, so that a shard goes on by itself when space returns.
package final class SlotKeeper: Sendable {
  private let pools: [SlotPool]
  /// Behind each piece of a slot, ns, while nobody waits for one: made at one stroke it would keep the device from the clicks
  /// for tens of milliseconds.
  private static let rest: Int64 = 20_000_000
  private let thread = BackgroundThread()

  /// A keeper for the pools of all shards.
  package init(_ pools: [SlotPool]) { self.pools = pools }

  /// Starts the thread.
  package func start() throws(SystemError) {
    try thread.start("slots") { [self] in run() }
  }

  /// Ends the thread; a slot in the making is finished first.
  package func stop() { thread.stop() }

  private func run() {
    for pool in pools { pool.keep(by: thread.bell) }
    while !thread.isStopping {
      var failed = false
      for pool in pools where pool.needsOpening {
        do throws(SystemError) { try pool.openNext() } catch { failed = true }
      }
      for pool in pools where pool.needsPreparation {
        // The error stays in the pool, where readiness reads it.
        do throws(SystemError) {
          try pool.prepare { thread.sleep(nanoseconds: Self.rest) { pools.contains { $0.isWanted } } }
        } catch { failed = true }
      }
      let needy = pools
      thread.sleep(nanoseconds: 1_000_000_000) {
        // After a failure only time helps.
        !failed && needy.contains { $0.needsPreparation || $0.needsOpening }
      }
    }
  }
}

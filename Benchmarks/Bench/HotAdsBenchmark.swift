import CPlatform
import ClickLog
import Clicks
import Demo
import Platform
import Shards
import Store
import Synchronization
import Traffic

/// One viral ad against many: clicks go through the routes to the shards of a store on the real disk, each driven by a
/// committer of its own as the service drives it (routes looked at again, ads metered, then decided, written, synced, folded,
/// answered). A feeder routes as fast as the committers take it, in batches, so they are never idle for want of clicks.
///
///     uniform    10,000 ads
///     hot        one ad, every impression minted inside its hot interval
///     home       the same ad without an interval: what one shard alone does
package struct HotAdsBenchmark: Sendable {
  /// Clicks of a run, and numbers of shards.
  package let clicks: Int
  package let shards: [Int]

  private enum Traffic: String, CaseIterable { case uniform, hot, home }

  package init(clicks: Int, shards: [Int]) {
    self.clicks = clicks
    self.shards = shards
  }

  /// For each number of shards S and each traffic T: `rate@T/S` in clicks a second and `cpu@T/S` in ns a click of this process;
  /// `hot:uniform/S`, the quotient of their rates, and `share/S`, the part of the hot ad's clicks in its fullest shard, times S.
  package func run(_ time: any TimeSource) throws -> [Measurement] {
    var measured: [Measurement] = []
    for count in shards {
      var rates: [Traffic: Double] = [:]
      for traffic in Traffic.allCases {
        let run = try self.run(traffic, count, time)
        rates[traffic] = run.rate
        measured.append(Measurement("rate@\(traffic)/\(count)", "clicks/s", run.rate))
        measured.append(Measurement("cpu@\(traffic)/\(count)", "ns/click", run.cpu))
        if traffic == .hot { measured.append(Measurement("share/\(count)", "× 1/S", run.share)) }
      }
      measured.append(Measurement("hot:uniform/\(count)", "×", rates[.hot]! / rates[.uniform]!))
    }
    return measured
  }

  private func run(
    _ traffic: Traffic, _ count: Int, _ time: any TimeSource
  ) throws -> (rate: Double, cpu: Double, share: Double) {
    let directory = try TemporaryDirectory("tally-bench")
    var options = ShardOptions()
    let frames = clicks / Self.batch + count + 2
    options.slotBytes = AlignedBuffer.roundUp(
      (1 << 20) + frames * FrameHeader.frameBytes(payload: Self.batch * RecordFormat.size))
    options.expectedImpressions = clicks
    let store = try Store.open(.kernel, directory.path, shards: count, options: options)
    let hot = AdKey(rawValue: 0x5EED)
    let now = store.clock.now()
    let table = RouteTable(
      shards: count, version: 1, hot: traffic == .hot ? [hot: [HotInterval(start: now - 3_600_000)]] : [:])
    let tape = Self.tape(clicks, ad: traffic == .uniform ? nil : hot, minted: now)
    let lanes = store.shards.enumerated().map { FeedLane($1, $0, RouteBoard(RouteBoard.Routes(table)), count) }
    let cpu = tally_process_cpu_ns()
    let took = try elapsed(time) {
      let threads = try lanes.map { lane in try Thread("committer") { lane.run() } }
      feed(tape, table, lanes)
      threads.forEach { $0.join() }
    }
    let used = tally_process_cpu_ns() - cpu
    let counted = lanes.map { $0.counted.load(ordering: .relaxed) }
    for shard in store.shards { shard.close() }
    guard counted.reduce(0, +) == clicks else {
      throw BenchFailure("hot-ads: \(counted.reduce(0, +)) of \(clicks) clicks were counted")
    }
    let share = Double(counted.max()!) * Double(count) / Double(clicks)
    return (rate(clicks, took), Double(used) / Double(clicks), share)
  }

  /// Clicks of a batch.
  private static let batch = 4_096

  private func feed(_ tape: [ClickRequest], _ table: RouteTable, _ lanes: [FeedLane]) {
    var parts = [[ClickRequest]](repeating: [], count: lanes.count)
    for click in tape {
      let shard = table.route(click.identity)
      parts[shard].append(click)
      if parts[shard].count == Self.batch {
        lanes[shard].put(parts[shard])
        parts[shard].removeAll()
        parts[shard].reserveCapacity(Self.batch)
      }
    }
    for (lane, rest) in zip(lanes, parts) {
      if !rest.isEmpty { lane.put(rest) }
      lane.end()
    }
  }

  private static func tape(_ count: Int, ad: AdKey?, minted: Int64) -> [ClickRequest] {
    var chance = SplitMix64(seed: 3)
    let ads = ad.map { [$0] } ?? (0..<10_000).map { _ in AdKey(rawValue: chance.next()) }
    return (0..<count).map { number in
      let id = ImpressionID.version7(at: minted - Int64(number % 60_000), random: (chance.next(), chance.next()))
      return ClickRequest(identity: ClickIdentity(ad: ads[chance.below(ads.count)], impression: id))
    }
  }
}

/// A shard, the thread that drives it, and the bounded way to it.
private final class FeedLane: @unchecked Sendable {
  let counted = Atomic<Int>(0)
  private let shard: Shard
  private let number: Int
  private let board: RouteBoard
  private let reports: HotReports
  private let queue = Mutex<(batches: [[ClickRequest]], hasEnded: Bool)>(([], false))
  private let bell = Doorbell()
  private let room = Doorbell()

  /// Batches that may wait.
  private static let limit = 4

  init(_ shard: Shard, _ number: Int, _ board: RouteBoard, _ count: Int) {
    self.shard = shard
    self.number = number
    self.board = board
    reports = HotReports(count)
  }

  func put(_ batch: [ClickRequest]) {
    _ = room.wait(nanoseconds: -1) { queue.withLock { $0.batches.count < Self.limit } }
    queue.withLock { $0.batches.append(batch) }
    bell.ring()
  }

  func end() {
    queue.withLock { $0.hasEnded = true }
    bell.ring()
  }

  func run() {
    var meter = HotMeter(number, reports, HotPolicy())
    while true {
      _ = bell.wait(nanoseconds: -1) { queue.withLock { !$0.batches.isEmpty || $0.hasEnded } }
      let next = queue.withLock { $0.batches.isEmpty ? nil : $0.batches.removeFirst() }
      guard let next else { return }
      room.ring()
      var routes = board.current
      var batch: [ClickRequest] = []
      batch.reserveCapacity(next.count)
      for click in next {
        guard case .here = board.admit(click.identity, to: number, by: &routes) else { continue }
        meter.add(click.identity.ad)
        batch.append(click)
      }
      var valid = 0
      shard.commit(batch.span) { if $1.verdict == .valid { valid += 1 } }
      counted.add(valid, ordering: .relaxed)
      meter.turn(shard.environment.time.monotonic() / 1_000_000)
    }
  }
}

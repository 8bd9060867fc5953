import Clicks
import Platform
import Simulation
import Store
import StoreHarness
import Testing

/// A store in the first hours of July 2025, with clicks of June that are recounted.
final class JuneStore {
  static let hour: Int64 = 3_600_000
  static let ad = AdKey(rawValue: 7)

  let machine = SimulatedMachine(seed: 9)
  let june = Month("2025-06")!
  private(set) var store: Store
  private var sent: UInt64 = 0
  var options = Scenario.options
  var shard: Shard { store.shards[0] }

  /// `settlesEarly`: the first clicks are in runs of their own days before it is July.
  init(settlesEarly: Bool = false, _ change: (inout ShardOptions) -> Void = { _ in }) throws {
    change(&options)
    store = try Store.open(machine.environment, Run.path, options: options)
    try click(5)
    if settlesEarly {
      try pass(4 * 24 * Self.hour)
      try shard.maintenance.settle()
    }
    try pass(june.end - machine.time.wall() + 2 * Self.hour)
    try click(3, hoursAgo: 3)
    machine.time.advance(milliseconds: 300_000)
    try shard.maintenance.settle()
    shard.maintain()
  }

  func click(_ count: Int, hoursAgo: Int64 = 0) throws {
    if shard.slots.needsPreparation { try shard.slots.prepare() }
    let batch = (0..<count).map { _ in
      sent += 1
      return ClickRequest(
        identity: ClickIdentity(ad: Self.ad, impression: ImpressionID(high: sent, low: sent)),
        eventTime: hoursAgo == 0 ? ClickRequest.onReceipt : machine.time.wall() - hoursAgo * Self.hour)
    }
    shard.commit(batch.span) { #expect($1.verdict == .valid, "click \($0)") }
  }

  /// The newest identity clicks again.
  func clickAgain(hoursAgo: Int64) throws {
    let again = ClickRequest(
      identity: ClickIdentity(ad: Self.ad, impression: ImpressionID(high: sent, low: sent)),
      eventTime: machine.time.wall() - hoursAgo * Self.hour)
    shard.commit([again].span) { #expect($1.verdict == .valid) }
  }

  /// Time goes by in steps that the store's clock follows.
  func pass(_ milliseconds: Int64) throws {
    for _ in 0..<4 {
      machine.time.advance(milliseconds: milliseconds / 4)
      _ = store.clock.now()
    }
    try shard.maintenance.checkpoint()
  }

  /// The rows of June.
  func rows() throws -> [(ad: AdKey, minute: Minute, clicks: UInt64)] {
    try shard.live.rows().filter { june.minutes.contains($0.minute.index) }
  }

  /// Adds to a minute's row, and to its hour and day where `isWhole`.
  func damage(_ minute: Int64, by change: Int64, isWhole: Bool = false) throws {
    let tables: [(RunTableKey, Int64)] = isWhole ? [(.minutes, 1), (.hours, 60), (.days, 1_440)] : [(.minutes, 1)]
    for (key, width) in tables {
      try shard.maintenance.plant([(ad: Self.ad, bucket: minute / width, change: change)], in: key)
    }
  }

  func kill() throws { store = try Store.open(machine.environment, Run.path, options: options) }

  func months(_ seconds: UInt32 = 86_400) throws -> (clicks: UInt64, credits: Int64) {
    let minutes = june.minutes
    let (from, to) = (Minute(index: minutes.lowerBound), Minute(index: minutes.upperBound))
    let series = try shard.live.series(
      of: Self.ad, from: from, to: to, in: seconds == 60 ? .minutes : seconds == 3_600 ? .hours : .days)
    return (series.points.reduce(0) { $0 + $1.clicks }, series.credits.reduce(0) { $0 + $1.change })
  }

  func sums() throws -> [String] { try ([60, 3_600, 86_400] as [UInt32]).map { "\(try months($0))" } }
}

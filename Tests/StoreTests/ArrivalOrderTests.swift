import Clicks
import Platform
import Simulation
import Store
import StoreHarness
import Testing

/// A month whose days come in any order, live or as history, with recounts and merges between or not.
private final class Arrivals {
  static let ads = [AdKey(rawValue: 3), AdKey(rawValue: 4)]
  let machine: SimulatedMachine
  let june = Month("2025-06")!
  private(set) var store: Store
  private let options: ShardOptions
  private var sent: UInt64 = 0
  /// Clicks of each ad by minute.
  private var ledger: [AdKey: [Int64: UInt64]] = [:]
  var shard: Shard { store.shards[0] }

  /// The clock stands at the beginning of August.
  init(seed: UInt64, minuteRetention: Int64 = 400) throws {
    machine = SimulatedMachine(
      seed: seed, disk: SimulatedDisk(),
      time: SimulatedTime(wall: Month("2025-08")!.minutes.lowerBound * 60_000 + 7_000))
    var options = Scenario.options
    options.recountInterval = 0
    options.minuteRetention = minuteRetention * 86_400_000
    self.options = options
    store = try Store.open(machine.environment, Run.path, options: options)
  }

  /// Clicks of the ads at a minute of a day of June; nil: of now.
  func click(day: Int64?, minute: Int64) throws {
    if shard.slots.needsPreparation { try shard.slots.prepare() }
    let now = store.clock.now()
    let time = day.map { ((june.days.lowerBound + $0) * 1_440 + minute) * 60_000 } ?? now
    var batch: [ClickRequest] = []
    for (ad, count) in zip(Self.ads, [2, day == nil ? 1 : 3]) {
      for _ in 0..<count {
        sent += 1
        let impression = ImpressionID(high: sent, low: sent)
        batch.append(ClickRequest(identity: ClickIdentity(ad: ad, impression: impression), eventTime: time))
      }
      ledger[ad, default: [:]][Minute(containing: time).index, default: 0] += UInt64(count)
    }
    shard.commit(batch.span) { #expect($1.verdict == .valid, "click \($0)") }
    shard.maintain()
  }

  func advance(minutes: Int64) {
    machine.time.advance(milliseconds: minutes * 60_000)
    shard.maintain()
  }

  /// Every answer is the fold of the clicks: by minute, hour and day, of all time and of June.
  func check(_ when: String, minutesToo: Bool = true) throws {
    let end = Minute(containing: store.clock.now() + 60_000).index
    for ad in Self.ads + [AdKey(rawValue: 9)] {
      for range in [0..<end, june.minutes] {
        for grid in minutesToo ? [BucketGrid.minutes, .hours, .days] : [.hours, .days] {
          var due: [Minute: UInt64] = [:]
          for (minute, clicks) in ledger[ad] ?? [:] where range.contains(minute) {
            due[grid.start(of: Minute(index: minute)), default: 0] += clicks
          }
          let found = try shard.live.series(
            of: ad, from: Minute(index: range.lowerBound), to: Minute(index: range.upperBound), in: grid)
          let points = Dictionary(uniqueKeysWithValues: found.points.map { ($0.minute, $0.clicks) })
          #expect(points == due && found.exactFrom == nil, "\(when), \(grid)")
        }
      }
    }
  }

  /// Whatever came: a recount finds nothing, and the month is sealed with its clicks.
  func seal(_ when: String) throws {
    // A click of now closes what lies behind it.
    try click(day: nil, minute: 0)
    advance(minutes: 30)
    try shard.maintenance.settle()
    #expect(try shard.maintenance.recount(.changes).isClean, "\(when)")
    let due = ledger.values.reduce(UInt64(0)) { sum, rows in
      sum + rows.filter { june.minutes.contains($0.key) }.reduce(UInt64(0)) { $0 + $1.value }
    }
    do {
      let seal = try shard.maintenance.seal(june)
      #expect(seal.clicks == due, "\(when)")
    } catch { Issue.record("\(when): \(error)") }
    try check("\(when), sealed")
    #expect(try Contents(machine.environment, Run.path).inconsistent == [], "\(when)")
  }

  func reopen() throws { store = try Store.open(machine.environment, Run.path, options: options) }
}

/// In whatever order days come, hours and days are the sums of their minutes, and the month can be sealed.
@Suite struct ArrivalOrderTests {
  private static func orders<T>(_ elements: [T]) -> [[T]] {
    guard !elements.isEmpty else { return [[]] }
    return elements.indices.flatMap { i in
      var rest = elements
      let first = rest.remove(at: i)
      return orders(rest).map { [first] + $0 }
    }
  }

  /// Three days in every order, with and without recounts and merges between.
  @Test(arguments: 0..<4)
  func threeDaysInEveryOrder(_ kind: Int) throws {
    for order in Self.orders([0, 3, 4] as [Int64]) {
      let life = try Arrivals(seed: 5)
      let when = "days \(order), kind \(kind)"
      for day in order {
        try life.click(day: day, minute: 70 + day)
        life.advance(minutes: 10)
        try life.shard.maintenance.checkpoint()
        try life.check("\(when), after \(day)")
        if kind & 1 != 0 { try life.shard.maintenance.recount(.changes) }
        if kind & 2 != 0 { try life.shard.maintenance.settle() }
        try life.check("\(when), settled after \(day)")
      }
      try life.seal(when)
    }
  }

  @Test(arguments: Seeds.list(40))
  func daysInAnyOrder(_ seed: Seed) throws {
    var chance = seed.generator
    let life = try Arrivals(seed: chance.next())
    for step in 0..<(4 + chance.small(in: 0...10)) {
      let day: Int64? = chance.oneIn(4) ? nil : Int64(chance.pick([0, 1, 2, 3, 8, 9, 17, 29]))
      try life.click(day: day, minute: chance.edge(in: 0...1_439))
      life.advance(minutes: Int64(chance.pick([0, 1, 5, 60, 1_500])))
      switch chance.next() % 6 {
      case 0: try life.shard.maintenance.checkpoint()
      case 1: try life.shard.maintenance.settle()
      case 2: try life.shard.maintenance.recount(.changes)
      case 3: try life.reopen()
      case 4: try life.shard.maintenance.rebuildRuns()
      default: for _ in 0..<chance.small(in: 0...6) { _ = life.shard.maintenance.turn() }
      }
      try life.check("\(seed), step \(step)")
    }
    try life.seal("\(seed)")
  }

  /// A day whose hour and day rows are patches alone keeps them when its minutes retire.
  @Test func whatCameLateOutlivesItsMinutes() throws {
    for order in Self.orders([0, 3, 4] as [Int64]) {
      let life = try Arrivals(seed: 6, minuteRetention: 3)
      for day in order {
        try life.click(day: day, minute: 70)
        life.advance(minutes: 10)
        try life.shard.maintenance.settle()
      }
      for _ in 0..<8 {
        life.advance(minutes: 1_440)
        try life.click(day: nil, minute: 0)
        try life.shard.maintenance.settle()
      }
      let minutes = try life.shard.live.series(
        of: Arrivals.ads[0], from: Minute(index: life.june.minutes.lowerBound),
        to: Minute(index: life.june.minutes.upperBound), in: .minutes)
      #expect(minutes.points.isEmpty && minutes.exactFrom != nil, "\(order)")
      try life.check("days \(order), without minutes", minutesToo: false)
      try life.shard.maintenance.rebuildRuns()
      try life.check("days \(order), rebuilt", minutesToo: false)
    }
  }
}

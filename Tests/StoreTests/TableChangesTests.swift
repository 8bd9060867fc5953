import Clicks
import Platform
import Simulation
import Store
import StoreHarness
import Testing

/// What a table tells whoever follows it: a copy that is kept by its changes alone is the table.
@Suite struct TableChangesTests {
  /// Follows a table: clicks are added up from the rows that it says were touched, everything else is read again where it says that
  /// counts below the position changed.
  private struct Follower {
    struct Row: Hashable {
      var ad: AdKey
      var minute: Minute
    }

    var seen: LiveTable.Moment
    var rows: [Row: UInt64] = [:]
    var reread = 0

    init(_ table: LiveTable) throws {
      seen = table.moment
      try read(table)
    }

    mutating func read(_ table: LiveTable) throws {
      rows = [:]
      for row in try table.rows() { rows[Row(ad: row.ad, minute: row.minute)] = row.clicks }
    }

    mutating func follow(_ table: LiveTable) throws {
      let changes = table.changes(since: seen)
      defer { seen = changes.moment }
      guard let touched = changes.touched, changes.moment.revision == seen.revision else {
        reread += 1
        return try read(table)
      }
      #expect(Set(touched).count == touched.count)
      for row in touched {
        let end = Minute(index: row.minute.index + 1)
        rows[Row(ad: row.ad, minute: row.minute)] =
          try table.series(of: row.ad, from: row.minute, to: end).points.first?.clicks ?? 0
      }
      #expect(touched.isEmpty == (changes.moment.position == seen.position))
    }
  }

  @Test func aFollowerHasWhatTheTableHas() throws {
    try Seeds.run(20) { seed in
      var generator = seed.generator
      let machine = SimulatedMachine(seed: generator.next())
      var store = try Store.open(machine.environment, Run.path, options: Scenario.options)
      var follower = try Follower(store.shards[0].live)
      var (impression, recounts): (UInt64, Int) = (0, 0)
      for _ in 0..<40 {
        let shard = store.shards[0]
        switch generator.small(in: 0...9) {
        case 0...5:
          let now = store.clock.now()
          let batch = (0..<generator.small(in: 1...30)).map { _ in
            impression += 1
            let late = generator.pick([0, 0, 0, 60_000, 900_000, 7_200_000] as [Int64])
            let ad = AdKey(rawValue: UInt64(1 + generator.small(in: 0...4)))
            return ClickRequest(
              identity: ClickIdentity(ad: ad, impression: ImpressionID(high: impression, low: 1)), eventTime: now - late
            )
          }
          shard.commit(batch.span) { _, _ in }
        case 6, 7:
          machine.time.advance(milliseconds: Int64(generator.small(in: 0...300_000)))
          while shard.maintenance.turn() {}
        case 8:
          try shard.maintenance.settle()
          if let row = try shard.live.rows().first {
            try shard.maintenance.plant([(ad: row.ad, bucket: row.minute.index, change: 3)])
            let before = shard.live.moment
            try shard.maintenance.recount(.deep(nil))
            // A recount that changes rows moves the revision and no position.
            let after = shard.live.moment
            if row.minute < after.closedThrough {
              #expect(after.revision != before.revision && after.position == before.position, "\(seed)")
              #expect(!after.holds(before.position), "\(seed)")
              recounts += 1
            }
          }
        default:
          #expect(store.close() == nil)
          let before = follower.seen
          store = try Store.open(machine.environment, Run.path, options: Scenario.options)
          // The same position, and another revision: nobody takes one process for the other.
          let moment = store.shards[0].live.moment
          #expect(moment.revision != before.revision && moment.position == before.position, "\(seed)")
        }
        try follower.follow(store.shards[0].live)
        var other = try Follower(store.shards[0].live)
        #expect(follower.rows.filter { $0.value > 0 } == other.rows, "\(seed)")
        try other.follow(store.shards[0].live)
        #expect(other.reread == 0)
      }
    }
  }

  @Test func onlyTheNewestClicksAreRemembered() throws {
    let machine = SimulatedMachine(seed: 1)
    let store = try Store.open(machine.environment, Run.path, options: Scenario.options)
    let shard = store.shards[0]
    let start = shard.live.moment
    // A corrected file brings its rows along.
    let ad = AdKey(rawValue: 7)
    for impression in 0..<5 {
      let click = ClickRequest(
        identity: ClickIdentity(ad: ad, impression: ImpressionID(high: UInt64(impression), low: 9)),
        eventTime: ClickRequest.onReceipt)
      shard.commit([click].span) { _, _ in }
    }
    let now = shard.live.moment
    #expect(now.holds(now.position) && now.holds(start.position + 1) && !now.holds(now.position + 1))
    #expect(shard.live.changes(since: start).touched?.count == 1)
    #expect(
      shard.live.touched(from: now.position)?.isEmpty == true && shard.live.touched(from: now.position + 1) == nil)
    machine.time.advance(milliseconds: 600_000)
    try shard.maintenance.settle()
    let row = try #require(try shard.live.rows().first)
    try shard.maintenance.plant([(ad: ad, bucket: row.minute.index, change: 2)])
    // Nothing tells of what was planted.
    #expect(shard.live.changes(since: now).corrections == nil)
    let planted = shard.live.moment
    try shard.maintenance.recount(.deep(nil))
    let files = try #require(shard.live.changes(since: planted).corrections)
    #expect(files.count == 1 && files.first?.rowCount == 1)
  }
}

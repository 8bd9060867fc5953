import Clicks
import Shards
import Simulation
import Store
import Testing

/// What is decided, and who may move it.
@Suite struct RouteBoardTests {
  private let ad = AdKey(rawValue: 7)

  private func identity(minted: Int64) -> ClickIdentity {
    ClickIdentity(ad: ad, impression: .version7(at: minted, random: (1, 2)))
  }

  @Test func aCommitterDecidesWhatIsAheadUnlessAChangeIsOnItsWay() {
    let board = RouteBoard(RouteBoard.Routes(RouteTable(shards: 1), decidedThrough: 1_000))
    var held = board.current
    guard case .here = board.admit(identity(minted: 5_000), to: 0, by: &held) else { return #expect(Bool(false)) }
    #expect(held.decidedThrough == 5_001 && board.current.decidedThrough == 5_001)
    // Frozen, what is decided ends where it does.
    #expect(board.freeze().decidedThrough == 5_001)
    guard case .undecided(minted: 6_000) = board.admit(identity(minted: 6_000), to: 0, by: &held) else {
      return #expect(Bool(false))
    }
    #expect(board.decide(through: 9_000).decidedThrough == 5_001)
    board.publish(RouteTable(shards: 1, version: 1, hot: [ad: [HotInterval(start: 5_001)]]))
    #expect(board.version == 1)
    guard case .here = board.admit(identity(minted: 6_000), to: 0, by: &held) else { return #expect(Bool(false)) }
    #expect(held.table.version == 1 && board.current.decidedThrough == 6_001)
    #expect(board.decide(through: 100).decidedThrough == 6_001)
    _ = board.freeze()
    board.thaw()
    #expect(board.decide(through: 7_000).decidedThrough == 7_000)
  }

  /// What a second copy meets: the shard that counted the first, whatever the table says by then.
  @Test func anEarlyIDStaysAtHome() throws {
    let now: Int64 = 1_750_000_000_000
    let limits = RouteBoard.Limits(now: { now }, ahead: 360_000, reach: 7 * 86_400_000)
    let board = RouteBoard(RouteBoard.Routes(RouteTable(shards: 4), decidedThrough: now + 71_000), limits: limits)
    let home = board.table.home(of: ad)
    let spread = (0..<100).map { ImpressionID.version7(at: now + 500_000, random: (0, $0 << 2)) }
      .map { ClickIdentity(ad: ad, impression: $0) }
      .filter { board.table.spread($0.impression) != home }
    var held = board.current
    // As far as clocks differ an id moves what is decided, and no further.
    guard case .here = board.admit(identity(minted: now + 360_000), to: home, by: &held) else {
      return #expect(Bool(false))
    }
    #expect(board.current.decidedThrough == now + 360_001)
    for far: Int64 in [now + 360_001, 1 << 48 - 1] {
      guard case .here = board.admit(identity(minted: far), to: home, by: &held) else { return #expect(Bool(false)) }
      guard case .elsewhere = board.admit(identity(minted: far), to: (home + 1) % 4, by: &held) else {
        return #expect(Bool(false))
      }
    }
    #expect(board.current.decidedThrough == now + 360_001 && board.earlyCount == 1)
    for early in spread { #expect(board.place(early, by: &held) == home) }
    #expect(board.earlyCount == spread.count + 1)
    _ = board.freeze()
    board.publish(RouteTable(shards: 4, version: 1, hot: [ad: [HotInterval(start: now + 360_001)]]))
    board.decide(through: now + 1_000_000)
    held = board.current
    for early in spread { #expect(board.place(early, by: &held) == home && held.route(early) == home) }
    let other = ClickIdentity(ad: ad, impression: .version7(at: now + 500_000, random: (7, 0)))
    #expect(board.place(other, by: &held) == board.table.spread(other.impression))
    // What has retired is forgotten.
    board.forget { $0.received <= now }
    #expect(board.earlyCount == 0)
    #expect(board.current.route(spread[0]) == board.table.spread(spread[0].impression))
  }

  /// Without room on the list an early id is counted where no interval has its time, and no interval begins before that.
  @Test func aFullListHoldsIntervalsBack() {
    let now: Int64 = 1_750_000_000_000
    let limits = RouteBoard.Limits(now: { now }, ahead: 360_000, reach: 7 * 86_400_000)
    let hot = AdKey(rawValue: 1)
    let table = RouteTable(shards: 2, version: 1, hot: [hot: [HotInterval(start: now)]])
    let early = (0..<UInt64(EarlyIDs.limit)).map {
      EarlyClick(
        identity: ClickIdentity(ad: ad, impression: .version7(at: now + 400_000, random: (0, $0 << 2))), received: now)
    }
    let board = RouteBoard(RouteBoard.Routes(table, decidedThrough: now + 71_000), early: early, limits: limits)
    #expect(board.isFull(from: now + 71_000) && board.earlyCount == EarlyIDs.limit)
    var held = board.current
    let late = ClickIdentity(ad: ad, impression: .version7(at: now + 900_000, random: (1, 1)))
    #expect(board.place(early[9].identity, by: &held) == table.home(of: ad))
    #expect(board.place(late, by: &held) == table.home(of: ad))
    // Of a hot ad it waits until the open interval has ended.
    let waiting = ClickIdentity(ad: hot, impression: .version7(at: now + 900_000, random: (1, 1)))
    #expect(board.place(waiting, by: &held) == nil)
    let border = board.freeze().decidedThrough
    #expect(board.place(late, by: &held) == nil)
    board.publish(RouteTable(shards: 2, version: 2, hot: [hot: [HotInterval(start: now, end: border)]]))
    #expect(board.place(waiting, by: &held) == table.home(of: hot))
    board.forget { _ in true }
    #expect(board.isFull(from: now + 900_000) && !board.isFull(from: now + 900_001))
  }

  @Test func whatIsDecidedCannotChange() async {
    await #expect(processExitsWith: .failure) {
      let board = RouteBoard(RouteBoard.Routes(RouteTable(shards: 2), decidedThrough: 1_000))
      board.publish(RouteTable(shards: 2, version: 1, hot: [AdKey(rawValue: 7): [HotInterval(start: 999)]]))
    }
  }

  /// What routes say for good of a click is where the board places it, by newer routes too.
  @Test func theOnlyShardIsWhereAClickIsPlaced() throws {
    try Seeds.run(200) { seed in
      var chance = seed.generator
      let now: Int64 = 1_750_000_000_000
      let ads = (0..<8).map { AdKey(rawValue: UInt64($0) &* 0x9E37_79B9_7F4A_7C15) }
      let isHot = chance.oneIn(3)
      let table = RouteTable(
        shards: chance.small(in: 1...4), hot: isHot ? [ads[0]: [HotInterval(start: now - 1_000)]] : [:])
      let through = chance.pick([now, .max])
      let board = RouteBoard(RouteBoard.Routes(table, decidedThrough: through), limits: .init(now: { now }))
      let first = board.current
      // A change as they come: an interval begins behind what is decided.
      if through < .max, !isHot, chance.oneIn(2) {
        board.publish(RouteTable(shards: table.shards, version: 1, hot: [ads[1]: [HotInterval(start: now)]]))
      }
      var held = board.current
      for _ in 0..<20 {
        let impression =
          chance.oneIn(2)
          ? ImpressionID(high: chance.next(), low: chance.next())
          : .version7(at: now + Int64(chance.next() % 4_000) - 2_000, random: (chance.next(), chance.next()))
        let identity = ClickIdentity(ad: chance.pick(ads), impression: impression)
        guard let shard = first.onlyShard(identity) else {
          #expect(isHot || impression.timeInBits ?? 0 >= through, "\(seed)")
          continue
        }
        #expect(board.place(identity, by: &held) == shard, "\(seed)")
      }
    }
  }
}

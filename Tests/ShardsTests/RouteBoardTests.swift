import Clicks
import Shards
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

  @Test func whatIsDecidedCannotChange() async {
    await #expect(processExitsWith: .failure) {
      let board = RouteBoard(RouteBoard.Routes(RouteTable(shards: 2), decidedThrough: 1_000))
      board.publish(RouteTable(shards: 2, version: 1, hot: [AdKey(rawValue: 7): [HotInterval(start: 999)]]))
    }
  }
}

import Clicks
import Commands
import Platform
import Service
import Shards
import Store
import Testing

/// Damage of one shard says nothing about the others: they are verified and asked as before.
@Suite struct ShardDamageTests {
  /// A store of three shards with clicks of three ads, each in a shard of its own; returns the ads by shard.
  private func fill(_ session: Session) throws -> [String] {
    var options = ShardOptions()
    options.slotBytes = 65_536
    options.manifestBytes = 32_768
    options.expectedImpressions = 1_000
    options.diskReserve = 0
    let store = try Store.open(.kernel, session.data, shards: 3, options: options)
    let routes = try HotAds(.kernel, store, HotPolicy(), reporters: 1) { Issue.record("\($0)") }
    let table = routes.board.table
    let ads = (0..<3).map { shard in
      (0..<1_000).lazy.map { "ad-\($0)" }.first { table.home(of: AdKey(AdID($0)!)) == shard }!
    }
    for (shard, ad) in ads.enumerated() {
      #expect(
        session.run("ads put \(ad) https://x.example --advertiser acme --data-dir DATA").status == .done)
      let key = AdKey(AdID(ad)!)
      let batch = (0..<(10 + UInt64(shard))).map {
        ClickRequest(identity: ClickIdentity(ad: key, impression: ImpressionID(high: $0, low: $0)))
      }
      store.shards[shard].commit(batch.span) { #expect($1.verdict == .valid) }
      store.shards[shard].close()
    }
    return ads
  }

  @Test func theOthersAreReadAndVerified() throws {
    let session = try Session()
    let ads = try fill(session)
    let slot = "\(session.data)/shard-01/log/slot-000"
    try Session.flip(slot, at: 4_096 + 200)
    let verified = session.run("verify --data-dir DATA")
    #expect(verified.status == .differs)
    let findings = verified.talk.split(separator: "\n").filter { $0.contains("DAMAGE") }
    #expect(findings.count == 1 && findings[0].contains(slot), "\(verified.talk)")
    for (shard, ad) in ads.enumerated() {
      let asked = session.run("query \(ad) --data-dir DATA --format json")
      if shard == 1 {
        #expect(asked.status == .failed && asked.talk.contains(slot), "\(asked)")
      } else {
        #expect(asked.status == .done && asked.output.contains("\"total\":\(10 + shard)"), "\(asked)")
        #expect(asked.output.contains("\"asOf\":\"\(shard):\(10 + shard)\""), "\(asked)")
      }
    }
    try Session.flip(slot, at: 4_096 + 200)
    #expect(session.run("verify --data-dir DATA").status == .done)
  }

  @Test func aClickInTheWrongShardIsFound() throws {
    let session = try Session()
    let ads = try fill(session)
    #expect(session.run("verify --deep --data-dir DATA").status == .done)
    let store = try Store.open(.kernel, session.data)
    let stray = ClickRequest(
      identity: ClickIdentity(ad: AdKey(AdID(ads[1])!), impression: ImpressionID(high: 5, low: 5)))
    store.shards[2].commit([stray].span) { #expect($1.verdict == .valid) }
    for shard in store.shards { shard.close() }
    let verified = session.run("verify --deep --data-dir DATA")
    #expect(verified.status == .differs)
    #expect(verified.talk.contains("shard-02") && verified.talk.contains("position 12 is routed to another shard"))
  }

  /// A store that was rewritten has its shards in another directory, and that is the one that is named.
  @Test func aClickInTheWrongShardOfARewrittenStoreIsFound() throws {
    let session = try Session()
    let ads = try fill(session)
    let rewritten = session.run("reshard --shards 5 --data-dir DATA --log-slot-size 64KiB")
    #expect(rewritten.status == .done, "\(rewritten.talk)")
    #expect(session.run("verify --deep --data-dir DATA").status == .done)
    let store = try Store.open(.kernel, session.data)
    let ad = AdKey(AdID(ads[1])!)
    let wrong = (RouteTable(shards: 5).home(of: ad) + 1) % 5
    let stray = ClickRequest(identity: ClickIdentity(ad: ad, impression: ImpressionID(high: 5, low: 5)))
    if store.shards[wrong].slots.needsPreparation { try store.shards[wrong].slots.prepare() }
    store.shards[wrong].commit([stray].span) { #expect($1.verdict == .valid) }
    let directory = store.identity.directory(of: wrong, in: session.data)
    for shard in store.shards { shard.close() }
    #expect(directory.contains("/layout-"))
    let verified = session.run("verify --deep --data-dir DATA")
    #expect(verified.status == .differs)
    let findings = verified.talk.split(separator: "\n").filter { $0.contains("DAMAGE") }
    #expect(
      findings.count == 1 && findings[0].contains("DAMAGE: \(directory): the click at position "), "\(verified.talk)")
    // Notes name the same place: nothing lies where the shards were.
    #expect(!verified.talk.contains("\(session.data)/shard-"), "\(verified.talk)")
  }

  @Test func rottenRoutesAreNamedAndEveryShardIsAsked() throws {
    let session = try Session()
    let ads = try fill(session)
    let routes = "\(session.data)/ROUTES"
    try Session.flip(routes, at: 60)
    let half = session.run("verify --data-dir DATA")
    #expect(half.status == .differs && half.talk.contains("the other copy holds"), "\(half.talk)")
    #expect(session.run(["inspect", routes]).status == .differs)
    try Session.flip(routes, at: 8_192 + 60)
    let verified = session.run("verify --data-dir DATA")
    #expect(verified.status == .differs && verified.talk.contains("DAMAGE: \(routes): at byte 12"), "\(verified.talk)")
    // Every shard is asked where nobody knows which can hold the ad.
    let asked = session.run("query \(ads[2]) --data-dir DATA --format json")
    #expect(asked.status == .done && asked.output.contains("\"total\":12"), "\(asked)")
  }
}

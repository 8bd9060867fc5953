import Clicks
import Files
import Reconciliation
import Segments
import Simulation
import Testing

/// Identities in two shards against a set.
@Suite struct CrossShardTests {
  @Test func identitiesOfHotAdsOnBothSides() throws {
    try Seeds.run(12) { seed in
      var chance = seed.generator
      let kind = chance.pick([Sample.Kind.random, .version7, .mixed, .crowded])
      let a = Sample(kind, count: 1 + chance.small(in: 1...4_000), using: &chance)
      var b = Sample(kind, count: 1 + chance.small(in: 1...4_000), using: &chance)
      // Code c of the first shard is ad 1000 + c, of the second 1003 + c.
      for i in b.rows.indices where chance.oneIn(4) {
        let other = chance.pick(a.rows)
        (b.rows[i].impression, b.rows[i].code) = (other.impression, other.code >= 3 ? other.code - 3 : 9_000)
      }
      func key(_ code: UInt32, _ base: UInt64) -> AdKey { AdKey(rawValue: base + UInt64(code)) }
      func isHot(_ ad: AdKey) -> Bool { ad.rawValue % 3 != 0 }
      let other = Set(b.rows.map { ClickIdentity(ad: key($0.code, 1_003), impression: $0.impression) })
      var due: [ClickIdentity] = []
      var seen: Set<ClickIdentity> = []
      for row in a.rows {
        let identity = ClickIdentity(ad: key(row.code, 1_000), impression: row.impression)
        if isHot(identity.ad), other.contains(identity), seen.insert(identity).inserted { due.append(identity) }
      }
      let place = try Place()
      var number = 0
      func sides(_ sample: Sample) throws -> [Segment] {
        try sample.parts(most: 4, using: &chance).map {
          number += 1
          return try sample.seal($0, number: number, at: place, .read)
        }
      }
      var found: [ClickIdentity] = []
      try CrossShard.find(
        CrossShard.Side(segments: sides(a), key: { key($0, 1_000) }),
        CrossShard.Side(segments: sides(b), key: { key($0, 1_003) }), isHot: isHot
      ) { found.append(ClickIdentity(ad: $0.ad, impression: $0.impression)) }
      #expect(Set(found) == Set(due) && found.count == due.count, "\(seed) \(kind)")
    }
  }
}

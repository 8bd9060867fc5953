import Clicks
import Reconciliation
import Segments
import Simulation
import Testing

/// Differences against a plain walk through dictionaries.
@Suite struct DifferenceTests {
  private struct Key: Hashable {
    var code: UInt32
    var minute: Int64
  }

  private static func stream(_ counts: [Key: UInt64]) -> ListedCounts {
    ListedCounts(
      counts.filter { $0.value > 0 }
        .map { SegmentSum(code: $0.key.code, minute: Minute(index: $0.key.minute), clicks: $0.value) }
        .sorted { $0.precedes($1) })
  }

  @Test func everyRowThatDiffers() throws {
    try Seeds.run(50) { seed in
      var chance = seed.generator
      var (exact, repeats, present): ([Key: UInt64], [Key: UInt64], [Key: UInt64]) = ([:], [:], [:])
      for _ in 0..<chance.small(in: 0...300) {
        let key = Key(code: UInt32(chance.small(in: 0...20)), minute: Int64(chance.small(in: 0...20)) - 5)
        exact[key] = UInt64(chance.small(in: 0...5))
        if chance.oneIn(3) { repeats[key] = UInt64(chance.small(in: 0...3)) }
        present[key] = exact[key]! + (chance.oneIn(4) ? repeats[key] ?? 0 : 0)
        if chance.oneIn(5) { present[key] = UInt64(chance.small(in: 0...6)) }
      }
      var expected: [Difference] = []
      for key in Set(exact.keys).union(present.keys) {
        let (due, have, left) = (exact[key] ?? 0, present[key] ?? 0, repeats[key] ?? 0)
        if due == have { continue }
        let reason: DifferenceReason =
          have > due && have - due <= left ? .lateRepeat : have == 0 ? .missing : due == 0 ? .phantom : .damage
        expected.append(
          Difference(code: key.code, minute: Minute(index: key.minute), present: have, exact: due, reason: reason))
      }
      expected.sort { ($0.code, $0.minute) < ($1.code, $1.minute) }
      let cursor = DifferenceCursor(
        exact: Self.stream(exact), repeats: Self.stream(repeats), present: Self.stream(present))
      var found: [Difference] = []
      while let difference = try cursor.next() { found.append(difference) }
      #expect(found == expected, "\(seed)")
      #expect(cursor.exactClicks == exact.values.reduce(0, +) && cursor.presentClicks == present.values.reduce(0, +))
      let sum = try SummedCounts([Self.stream(exact), Self.stream(repeats)])
      var all = exact
      for (key, count) in repeats { all[key, default: 0] += count }
      let whole = Self.stream(all)
      while let row = whole.next() { #expect(try sum.next() == row, "\(seed)") }
      #expect(try sum.next() == nil)
    }
  }
}

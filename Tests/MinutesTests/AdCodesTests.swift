import Clicks
import Minutes
import Simulation
import Testing

/// Built at once or ad by ad: the same dictionary.
@Suite struct AdCodesTests {
  @Test func builtAtOnceIsBuiltOneByOne() throws {
    try Seeds.run(40) { seed in
      var generator = seed.generator
      // Keys that differ in their low, middle or high bits only, and counts around the table's sizes.
      let shift = generator.pick([0, 20, 40, 44] as [UInt64])
      let count =
        generator.oneIn(2) ? generator.pick([0, 1, 511, 512, 513, 1024, 1025]) : generator.small(in: 0...60_000)
      var seen: Set<UInt64> = []
      var keys: [UInt64] = []
      while keys.count < count {
        let key = shift == 0 ? generator.next() : generator.next() % 1_000_000 << shift
        if seen.insert(key).inserted { keys.append(key) }
      }
      var one = AdCodes()
      for key in keys { _ = one.assign(AdKey(rawValue: key)) }
      var whole = AdCodes(keys: keys)
      for _ in 0..<2_000 {
        let key = AdKey(rawValue: generator.oneIn(2) && count > 0 ? generator.pick(keys) : generator.next())
        guard one.code(of: key) == whole.code(of: key), one.assign(key) == whole.assign(key) else {
          Issue.record("\(seed): \(key)")
          return
        }
      }
      #expect(one.count == whole.count && one.keys(from: 0) == whole.keys(from: 0))
      let from = generator.edge(in: 0...UInt32(one.count))
      #expect(one.keys(from: from) == (Int(from)..<one.count).map { one.key(UInt32($0)).rawValue }, "\(seed)")
    }
  }

  @Test func theSecondOfTwoKeysIsNamed() throws {
    try Seeds.run(40) { seed in
      var generator = seed.generator
      let count = 2 + generator.small(in: 0...5_000)
      var keys = (0..<count).map { _ in generator.next() }
      let again = generator.edge(in: 1...(count - 1))
      let first = generator.edge(in: 0...(again - 1))
      keys[again] = keys[first]
      let error = #expect(throws: AdCodes.RepeatedKey.self) { _ = try AdCodes(checking: keys) }
      #expect(error == AdCodes.RepeatedKey(first: first, again: again), "\(seed)")
    }
  }

  @Test func aRepeatFromInsideIsABug() async {
    await #expect(processExitsWith: .failure) { _ = AdCodes(keys: [1, 2, 1]) }
  }
}

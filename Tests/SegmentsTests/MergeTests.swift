import Bytes
import Clicks
import Files
import Segments
import Simulation
import Testing

/// Merging segments gives what sealing all their clicks at once gives.
@Suite struct MergeTests {
  /// Seals `reference` in parts that end at random places; returns them open.
  private func parts(
    of reference: Reference, at place: Place, most: Int, _ access: SealedFile.Access,
    using chance: inout SeededGenerator
  ) throws -> [Segment] {
    var ends = Set((0..<chance.small(in: 0...most)).map { _ in Int(chance.next() % UInt64(reference.entries.count)) })
    ends.formUnion([0, reference.entries.count])
    let sorted = ends.sorted()
    return try (1..<sorted.count).map { i in
      let (sealed, _) = try reference.part(sorted[i - 1]..<sorted[i]).seal(to: place.target(UInt64(100 + i)))
      return try place.open(UInt64(100 + i), sealed, access)
    }
  }

  @Test(arguments: Kind.allCases) func isOneSegmentOfEverything(_ kind: Kind) throws {
    try Seeds.run(6) { seed in
      var chance = seed.generator
      let captured: [CapturedColumn] = chance.oneIn(3) ? [.userAgent] : []
      let reference = Reference(
        kind, count: 1 + chance.small(in: 1...20_000), captured: captured, using: &chance)
      let place = try Place.simulated()
      let access = chance.pick(SealedFile.Access.allCases)
      let inputs = try parts(of: reference, at: place, most: 12, access, using: &chance)
      let (sealed, summary) = try SegmentMerge.merge(inputs, into: place.target(1))
      let merged = try place.open(1, sealed, access)
      #expect(merged.summary == summary)
      try SegmentTests.expect(merged, is: reference, using: &chance, "\(seed) \(kind) \(inputs.count)")
      let (_, whole) = try reference.seal(to: place.target(2))
      #expect(summary == whole, "\(seed) \(kind)")
    }
  }

  /// Version 7 ids and others, and times of other days, come from segments that knew nothing of each other.
  @Test func differentKindsMeet() throws {
    try Seeds.run(10) { seed in
      var chance = seed.generator
      let place = try Place.simulated()
      var all = Reference()
      var inputs: [Segment] = []
      for number in 0..<UInt64(5) {
        var part = Reference(
          chance.pick(Kind.allCases.filter { $0 != .extreme || chance.oneIn(3) }), count: chance.small(in: 1...3000),
          using: &chance)
        for i in part.entries.indices {
          part.entries[i].row.position = UInt64(all.entries.count + i)
          part.entries[i].runningTime = (all.entries.last?.runningTime ?? 0) + part.entries[i].runningTime
        }
        let (sealed, _) = try part.seal(to: place.target(number))
        inputs.append(try place.open(number, sealed, .mapped))
        all.entries += part.entries
      }
      let (sealed, _) = try SegmentMerge.merge(inputs, into: place.target(9))
      let merged = try place.open(9, sealed, .read)
      try SegmentTests.expect(merged, is: all, using: &chance, "\(seed)")
      // And once more: a merge of merges.
      let (left, _) = try SegmentMerge.merge(Array(inputs[..<2]), into: place.target(10))
      let (right, _) = try SegmentMerge.merge(Array(inputs[2...]), into: place.target(11))
      let (again, _) = try SegmentMerge.merge(
        [place.open(10, left, .mapped), place.open(11, right, .mapped)], into: place.target(12))
      try SegmentTests.expect(try place.open(12, again, .mapped), is: all, using: &chance, "\(seed) twice")
    }
  }

  /// What is captured changes from segment to segment; who lacks a string has an empty one.
  @Test func capturedColumnsComeTogether() throws {
    try Seeds.run(12) { seed in
      var chance = seed.generator
      let place = try Place.simulated()
      var all = Reference()
      var inputs: [Segment] = []
      for number in 0..<UInt64(2 + chance.small(in: 0...3)) {
        let captured = chance.pick([[], [.userAgent], [.referrer], [.userAgent, .referrer]] as [[CapturedColumn]])
        var part = Reference(
          chance.pick([Kind.random, .version7]), count: chance.small(in: 1...3000), captured: captured, using: &chance)
        for i in part.entries.indices {
          part.entries[i].row.position = UInt64(all.entries.count + i)
          part.entries[i].runningTime = (all.entries.last?.runningTime ?? 0) + part.entries[i].runningTime
        }
        let (sealed, _) = try part.seal(to: place.target(number))
        inputs.append(try place.open(number, sealed, .mapped))
        let union = CapturedColumn.allCases.filter { all.captured.contains($0) || captured.contains($0) }
        func widen(_ entries: [Reference.Entry], _ own: [CapturedColumn]) -> [Reference.Entry] {
          entries.map { entry in
            var entry = entry
            entry.strings = union.map { column in own.firstIndex(of: column).map { entry.strings[$0] } ?? [] }
            return entry
          }
        }
        all.entries = widen(all.entries, all.captured) + widen(part.entries, captured)
        all.captured = union
      }
      let (sealed, _) = try SegmentMerge.merge(inputs, into: place.target(9))
      try SegmentTests.expect(try place.open(9, sealed, .read), is: all, using: &chance, "\(seed)")
    }
  }

  /// The models and the table of a merge are made without its rows, from those of its inputs: that costs nothing.
  @Test(arguments: [Kind.random, .version7]) func isSmallerThanItsInputs(_ kind: Kind) throws {
    var chance = Seeds.list(1)[0].generator
    let reference = Reference(kind, count: 60_000, using: &chance)
    let place = try Place.simulated()
    let inputs = try (0..<6).map { i in
      let (sealed, _) = try reference.part(i * 10_000..<(i + 1) * 10_000).seal(to: place.target(UInt64(100 + i)))
      return try place.open(UInt64(100 + i), sealed, .mapped)
    }
    let (merged, _) = try SegmentMerge.merge(inputs, into: place.target(1))
    #expect(merged.bytes < inputs.reduce(0) { $0 + $1.reference.bytes })
  }
}

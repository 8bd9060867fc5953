import Bytes
import ClickLog
import Clicks
import Files
import Simulation
import Store
import Testing

/// The codec of the manifest's changes, and the rules of its state.
@Suite struct ManifestStateTests {
  /// A change that `state` takes.
  private func change(of state: ManifestState, _ generator: inout SeededGenerator) -> ManifestChange {
    let open = state.extents.last.flatMap { $0.end == nil ? $0 : nil }
    let month = Month(index: UInt32(generator.edge(in: 1_970 * 12...2_100 * 12)))!
    switch generator.next() % 20 {
    case 18 where state.sealed > state.retired:
      let end = generator.edge(in: state.retired + 1...state.sealed)
      let ends = Set((0..<generator.small(in: 0...40)).map { _ in generator.edge(in: 0...end) })
      return .earlierCopies(
        EarlierCopies.List(
          end: end, isJoined: !ends.isEmpty && generator.oneIn(2),
          parts: ends.sorted().prefix(EarlierCopies.limit).map {
            EarlierCopies.Part(end: $0, count: generator.edge(in: 1...1 << 40))
          }))
    case 19: return .copiesCounted(from: state.copiesCounted ?? state.sealed)
    case 17 where month.minutes.upperBound <= state.closedThrough && state.seal(of: month) == nil:
      let digests = (0..<2).map { _ in (0..<32).map { _ in UInt8(truncatingIfNeeded: generator.next()) } }
      return .monthSealed(
        MonthSeal(
          month: month, time: generator.edge(in: 0...Int64.max), rows: generator.next(), clicks: generator.next(),
          ads: generator.next(), minutes: digests[0], days: digests[1]))
    case 0: return .epoch(generator.edge(in: state.epoch + 1...state.epoch + 1_000))
    case 1: return .logicalTime(generator.edge(in: .min...Int64.max))
    case 2: return .closedThrough(minute: generator.edge(in: .min...Int64.max))
    case 3: return .lastGeneration(generator.edge(in: 0...state.lastGeneration + 5))
    case 8:
      let applied = generator.edge(in: state.applied...state.applied + 1_000)
      return .checkpoint(applied: applied, floor: generator.edge(in: state.floor...applied))
    case 9: return .sealed(to: generator.edge(in: state.sealed...state.applied))
    case 10: return .retired(to: generator.edge(in: state.retired...state.sealed))
    case 11, 12:
      return .addFile(
        StoreFile(
          kind: generator.pick(StoreFile.Kind.allCases),
          reference: SealedReference(
            number: state.lastFile + 1 + generator.edge(in: 0...3), bytes: generator.next(), digest: generator.next())))
    case 13: return .lastFile(generator.edge(in: 0...state.lastFile + 5))
    case 14:
      return generator.oneIn(2)
        ? .rolledUp(before: generator.edge(in: .min...Int64.max))
        : .minutesFrom(minute: generator.edge(in: .min...Int64.max))
    case 15: return .table(number: UInt32(state.tables.count + 1), name: "table-\(state.tables.count)")
    case 16 where !state.files.isEmpty: return .removeFile(number: generator.pick(state.files).reference.number)
    case 4 where !state.extents.isEmpty:
      return .remove(generation: state.extents[generator.oneIn(2) ? 0 : state.extents.count - 1].generation)
    default:
      if let open {
        let position = generator.edge(in: open.firstPosition...open.firstPosition + 1_000)
        return .close(
          generation: open.generation, LogExtent.End(offset: generator.edge(in: 0...1 << 30), position: position))
      }
      let used = state.liveSlots
      let slot = (0...UInt32(used.count)).first { !used.contains($0) }!
      return .open(
        LogExtent(
          generation: state.lastGeneration + 1 + generator.edge(in: 0...3), slot: slot,
          firstPosition: state.extents.last?.end?.position ?? generator.edge(in: 0...1 << 40),
          previousGeneration: generator.edge(in: 0...UInt64.max), durable: generator.edge(in: 0...1 << 30)))
    }
  }

  @Test func changesAndSnapshotsRoundTrip() throws {
    try Seeds.run(300) { seed in
      var generator = seed.generator
      var state = ManifestState()
      var all: [ManifestChange] = []
      for _ in 0..<generator.small(in: 1...60) {
        let change = change(of: state, &generator)
        // Removing from the middle leaves a gap, which a snapshot rightly refuses.
        if case .remove(let generation) = change, generation != state.extents.first?.generation { continue }
        try state.apply(change)
        all.append(change)
      }
      #expect(try ManifestChange.read(all.flatMap(\.bytes)) == all, "\(seed)")
      var again = ManifestState()
      for change in try ManifestChange.read(state.snapshot.flatMap(\.bytes)) { try again.apply(change) }
      // What a snapshot leaves out is what says nothing.
      var expected = state
      expected.logicalTime = max(0, state.logicalTime)
      #expect(again == expected, "\(seed)")
    }
  }

  @Test func unknownTagsAndWrongLengthsAreRefused() throws {
    let known = ManifestChange.epoch(7).bytes
    #expect(throws: ManifestFault.self) { try ManifestChange.read([8] + known[1...]) }
    #expect(throws: ManifestFault.self) { try ManifestChange.read([0] + known[1...]) }
    #expect(throws: ManifestFault.self) { try ManifestChange.read([255, 0, 0, 0]) }
    #expect(throws: ManifestFault.self) { try ManifestChange.read([known[0], 1] + known[2...]) }
    for cut in 1..<known.count {
      #expect(throws: ManifestFault.self) { try ManifestChange.read(Array(known[..<cut])) }
    }
    #expect(throws: ManifestFault.self) { try ManifestChange.read([1, 0, 5, 0] + [1, 2, 3, 4, 5]) }
    #expect(try ManifestChange.read([]) == [])
  }

  /// Bytes from anywhere are changes or a fault, never a trap, in reading and in applying.
  @Test func arbitraryBytesAreChangesOrAFault() throws {
    try Seeds.run(3_000) { seed in
      var generator = seed.generator
      var bytes = ManifestChange.close(generation: 3, LogExtent.End(offset: 1, position: 2)).bytes
      bytes += ManifestChange.epoch(9).bytes
      for _ in 0..<generator.small(in: 0...6) {
        bytes[generator.small(in: 0...(bytes.count - 1))] = UInt8(generator.edge(in: 0...255))
      }
      if generator.oneIn(4) { bytes = generator.bytes(generator.small(in: 0...64)) }
      var state = ManifestState()
      do throws(ManifestFault) {
        for change in try ManifestChange.read(bytes) { try state.apply(change) }
      } catch { #expect(!error.description.isEmpty) }
    }
  }

  @Test func whatDoesNotFitTheStateIsAFault() throws {
    var state = ManifestState()
    let first = LogExtent(generation: 2, slot: 0, firstPosition: 0, previousGeneration: 0, durable: 4096)
    for change in [.epoch(3), .open(first)] as [ManifestChange] { try state.apply(change) }
    func extent(_ generation: UInt64, slot: UInt32, first: UInt64) -> ManifestChange {
      .open(LogExtent(generation: generation, slot: slot, firstPosition: first, previousGeneration: 2, durable: 0))
    }
    func expectFault(_ change: ManifestChange) {
      var copy = state
      #expect(throws: ManifestFault.self, "\(change)") { try copy.apply(change) }
    }
    expectFault(.epoch(3))
    expectFault(extent(3, slot: 1, first: 0))
    expectFault(.close(generation: 1, LogExtent.End(offset: 0, position: 0)))
    expectFault(.remove(generation: 1))
    try state.apply(.close(generation: 2, LogExtent.End(offset: 8192, position: 5)))
    expectFault(.close(generation: 2, LogExtent.End(offset: 8192, position: 5)))
    expectFault(extent(2, slot: 1, first: 5))
    expectFault(extent(3, slot: 0, first: 5))
    expectFault(extent(3, slot: 1, first: 6))
    try state.apply(extent(3, slot: 1, first: 5))
    #expect(state.lastGeneration == 3)
    let file = StoreFile(kind: .run, reference: SealedReference(number: 4, bytes: 1, digest: 2))
    expectFault(.checkpoint(applied: 3, floor: 4))
    expectFault(.sealed(to: 1))
    for change in [.checkpoint(applied: 9, floor: 4), .sealed(to: 6), .retired(to: 2), .addFile(file)]
      as [ManifestChange]
    {
      try state.apply(change)
    }
    for change in [
      .checkpoint(applied: 8, floor: 4), .checkpoint(applied: 10, floor: 3), .sealed(to: 5), .sealed(to: 10),
      .retired(to: 1), .retired(to: 7), .addFile(file), .removeFile(number: 3),
    ] as [ManifestChange] { expectFault(change) }
    try state.apply(.table(number: 1, name: "a"))
    expectFault(.table(number: 1, name: "b"))
    expectFault(.table(number: 2, name: "a"))
  }
}

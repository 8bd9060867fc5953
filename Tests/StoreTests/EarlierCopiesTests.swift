import Bytes
import Simulation
import Store
import Testing

/// What the manifest keeps of repeats whose earlier copies are in other segments, against the clicks themselves.
@Suite struct EarlierCopiesTests {
  /// Positions in segments, and the repeats among them with their latest earlier copies.
  private struct Reference {
    var ends: [UInt64] = []
    var retired: UInt64 = 0
    var repeats: [(position: UInt64, copy: UInt64)] = []

    func end(of position: UInt64) -> UInt64 { ends.first { $0 > position }! }

    func segments() -> [Range<UInt64>] { zip([retired] + ends, ends).map { $0..<$1 } }

    /// Repeats of a segment whose earlier copies have retired.
    func alone(in segment: Range<UInt64>) -> UInt64 {
      UInt64(repeats.count { segment.contains($0.position) && $0.copy < retired })
    }
  }

  /// Flushes, recounts, merges and retirements in any order; through the changes of records, as a manifest reads them.
  @Test func countsAreThoseOfTheClicks() throws {
    var proved = 0
    try Seeds.run(100) { seed in
      var chance = seed.generator
      var reference = Reference()
      var state = ManifestState()
      try state.apply(.checkpoint(applied: 1 << 40, floor: 0))
      try state.apply(.sealed(to: 1 << 40))
      // Some stores have more segments than a list has parts.
      let isMany = chance.oneIn(4)
      let steps = chance.small(in: 1...(isMany ? 200 : 60))
      for step in 0..<steps {
        var copies = state.earlierCopies
        switch chance.next() % (isMany ? 40 : 8) {
        case 0 where reference.ends.count > 1:
          let first = chance.small(in: 0...(reference.ends.count - 2))
          let last = chance.small(in: first...min(first + 4, reference.ends.count - 1))
          copies.join(reference.segments()[first].lowerBound..<reference.ends[last])
          reference.ends.removeSubrange(first..<last)
        case 1 where reference.ends.count > 1:
          reference.retired = reference.ends.removeFirst()
          reference.repeats.removeAll { $0.position < reference.retired }
          try state.apply(.retired(to: reference.retired))
          copies = state.earlierCopies
        case 2, 3:
          reference.ends.append((reference.ends.last ?? 0) + UInt64(chance.small(in: 1...100)))
        default:
          guard let end = reference.ends.last, end - reference.retired > 1 else {
            reference.ends.append((reference.ends.last ?? 0) + 10)
            continue
          }
          var found = EarlierCopies()
          for _ in 0..<chance.small(in: 1...5) {
            let position = chance.edge(in: reference.retired + 1...end - 1)
            let copy = chance.edge(in: reference.retired...position - 1)
            guard !reference.repeats.contains(where: { $0.position == position }) else { continue }
            reference.repeats.append((position, copy))
            found.add(1, of: reference.end(of: position), in: reference.end(of: copy))
          }
          copies.add(found)
        }
        var bytes = ByteWriter()
        for change in changes(to: copies, from: state.earlierCopies) { change.write(to: &bytes) }
        for change in try ManifestChange.read(bytes.bytes) { try state.apply(change) }
        #expect(state.earlierCopies == copies, "\(seed)")
        let segments = reference.segments()
        let looked = step == steps - 1 || segments.isEmpty ? segments : [chance.pick(segments), chance.pick(segments)]
        for segment in looked {
          let found = state.earlierCopies.withoutCopy(in: segment, retired: reference.retired)
          let due = reference.alone(in: segment)
          #expect(found.contains(due), "\(seed): \(segment) has \(due), recorded are \(found)")
          if found.count == 1, due > 0 { proved += 1 }
          #expect(isMany || found.count == 1, "\(seed): \(found)")
        }
        #expect(state.earlierCopies.lists.allSatisfy { $0.parts.count <= EarlierCopies.limit }, "\(seed)")
      }
      var again = ManifestState()
      for change in state.snapshot { try again.apply(change) }
      #expect(again == state, "\(seed)")
    }
    #expect(proved > 0)
  }

  /// What a record says, by the lists that differ.
  private func changes(to new: EarlierCopies, from old: EarlierCopies) -> [ManifestChange] {
    old.lists.filter { list in !new.lists.contains { $0.end == list.end } }.map {
      .earlierCopies(EarlierCopies.List(end: $0.end, parts: []))
    } + new.lists.filter { !old.lists.contains($0) }.map { .earlierCopies($0) }
  }

  @Test func whatCannotBeIsAFault() throws {
    var state = ManifestState()
    for change in [.checkpoint(applied: 90, floor: 0), .sealed(to: 90), .retired(to: 10)] as [ManifestChange] {
      try state.apply(change)
    }
    func part(_ end: UInt64, _ count: UInt64 = 1) -> EarlierCopies.Part { EarlierCopies.Part(end: end, count: count) }
    for list in [
      EarlierCopies.List(end: 10, parts: [part(5)]), EarlierCopies.List(end: 20, parts: [part(15), part(15)]),
      EarlierCopies.List(end: 20, parts: [part(15), part(12)]), EarlierCopies.List(end: 20, parts: [part(15, 0)]),
      EarlierCopies.List(end: 20, parts: [part(21)]), EarlierCopies.List(end: 20, isJoined: true, parts: []),
      EarlierCopies.List(end: 90, parts: (20..<53 as Range<UInt64>).map { part($0) }),
    ] {
      var copy = state
      #expect(throws: ManifestFault.self, "\(list)") { try copy.apply(.earlierCopies(list)) }
    }
    try state.apply(.earlierCopies(EarlierCopies.List(end: 20, parts: [part(5), part(15)])))
    #expect(state.earlierCopies.withoutCopy(in: 10..<20, retired: 10) == 1...1)
    try state.apply(.copiesCounted(from: 7))
    var copy = state
    #expect(throws: ManifestFault.self) { try copy.apply(.copiesCounted(from: 8)) }
  }
}

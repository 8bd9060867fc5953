import Clicks
import Demo
import Files
import Platform
import Segments
import Traffic

/// Looking identities up in segments, which is what makes a click count once beyond the dedup horizon: ns an id and segment,
/// for ids that are there and, as nearly always, are not, one at a time and in the batches of a commit. The segments are in
/// memory; what a look-up costs on disk is the pages that it touches, one or two of 4 KiB a segment.
struct LookupBenchmark {
  /// Which ids the clicks have.
  private enum Kind: String, CaseIterable {
    /// Version 7, minted in the hour of the segment.
    case timed
    case random
  }

  private let rows: Int
  private let segments: Int
  private let batches: [Int]
  private let lookups: Int

  /// `segments` of `rows` clicks each, `lookups` of each kind in batches of these sizes.
  init(rows: Int, segments: Int, batches: [Int], lookups: Int) {
    self.rows = rows
    self.segments = segments
    self.batches = batches
    self.lookups = lookups
  }

  func run(_ time: any TimeSource) throws -> [Measurement] {
    let directory = try TemporaryDirectory("tally-bench")
    return try Kind.allCases.flatMap { kind in
      var chance = SplitMix64(seed: 11)
      var ids: [[ImpressionID]] = []
      let open = try (0..<segments).map { number in
        let made = try make(kind, number, directory.path, &chance)
        ids.append(made.ids)
        return made.segment
      }
      return try batches.flatMap { batch in
        try [true, false].map { isThere in
          try measure(kind, batch, isThere, open, ids, &chance, time)
        }
      }
    }
  }

  private func id(_ kind: Kind, _ number: Int, _ chance: inout SplitMix64) -> ImpressionID {
    switch kind {
    case .random: return ImpressionID(high: chance.next(), low: chance.next())
    case .timed:
      let minted = DataSets.day + Int64(number) * 3_600_000 + Int64(chance.below(3_600_000))
      return .version7(at: minted, random: (chance.next(), chance.next()))
    }
  }

  private func make(
    _ kind: Kind, _ number: Int, _ directory: String, _ chance: inout SplitMix64
  ) throws -> (segment: Segment, ids: [ImpressionID]) {
    var builder = SegmentBuilder(first: UInt64(number * rows), capacity: rows)
    var ids: [ImpressionID] = []
    ids.reserveCapacity(rows)
    for row in 0..<rows {
      let received = DataSets.day + Int64(number) * 3_600_000 + Int64(row) * 3_600_000 / Int64(rows)
      if row % 256 == 0 { builder.step(receiveTime: received, runningTime: UInt64(number * rows + row)) }
      let id = id(kind, number, &chance)
      ids.append(id)
      builder.add(id, code: UInt32(row % 1_000), eventTime: received, source: .batch)
    }
    let path = "\(directory)/\(kind.rawValue)-\(number)"
    let target = SegmentTarget(
      files: KernelFileSystem(), path: path, temporary: "\(directory)/tmp", store: ColumnarBenchmark.store,
      number: UInt64(number), created: DataSets.day)
    let (reference, _) = try builder.seal(to: target)
    let segment = try Segment.open(KernelFileSystem(), path, reference: reference, access: .mapped)
    segment.file.makeObsolete()
    return (segment, ids)
  }

  /// Every batch is looked for in every segment; its ids are those of one, or of none.
  private func measure(
    _ kind: Kind, _ batch: Int, _ isThere: Bool, _ segments: [Segment], _ ids: [[ImpressionID]],
    _ chance: inout SplitMix64, _ time: any TimeSource
  ) throws -> Measurement {
    var spent: Int64 = 0
    var looked = 0
    while looked < lookups {
      let home = chance.below(segments.count)
      var keys = (0..<batch).map { tag -> SegmentKey in
        let row = chance.below(rows)
        let id = isThere ? ids[home][row] : id(kind, home, &chance)
        return SegmentKey(impression: id, code: UInt32(row % 1_000), tag: tag)
      }
      var found = 0
      spent += try elapsed(time) {
        keys.sort(by: SegmentKey.precedes)
        for segment in segments { try segment.find(keys) { _, _ in found += 1 } }
      }
      guard found == (isThere ? batch : 0) else {
        throw BenchFailure("lookup: \(found) of \(isThere ? batch : 0) ids were found")
      }
      looked += batch
    }
    return Measurement(
      "\(isThere ? "there" : "absent")@\(kind.rawValue)-\(batch)", "ns/id/segment",
      Double(spent) / Double(looked * segments.count))
  }
}

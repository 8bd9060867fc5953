import Bytes
import Clicks
import Files
import Platform
import Reconciliation
import Segments
import Simulation
import Testing

/// A recount against a dictionary.
@Suite struct RecountTests {
  /// Recounts some of the parts, with those before them, or some of these, to look back to.
  private func check(_ kind: Sample.Kind, _ seed: Seed, count most: Int) throws {
    var chance = seed.generator
    var sample = Sample(kind, count: 1 + chance.small(in: 0...most), using: &chance)
    if chance.oneIn(4) { sample.captured = [.userAgent, .referrer] }
    let place = try Place()
    let access = chance.pick(SealedFile.Access.allCases)
    let parts = sample.parts(most: 12, using: &chance)
    let segments = try parts.enumerated().map {
      try sample.seal($1, number: $0, at: place, access)
    }
    let start = chance.oneIn(2) ? 0 : Int(chance.next() % UInt64(parts.count))
    let back = (0..<start).filter { _ in !chance.oneIn(4) }
    let range = parts[start].lowerBound..<sample.rows.count
    let due = sample.due(range, lookBack: back.map { parts[$0] })
    let memory = chance.pick([16 << 10, 100 << 10, 4 << 20])
    let merges = chance.oneIn(2)
    var first: [UInt8]?
    for threads in [1, 2] {
      var repeats: [RemovedRepeat] = []
      let mark = "\(seed) \(kind): \(parts.count) parts from \(start), \(memory) bytes, \(threads) threads"
      do {
        let recount = try Recount.run(
          Array(segments[start...]), lookBack: back.map { segments[$0] }, merged: merges ? place.target(900) : nil,
          place.settings(memory: memory, threads: threads), removed: { repeats.append($0) })
        let sealed = try recount.sealMerged()
        let outcome = try Outcome(recount, repeats)
        #expect(outcome.exact == due.exact, "\(mark)")
        #expect(outcome.removed == due.removed, "\(mark)")
        #expect(outcome.repeats.sorted { $0.position < $1.position } == due.repeats, "\(mark)")
        #expect(
          outcome.summary.rows == UInt64(range.count) && outcome.summary.repeats == UInt64(due.repeats.count)
            && outcome.summary.distinct == UInt64(due.kept.count), "\(mark)")
        // A second walk says the same.
        #expect(try Outcome.rows(recount.counts()) == due.exact, "\(mark)")
        #expect((sealed == nil) == (!merges || due.kept.isEmpty), "\(mark)")
        if let sealed {
          try expect(sealed, holds: due, of: sample, sample.first + UInt64(range.lowerBound), at: place, mark)
          let bytes = try place.disk.contents(place.target(900).path)
          // Whatever the threads did, the file is the same, byte by byte.
          #expect(bytes == first ?? bytes, "\(mark)")
          first = bytes
        }
      }
      #expect(place.leftOver == [], "\(mark)")
    }
  }

  /// The merged segment has the first copies alone and says so.
  private func expect(
    _ sealed: (SealedReference, SegmentSummary), holds due: Sample.Due, of sample: Sample, _ first: UInt64,
    at place: Place, _ mark: String
  ) throws {
    let merged = try Segment.open(place.files, place.target(900).path, reference: sealed.0, access: .read)
    try merged.verify()
    #expect(merged.summary == sealed.1 && merged.summary.rows == due.kept.count, "\(mark)")
    #expect(
      merged.summary.positions.lowerBound == first
        && merged.summary.positions.upperBound == sample.first + UInt64(sample.rows.count), "\(mark)")
    #expect(merged.summary.leftOut == UInt64(due.repeats.count), "\(mark)")
    let cursor = merged.cursor([.all, .strings])
    var at = 0
    while try cursor.nextPage() {
      for i in cursor.range {
        #expect(cursor.row(i) == due.kept[at], "\(mark), row \(at)")
        for (column, kind) in sample.captured.enumerated() {
          #expect(cursor.rows.strings[column][i] == sample.strings(due.kept[at], kind), "\(mark), row \(at)")
        }
        at += 1
      }
    }
    #expect(at == due.kept.count, "\(mark)")
    #expect(try Outcome.rows(merged.sumCursor()) == due.exact, "\(mark)")
    var logged: [UInt64] = []
    try merged.forEachInLogOrder { logged.append($0.position) }
    #expect(logged == due.kept.map(\.position).sorted(), "\(mark)")
  }

  @Test(arguments: Sample.Kind.allCases) func equalsADictionary(_ kind: Sample.Kind) throws {
    try Seeds.run(12) { try check(kind, $0, count: 6_000) }
  }

  /// Enough clicks for several pages of each input, several batches and several rounds of memory.
  @Test(arguments: [Sample.Kind.random, .version7, .mixed, .crowded, .oneAd]) func equalsADictionaryOfMany(
    _ kind: Sample.Kind
  ) throws {
    try Seeds.run(1) { try check(kind, $0, count: 150_000) }
  }

  @Test func nothingOfNothing() throws {
    let place = try Place()
    let recount = try Recount.run([], place.settings())
    #expect(recount.summary == RecountSummary())
    #expect(try Outcome.rows(recount.counts()).isEmpty)
    #expect(try Outcome.rows(recount.repeats()).isEmpty)
    #expect(try recount.sealMerged() == nil)
  }

  /// A recount of what a recount merged finds the same counts and no repeat.
  @Test func theSecondTimeNothingChanges() throws {
    try Seeds.run(5) { seed in
      var chance = seed.generator
      let sample = Sample(.mixed, count: 5_000, using: &chance)
      let place = try Place()
      let segments = try sample.parts(most: 6, using: &chance).enumerated().map {
        try sample.seal($1, number: $0, at: place, .read)
      }
      let first = try Recount.run(segments, merged: place.target(900), place.settings())
      let (reference, _) = try #require(try first.sealMerged())
      let merged = try Segment.open(place.files, place.target(900).path, reference: reference, access: .read)
      let second = try Recount.run([merged], place.settings())
      #expect(second.summary.repeats == 0 && second.summary.distinct == first.summary.distinct, "\(seed)")
      #expect(try Outcome.rows(second.counts()) == Outcome.rows(first.counts()), "\(seed)")
      // Merged again with others, as segments are, it keeps its gaps.
      let rows = second.summary.rows
      let again = try SegmentMerge.merge([merged], into: place.target(901)).1
      #expect(UInt64(again.rows) == rows && again.leftOut == first.summary.repeats, "\(seed)")
    }
  }

  @Test func stopsWhenAsked() throws {
    var chance = Seeds.list(1)[0].generator
    let sample = Sample(.random, count: 100_000, using: &chance)
    let place = try Place()
    let segment = try sample.seal(0..<100_000, number: 1, at: place, .read)
    for threads in [1, 2] {
      var settings = place.settings(memory: 100 << 10, threads: threads)
      settings.shouldStop = { true }
      #expect(throws: RecountStopped()) { _ = try Recount.run([segment], merged: place.target(900), settings) }
      #expect(place.leftOver == [])
    }
  }

  /// Times so far apart that their minutes have no common count are refused, not counted wrongly.
  @Test func timesTooFarApart() throws {
    var sample = Sample()
    for (i, time) in [Int64.min / 2, Int64.max / 2].enumerated() {
      sample.rows.append(
        SegmentRow(
          impression: ImpressionID(high: UInt64(i), low: 0), code: 0, eventTime: time, position: UInt64(i),
          source: .browser))
    }
    let place = try Place()
    let segment = try sample.seal(0..<2, number: 1, at: place, .read)
    #expect(throws: FormatError.self) { _ = try Recount.run([segment], place.settings()) }
  }
}

import Bytes
import Clicks
import Files
import Platform
import Reconciliation
import Segments
import Simulation
import Testing

/// A merge against a dictionary.
@Suite struct RecountTests {
  /// Parts of a sample as segments, and what is asked of a merge of the last ones.
  private struct Case {
    var sample: Sample
    var place: Place
    var parts: [Range<Int>]
    var segments: [Segment]
    var captured: [[CapturedColumn]]
    var start: Int
    var older: [Int]
    var recorded: [UInt64]
    var markedBefore: Minute

    var range: Range<Int> { parts[start].lowerBound..<sample.rows.count }
    var due: Sample.Due {
      sample.due(range, older: older.map { parts[$0] }, recorded: recorded, markedBefore: markedBefore)
    }

    init(_ kind: Sample.Kind, count most: Int, using chance: inout SeededGenerator) throws {
      sample = Sample(kind, count: 1 + chance.small(in: 0...most), using: &chance)
      // Some rows are marked already, whether their first copy is still there or not; others are recorded.
      let (marks, records) = (UInt64(chance.small(in: 2...200)), UInt64(chance.small(in: 2...200)))
      if chance.oneIn(2) {
        for i in sample.rows.indices where chance.oneIn(marks) { sample.rows[i].isRepeat = true }
      }
      place = try Place()
      parts = sample.parts(most: 12, using: &chance)
      captured = []
      segments = []
      let captures = chance.oneIn(4)
      let access = chance.pick(SealedFile.Access.allCases)
      for (number, part) in parts.enumerated() {
        captured.append(
          captures ? chance.pick([[], [.userAgent], [.referrer], [.userAgent, .referrer]] as [[CapturedColumn]]) : [])
        segments.append(try sample.seal(part, number: number, at: place, access, capturing: captured[number]))
      }
      let start = chance.oneIn(2) ? 0 : Int(chance.next() % UInt64(parts.count))
      self.start = start
      older = (0..<start).filter { _ in !chance.oneIn(4) }
      recorded = []
      if chance.oneIn(2) {
        recorded = sample.rows[parts[start].lowerBound...].map(\.position).filter { _ in chance.oneIn(records) }
      }
      markedBefore =
        chance.oneIn(4) ? Minute(index: .min) : chance.oneIn(2) ? Minute(index: .max) : chance.pick(sample.rows).minute
    }

    func request(into target: SegmentTarget?) -> MergeRequest {
      MergeRequest(
        Array(segments[start...]), older: older.map { segments[$0] }, recorded: recorded, markedBefore: markedBefore,
        into: target)
    }

    /// What is captured with a row, for the columns of the output.
    func strings(_ position: UInt64, _ columns: [CapturedColumn]) -> [[UInt8]] {
      let index = Int(position - sample.first)
      let own = captured[parts.firstIndex { $0.contains(index) }!]
      return columns.map { own.contains($0) ? Sample.string(position, $0) : [] }
    }
  }

  private func check(_ kind: Sample.Kind, _ seed: Seed, count most: Int) throws {
    var chance = seed.generator
    let one = try Case(kind, count: most, using: &chance)
    let due = one.due
    let memory = chance.pick([16 << 10, 100 << 10, 4 << 20])
    let writes = !chance.oneIn(3)
    var first: [UInt8]?
    for (threads, whenIdle) in Place.ways {
      var marks: [RepeatMark] = []
      let remark =
        "\(seed) \(kind): \(one.parts.count) parts from \(one.start), \(memory) bytes, \(threads) threads, \(whenIdle)"
      do {
        let merge = try RecountMerge.run(
          one.request(into: writes ? one.place.target(900) : nil),
          one.place.settings(memory: memory, threads: threads, whenIdle: whenIdle), marked: { marks.append($0) })
        let sealed = try merge.finish()
        let outcome = try Outcome(merge, marks)
        #expect(outcome.exact == due.exact, "\(remark)")
        #expect(outcome.marks == due.marks, "\(remark)")
        var summary = RecountSummary()
        summary.rows = UInt64(one.range.count)
        summary.marked = UInt64(due.marks.count)
        summary.found = UInt64(due.marks.count { $0.origin == .found })
        summary.recorded = UInt64(due.marks.count { $0.origin == .recorded })
        summary.waiting = due.waiting
        #expect(outcome.summary == summary, "\(remark)")
        // A second walk says the same.
        #expect(try Outcome.rows(merge.counts().next) == due.exact, "\(remark)")
        #expect((sealed != nil) == writes, "\(remark)")
        if let sealed {
          try expect(sealed, holds: due, of: one, remark)
          let bytes = try one.place.disk.contents(one.place.target(900).path)
          // Whatever the threads did, the file is the same, byte by byte.
          #expect(bytes == first ?? bytes, "\(remark)")
          first = bytes
        }
      }
      #expect(one.place.leftOver == [], "\(remark)")
    }
  }

  /// The merged segment has all rows with their marks and strings, and says so.
  private func expect(
    _ sealed: (SealedReference, SegmentSummary), holds due: Sample.Due, of one: Case, _ remark: String
  ) throws {
    let merged = try Segment.open(one.place.files, one.place.target(900).path, reference: sealed.0, access: .read)
    try merged.verify()
    let first = one.sample.first + UInt64(one.range.lowerBound)
    #expect(merged.summary == sealed.1 && merged.summary.rows == due.rows.count, "\(remark)")
    #expect(merged.summary.positions == first..<(one.sample.first + UInt64(one.sample.rows.count)), "\(remark)")
    #expect(merged.summary.leftOut == 0 && merged.summary.marked == UInt64(due.marks.count), "\(remark)")
    let captured = CapturedColumn.allCases.filter { column in
      one.captured[one.start...].contains { $0.contains(column) }
    }
    #expect(merged.summary.captured == captured, "\(remark)")
    let cursor = merged.cursor([.all, .strings])
    var rows: [SegmentRow] = []
    var others = 0
    while try cursor.nextPage() {
      for i in cursor.range {
        let row = cursor.row(i)
        if cursor.rows.strings.map({ $0[i] }) != one.strings(row.position, captured) { others += 1 }
        rows.append(row)
      }
    }
    #expect(rows == due.rows, "\(remark)")
    #expect(others == 0, "\(remark)")
    #expect(try Outcome.rows(merged.sumCursor().next) == due.exact, "\(remark)")
    // A mark hides no row.
    for mark in due.marks.prefix(50) {
      let id = due.rows.first { $0.position == mark.position }!.impression
      #expect(try merged.contains(code: mark.code, impression: id, at: mark.position), "\(remark)")
    }
    var logged: [UInt64] = []
    try merged.forEachInLogOrder { logged.append($0.position) }
    #expect(logged == due.rows.map(\.position).sorted(), "\(remark)")
  }

  @Test(arguments: Sample.Kind.allCases) func equalsADictionary(_ kind: Sample.Kind) throws {
    try Seeds.run(16) { try check(kind, $0, count: 6_000) }
  }

  /// Enough clicks for several pages of each input, several batches and several rounds of memory.
  @Test(arguments: [Sample.Kind.random, .version7, .mixed, .crowded, .equal, .oneAd]) func equalsADictionaryOfMany(
    _ kind: Sample.Kind
  ) throws {
    try Seeds.run(1) { try check(kind, $0, count: 150_000) }
  }

  @Test func nothingOfNothing() throws {
    let place = try Place()
    let merge = try RecountMerge.run(MergeRequest([], markedBefore: Minute(index: .max)), place.settings())
    #expect(merge.summary == RecountSummary())
    #expect(try Outcome.rows(merge.counts().next).isEmpty)
    #expect(try merge.finish() == nil)
  }

  /// Merged in steps, days apart, as segments are, the rows end with the marks of one merge of all; and once more nothing changes.
  @Test func stepsComeToTheSame() throws {
    try Seeds.run(8) { seed in
      var chance = seed.generator
      let sample = Sample(chance.pick([.mixed, .crowded, .early]), count: 5_000, using: &chance)
      let place = try Place()
      let parts = sample.parts(most: 6, using: &chance)
      var done: Segment?
      for (number, part) in parts.enumerated() {
        let next = try sample.seal(part, number: number, at: place, .read)
        let target = place.target(900 + number)
        let merge = try RecountMerge.run(
          MergeRequest((done.map { [$0] } ?? []) + [next], markedBefore: Minute(index: .max), into: target),
          place.settings())
        let (reference, _) = try #require(try merge.finish())
        done = try Segment.open(place.files, target.path, reference: reference, access: .read)
      }
      let whole = sample.due(0..<sample.rows.count, older: [], markedBefore: Minute(index: .max))
      let merged = try #require(done)
      try merged.verify()
      var rows: [SegmentRow] = []
      let cursor = merged.cursor()
      while let row = try cursor.next() { rows.append(row) }
      #expect(rows == whole.rows, "\(seed)")
      #expect(try Outcome.rows(merged.sumCursor().next) == whole.exact, "\(seed)")
      let again = try RecountMerge.run(MergeRequest([merged], markedBefore: Minute(index: .max)), place.settings())
      #expect(again.summary.found == 0 && again.summary.marked == UInt64(whole.marks.count), "\(seed)")
      #expect(try Outcome.rows(again.counts().next) == whole.exact, "\(seed)")
    }
  }

  /// The first copy retires with its segment; what repeats it stays marked through every later merge.
  @Test func aMarkStaysWhenItsFirstCopyIsGone() throws {
    let place = try Place()
    var sample = Sample()
    let id = ImpressionID(high: 7, low: 9)
    for position in 0..<UInt64(3) {
      sample.rows.append(
        SegmentRow(
          impression: id, code: 1, eventTime: 1_750_000_000_000, position: position, source: .batch))
    }
    let segments = try (0..<3).map { try sample.seal($0..<($0 + 1), number: $0, at: place, .read) }
    func merge(_ inputs: [Segment], older: [Segment], number: Int) throws -> (Segment, [RepeatMark]) {
      var marks: [RepeatMark] = []
      let target = place.target(number)
      let merge = try RecountMerge.run(
        MergeRequest(inputs, older: older, markedBefore: Minute(index: .max), into: target), place.settings(),
        marked: { marks.append($0) })
      let reference = try #require(try merge.finish()).0
      return (try Segment.open(place.files, target.path, reference: reference, access: .read), marks)
    }
    let (second, found) = try merge([segments[1]], older: [segments[0]], number: 10)
    #expect(found.map(\.earlier) == [.at(0)] && found.map(\.origin) == [.found])
    // Nothing of the first segment is left.
    let (later, kept) = try merge([second, segments[2]], older: [], number: 11)
    #expect(kept.map(\.earlier) == [.gone, .at(1)] && kept.map(\.origin) == [.kept, .found])
    #expect(later.summary.counted == 0 && later.summary.sums == 0)
    try later.verify()
  }

  @Test func stopsWhenAsked() throws {
    var chance = Seeds.list(1)[0].generator
    let sample = Sample(.random, count: 100_000, using: &chance)
    let place = try Place()
    let segment = try sample.seal(0..<100_000, number: 1, at: place, .read)
    for (threads, whenIdle) in Place.ways {
      var settings = place.settings(memory: 100 << 10, threads: threads, whenIdle: whenIdle)
      settings.shouldStop = { true }
      #expect(throws: RecountStopped()) {
        _ = try RecountMerge.run(
          MergeRequest([segment], markedBefore: Minute(index: .max), into: place.target(900)), settings)
      }
      #expect(place.leftOver == [])
    }
  }

  /// While a merging thread of the idle class gets no further, the calling one goes on asking whether to stop, and stops.
  @Test func asksWhileAnIdleThreadWaits() throws {
    var chance = Seeds.list(1)[0].generator
    let sample = Sample(.random, count: 3_000, using: &chance)
    let place = try Place()
    _ = try sample.seal(0..<3_000, number: 1, at: place, .read)
    let held = HeldFiles(place.files)
    let segment = try Segment.open(held, place.target(1).path, access: .read)
    held.isHeld.store(true, ordering: .sequentiallyConsistent)
    var settings = place.settings(whenIdle: true)
    let asked = Counter()
    settings.shouldStop = {
      guard asked.next() == 3 else { return false }
      held.isHeld.store(false, ordering: .sequentiallyConsistent)
      return true
    }
    #expect(throws: RecountStopped()) {
      _ = try RecountMerge.run(MergeRequest([segment], markedBefore: Minute(index: .max)), settings)
    }
    #expect(asked.value == 3 && held.reads.value > 0)
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
    #expect(throws: FormatError.self) {
      _ = try RecountMerge.run(MergeRequest([segment], markedBefore: Minute(index: .max)), place.settings())
    }
  }

  /// The models and the table of a merge are made without its rows, from those of its inputs: that costs nothing. Nor do marks,
  /// where none is set.
  @Test(arguments: [Sample.Kind.random, .version7]) func isSmallerThanItsInputs(_ kind: Sample.Kind) throws {
    var chance = Seeds.list(1)[0].generator
    var sample = Sample(kind, count: 60_000, using: &chance)
    for i in sample.rows.indices { sample.rows[i].impression.low = sample.rows[i].impression.low & ~0xFFFF | UInt64(i) }
    let place = try Place()
    let inputs = try (0..<6).map { try sample.seal($0 * 10_000..<($0 + 1) * 10_000, number: $0, at: place, .mapped) }
    var sizes: [UInt64] = []
    for before in [Int64.min, .max] {
      let merge = try RecountMerge.run(
        MergeRequest(inputs, markedBefore: Minute(index: before), into: place.target(900)), place.settings())
      sizes.append(try #require(try merge.finish()).0.bytes)
    }
    #expect(sizes[0] < inputs.reduce(0) { $0 + $1.file.reference.bytes })
    // Four bytes a page, and eight of the columns' section.
    #expect(sizes[1] <= sizes[0] + 59 * 4 + 8 + 64)
  }
}

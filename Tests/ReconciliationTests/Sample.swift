import Clicks
import Files
import Platform
import Reconciliation
import Segments
import Simulation
import Testing

/// Clicks of one shard's log, and what an exact recount makes of them by a plain walk with a dictionary.
struct Sample {
  /// In the order of the log, positions without gaps from `first` on.
  var rows: [SegmentRow] = []
  var first: UInt64 = 0

  /// The kinds of clicks that a test makes.
  enum Kind: CaseIterable {
    case random, version7, mixed
    /// Ids with a time of some day before or after they are received.
    case early
    /// Few ids and few ads: equal identities, equal ids with other ads, equal high halves.
    case crowded
    /// One click over and over.
    case equal
    /// One ad has all clicks.
    case oneAd
    /// Stragglers over several days, and times before 1970.
    case stragglers
    /// Codes and times from far apart, as far as minutes can be counted together.
    case wide
  }

  init() {}

  init(_ kind: Kind, count: Int, using chance: inout SeededGenerator) {
    first = chance.next() >> 40
    var time: Int64 = kind == .stragglers ? 30_000_000 : 1_750_000_000_000
    let repeats = UInt64(chance.small(in: 1...40))
    for i in 0..<count {
      time += Int64(chance.small(in: 0...400))
      var event = time - (chance.oneIn(10) ? Int64(chance.small(in: 0...600_000)) : 0)
      var code = UInt32(chance.small(in: 0...2_000))
      switch kind {
      case .crowded: code = UInt32(chance.small(in: 0...4))
      case .oneAd: code = 7
      case .stragglers: event -= chance.oneIn(4) ? Int64(chance.next() % 172_800_000) : 0
      case .wide:
        code = chance.edge(in: 0...UInt32.max)
        event += Int64(chance.next() % (1 << 46)) - (1 << 45)
      default: break
      }
      var row = SegmentRow(
        impression: Self.impression(kind, time, &chance), code: code, eventTime: event, position: first + UInt64(i),
        source: chance.oneIn(9) ? .batch : .browser)
      if let before = rows.last, kind == .equal {
        (row.impression, row.code) = (before.impression, before.code)
      } else if !rows.isEmpty, chance.oneIn(repeats) {
        let other = chance.oneIn(2) ? rows.last! : chance.pick(rows)
        row.impression = other.impression
        // An equal id with another ad is another click.
        if !chance.oneIn(4) { row.code = other.code }
      }
      rows.append(row)
    }
  }

  private static func impression(_ kind: Kind, _ time: Int64, _ chance: inout SeededGenerator) -> ImpressionID {
    switch kind {
    case .version7, .stragglers:
      .version7(at: max(0, time - Int64(chance.small(in: 0...100_000))), random: (chance.next(), chance.next()))
    case .early:
      .version7(
        at: max(0, time + Int64(chance.next() % 345_600_000) - 172_800_000), random: (chance.next(), chance.next()))
    case .mixed, .wide:
      impression(chance.pick([.random, .version7, .crowded]), max(0, time), &chance)
    case .crowded: ImpressionID(high: chance.next() % 4 << 60, low: chance.next() % 40)
    default: ImpressionID(high: chance.next(), low: chance.next())
    }
  }

  struct Key: Hashable {
    var code: UInt32
    var minute: Minute
  }

  struct Identity: Hashable {
    var code: UInt32
    var impression: ImpressionID

    init(_ row: SegmentRow) { (code, impression) = (row.code, row.impression) }
  }

  /// What has to come out of a merge of `range` before which `older` is asked.
  struct Due {
    var exact: [SegmentSum] = []
    var marks: [RepeatMark] = []
    /// The rows in the order of a segment.
    var rows: [SegmentRow] = []
    var waiting: UInt64 = 0
  }

  func due(_ range: Range<Int>, older: [Range<Int>], recorded: [UInt64] = [], markedBefore: Minute) -> Due {
    var latest: [Identity: RepeatMark.EarlierCopy] = [:]
    for part in older {
      for row in rows[part] { latest[Identity(row)] = .at(row.position) }
    }
    let recorded = Set(recorded)
    var exact: [Key: UInt64] = [:]
    var due = Due()
    for var row in rows[range] {
      let copy = latest.updateValue(.at(row.position), forKey: Identity(row))
      var origin: RepeatMark.Origin?
      if row.isRepeat {
        origin = .kept
      } else if recorded.contains(row.position) {
        origin = .recorded
      } else if copy != nil, row.minute < markedBefore {
        origin = .found
      }
      row.isRepeat = origin != nil
      if let origin {
        due.marks.append(
          RepeatMark(
            code: row.code, minute: row.minute, position: row.position, origin: origin, earlier: copy ?? .gone))
      } else {
        exact[Key(code: row.code, minute: row.minute), default: 0] += 1
        if copy != nil { due.waiting += 1 }
      }
      due.rows.append(row)
    }
    due.exact = Self.ordered(exact)
    due.rows.sort {
      ($0.impression.high, $0.impression.low, $0.code, $0.position)
        < ($1.impression.high, $1.impression.low, $1.code, $1.position)
    }
    return due
  }

  private static func ordered(_ counts: [Key: UInt64]) -> [SegmentSum] {
    counts.map { SegmentSum(code: $0.key.code, minute: $0.key.minute, clicks: $0.value) }
      .sorted { ($0.code, $0.minute) < ($1.code, $1.minute) }
  }

  /// Seals `range` as segment `number`, with its marks, and opens it.
  func seal(
    _ range: Range<Int>, number: Int, at place: Place, _ access: SealedFile.Access,
    capturing captured: [CapturedColumn] = []
  ) throws -> Segment {
    var builder = SegmentBuilder(first: rows[range.lowerBound].position, capturing: CaptureSet(captured))
    var kept = CapturedStrings(CaptureSet(captured))
    for row in rows[range] where !captured.isEmpty {
      kept.append(ClickStrings(captured.map { Self.string(row.position, $0) }))
    }
    for (i, row) in rows[range].enumerated() {
      if i % 50 == 0 { builder.step(receiveTime: row.eventTime, runningTime: UInt64(range.lowerBound + i)) }
      builder.add(
        row.impression, code: row.code, eventTime: row.eventTime, source: row.source,
        strings: captured.isEmpty ? nil : kept, at: i)
    }
    let target = place.target(number)
    let (reference, _) = try builder.seal(to: target)
    let plain = try Segment.open(place.files, target.path, reference: reference, access: access)
    let marked = Set(rows[range].filter(\.isRepeat).map(\.position))
    return marked.isEmpty ? plain : try Self.mark(marked, in: plain, number: 10_000 + number, at: place, access)
  }

  /// `segment` once more, with these positions marked.
  private static func mark(
    _ marked: Set<UInt64>, in segment: Segment, number: Int, at place: Place, _ access: SealedFile.Access
  ) throws -> Segment {
    let target = place.target(number)
    var writer = try SegmentMergeWriter([segment], marks: true, into: target)
    var counts: [Key: UInt64] = [:]
    let cursor = segment.cursor([.all, .strings])
    while try cursor.nextPage() {
      for i in cursor.range {
        let row = cursor.row(i)
        if marked.contains(row.position) {
          unsafe cursor.rows.source[i] |= RowVector.mark
        } else {
          counts[Key(code: row.code, minute: row.minute), default: 0] += 1
        }
      }
      try writer.write(cursor.rows)
    }
    var sums = ordered(counts).makeIterator()
    let (reference, _) = try writer.finish { sums.next() }
    return try Segment.open(place.files, target.path, reference: reference, access: access)
  }

  /// What is captured with the click at a position.
  static func string(_ position: UInt64, _ column: CapturedColumn) -> [UInt8] {
    position % 5 == 0 ? [] : Array("\(column.rawValue) of \(position / 3)".utf8)
  }

  /// Cuts all rows into segments that end at random places.
  func parts(most: Int, using chance: inout SeededGenerator) -> [Range<Int>] {
    var ends = Set((0..<chance.small(in: 0...most)).map { _ in Int(chance.next() % UInt64(rows.count)) })
    ends.formUnion([0, rows.count])
    let sorted = ends.sorted()
    return (1..<sorted.count).map { sorted[$0 - 1]..<sorted[$0] }
  }
}

/// Where a test keeps its files: a directory for segments, one for what is temporary.
struct Place {
  let disk: SimulatedDisk
  var files: any FileSystem { disk }

  static let store = StoreID(high: 0x0011_2233_4455_6677, low: 0x8899_aabb_ccdd_eeff)

  init() throws {
    disk = SimulatedDisk()
    try disk.createDirectory("/s")
    try disk.createDirectory("/tmp")
  }

  func target(_ number: Int) -> SegmentTarget {
    SegmentTarget(
      files: files, path: "/s/\(number).seg", temporary: "/tmp/\(number).seg", store: Self.store,
      number: UInt64(number), created: 1_750_000_000_000)
  }

  /// On one thread, on two, and with one of the idle class.
  static let ways = [(threads: 1, whenIdle: false), (threads: 2, whenIdle: false), (threads: 1, whenIdle: true)]

  func settings(memory: Int = 4 << 20, threads: Int = 1, whenIdle: Bool = false) -> RecountSettings {
    var settings = RecountSettings(files: files, temporary: "/tmp", memory: memory, threads: threads)
    settings.rowsOfOneThread = 0
    settings.mergesWhenIdle = whenIdle
    return settings
  }

  /// What stands in the directory for what is temporary.
  var leftOver: [String] { (try? disk.list("/tmp")) ?? ["?"] }
}

/// All that a merge says.
struct Outcome: Equatable {
  var summary: RecountSummary
  var exact: [SegmentSum]
  /// By position.
  var marks: [RepeatMark]

  init(_ merge: RecountMerge, _ marks: [RepeatMark]) throws {
    summary = merge.summary
    exact = try Self.rows(merge.counts().next)
    self.marks = marks.sorted { $0.position < $1.position }
  }

  static func rows(_ next: () throws -> SegmentSum?) throws -> [SegmentSum] {
    var rows: [SegmentSum] = []
    while let row = try next() { rows.append(row) }
    return rows
  }
}

import Clicks
import Demo
import Files
import Glibc
import Platform
import Segments
import Traffic

/// Looking identities up in segments as the committer does, which is what makes a click count once beyond the dedup horizon:
/// time an id, over all the segments in which it may be; for ids that are there and, as nearly always, are not; one at a
/// time, in the batches of browsers and in those of the batch door.
///
///     random   ids of a feed without a minting time: filters, then the rows where a filter does not say no
///     rows     the same without filters
///     timed    version 7 ids, a twentieth of which is up to a day old, as late clicks are: the segments received since
///              minting, by their least and greatest minting times
final class LookupBenchmark {
  private enum Kind: String {
    case random
    case timed
  }

  struct Sizes {
    /// Clicks of a segment.
    var rows: Int
    /// How many segments a look-up has before it.
    var segments: [Int]
    /// Segments of version 7 ids, which hold a day and an hour.
    var timed: Int
    var batches: [Int]
    /// Ids looked up for a measurement, of each kind that is not slow.
    var lookups: Int
  }

  private let sizes: Sizes
  private let time: any TimeSource
  private let directory: TemporaryDirectory
  private var random: [Segment] = []
  private var timed: [Segment] = []
  private var chance = SplitMix64(seed: 11)

  private static let day: Int64 = 86_400_000
  /// Clicks of a log frame.
  private static let frame = 64

  init(_ sizes: Sizes, _ time: any TimeSource) throws {
    self.sizes = sizes
    self.time = time
    directory = try TemporaryDirectory("tally-bench")
    random = try (0..<sizes.segments.max()!).map { try make(.random, $0) }
    timed = try (0..<sizes.timed).map { try make(.timed, $0) }
  }

  deinit { for segment in random + timed { segment.file.makeObsolete() } }

  func run() throws -> [Measurement] {
    var found: [Measurement] = []
    found.append(Measurement("filters@random", "B/click", Self.filterBytes(random, sizes.rows)))
    found.append(Measurement("filters@timed", "B/click", Self.filterBytes(timed, sizes.rows)))
    try warm(random + timed)
    for batch in sizes.batches {
      for count in sizes.segments {
        let segments = Array(random[..<count])
        found.append(try measure("absent@random-\(batch)/\(count)", segments, .random, batch, isThere: false))
        found.append(try measure("there@random-\(batch)/\(count)", segments, .random, batch, isThere: true))
        found.append(
          try measure("absent@rows-\(batch)/\(count)", segments, .random, batch, isThere: false, filters: false))
      }
      found.append(try measure("absent@timed-\(batch)", timed, .timed, batch, isThere: false))
      found.append(try measure("there@timed-\(batch)", timed, .timed, batch, isThere: true))
    }
    for (name, filters) in [("random", true), ("rows", false)] {
      for batch in sizes.batches.dropLast() {
        for count in sizes.segments {
          try chill()
          found.append(
            try measure(
              "cold@\(name)-\(batch)/\(count)", Array(random[..<count]), .random, batch, isThere: false,
              filters: filters, most: min(batch, 40)))
        }
      }
    }
    try chill()
    found.append(try measure("cold@timed-1", timed, .timed, 1, isThere: false, most: 1))
    return found
  }

  private static func filterBytes(_ segments: [Segment], _ rows: Int) -> Double {
    let bytes = segments.reduce(0) { $0 + $1.filters.reduce(0) { $0 + $1.bytes + 5 } }
    return Double(bytes) / Double(segments.count * rows)
  }

  // MARK: - Segments

  /// The id of a click, which follows from its place.
  private func id(_ kind: Kind, _ segment: Int, _ row: Int) -> ImpressionID {
    var own = SplitMix64(seed: UInt64(segment * sizes.rows + row))
    switch kind {
    case .random: return ImpressionID(high: own.next() & ~0xF000 | 0x4000, low: own.next() >> 2 | 2 << 62)
    case .timed:
      let age = own.below(20) == 0 ? Int64(own.below(Int(Self.day))) : Int64(own.below(60_000))
      return .version7(at: received(kind, segment, row) - age, random: (own.next(), own.next()))
    }
  }

  private func received(_ kind: Kind, _ segment: Int, _ row: Int) -> Int64 {
    let span = kind == .timed ? Self.day * 25 / 24 / Int64(sizes.timed) : 3_600_000
    // All clicks of a log frame are received at one time.
    return DataSets.day + Int64(segment) * span + Int64(row / Self.frame * Self.frame) * span / Int64(sizes.rows)
  }

  private func path(_ kind: Kind, _ number: Int) -> String { "\(directory.path)/\(kind.rawValue)-\(number)" }

  private func make(_ kind: Kind, _ number: Int) throws -> Segment {
    let rows = sizes.rows
    var builder = SegmentBuilder(first: UInt64(number * rows), capacity: rows)
    for row in 0..<rows {
      let received = received(kind, number, row)
      if row % Self.frame == 0 { builder.step(receiveTime: received, runningTime: UInt64(number * rows + row)) }
      builder.add(id(kind, number, row), code: UInt32(row % 1_000), eventTime: received, source: .batch)
    }
    let target = SegmentTarget(
      files: KernelFileSystem(), path: path(kind, number), temporary: "\(directory.path)/tmp",
      store: ColumnarBenchmark.store, number: UInt64(number), created: DataSets.day)
    _ = try builder.seal(to: target)
    return try open(kind, number)
  }

  private func open(_ kind: Kind, _ number: Int) throws -> Segment {
    try Segment.open(KernelFileSystem(), path(kind, number), access: .mapped)
  }

  /// Brings every block into memory and has its checksum tested, as it is after a while.
  private func warm(_ segments: [Segment]) throws {
    for segment in segments {
      for section in segment.file.sections {
        try unsafe segment.file.withBytes(of: section, 0..<section.bytes) { _ in }
      }
    }
  }

  /// Drops the segments from memory and opens them again: what a look-up then touches comes from the disk, and its checksums
  /// are tested.
  private func chill() throws {
    (random, timed) = ([], [])
    for (kind, count) in [(Kind.random, sizes.segments.max()!), (.timed, sizes.timed)] {
      for number in 0..<count {
        let file = unsafe Glibc.open(path(kind, number), O_RDONLY)
        guard file >= 0 else { throw BenchFailure("lookup: \(path(kind, number)) cannot be opened") }
        posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED)
        close(file)
      }
    }
    random = try (0..<sizes.segments.max()!).map { try open(.random, $0) }
    timed = try (0..<sizes.timed).map { try open(.timed, $0) }
  }

  // MARK: - Looking up

  /// µs an id. The ids of a batch are those of one segment, or of none; each is looked for in all segments it may be in.
  private func measure(
    _ name: String, _ segments: [Segment], _ kind: Kind, _ batch: Int, isThere: Bool, filters: Bool = true,
    most: Int? = nil
  ) throws -> Measurement {
    var spent: Int64 = 0
    var looked = 0
    // Without filters an id takes as long as a hundred.
    let wanted = most ?? max(batch, filters ? sizes.lookups : sizes.lookups / 20)
    while looked < wanted {
      let home = chance.below(segments.count)
      let ids = (0..<batch).map { _ -> (id: ImpressionID, row: Int) in
        let row = chance.below(sizes.rows)
        if isThere { return (id(kind, home, row), row) }
        let other = id(kind, home, row)
        return (ImpressionID(high: other.high & ~0xFFF | chance.next() & 0xFFF, low: chance.next() >> 2 | 2 << 62), row)
      }
      var found = 0
      spent += try elapsed(time) { found = try lookUp(ids, segments, filters) }
      guard found == (isThere ? batch : 0) else {
        throw BenchFailure("lookup, \(name): \(found) of \(isThere ? batch : 0) ids were found, of \(ids[0])")
      }
      looked += batch
    }
    return Measurement(name, "µs/id", Double(spent) / Double(looked) / 1_000)
  }

  /// As the committer does it.
  private func lookUp(
    _ ids: [(id: ImpressionID, row: Int)], _ segments: [Segment], _ filters: Bool
  ) throws -> Int {
    var keys = ids.enumerated().map { SegmentKey(impression: $1.id, code: UInt32($1.row % 1_000), tag: $0) }
    keys.sort(by: SegmentKey.precedes)
    var left: [SegmentKey] = []
    var isFound = [Bool](repeating: false, count: ids.count)
    for segment in segments {
      left.removeAll(keepingCapacity: true)
      if keys[0].impression.timeInBits != nil {
        let (newest, minted) = (segment.summary.receiveTimes.upperBound, segment.summary.mintingTimes)
        for key in keys {
          let at = key.impression.timeInBits!
          if at - 360_000 <= newest, minted?.contains(at) ?? false { left.append(key) }
        }
      } else if filters {
        try segment.sift(keys, into: &left)
      } else {
        left = keys
      }
      if !left.isEmpty { try segment.find(left) { tag, _ in isFound[tag] = true } }
    }
    return isFound.count { $0 }
  }
}

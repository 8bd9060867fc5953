import Clicks
import Demo
import Files
import Minutes
import Platform
import Reconciliation
import Segments

/// The files of the columnar store by themselves, on the data sets that the peers are measured on (`DataSets`): how fast
/// they are written, what they take, how fast they answer. Clicks are sealed and runs written on two threads, as two shards do
/// it, and clicks merged by two; all else is done by one. Every file is synced before its time ends.
package final class ColumnarBenchmark {
  private let data: DataSets
  private let owned: TemporaryDirectory?
  private let queries: Int
  private let tiers: [Int64]
  private let files = KernelFileSystem()

  /// What the files of the benchmark say they belong to.
  static let store = StoreID(high: 0x7461_6C6C_792D_6265, low: 0x6E63_686D_6172_6B00)
  /// Clicks of a segment as it is sealed.
  private static let sealedClicks = 1_000_000
  /// Segments that are sealed at a time.
  private static let sealingThreads = 2
  /// Clicks received at one time: about what a commit a millisecond makes of the generated traffic's bursts.
  private static let frameClicks = 256

  /// The data sets of `directory`, or ones of `scale` made for this run. `queries` of each kind are asked. `tiers` are the
  /// widths of runs in minutes, as the store merges them.
  package init(directory: String?, scale: Double, queries: Int, tiers: [Int64]) throws {
    if let directory {
      owned = nil
      data = try DataSets(files, directory)
    } else {
      let made = try TemporaryDirectory("tally-bench")
      try DataSets.write(files, made.path, scale: scale)
      data = try DataSets(files, made.path)
      owned = made
    }
    self.queries = queries
    self.tiers = tiers
  }

  /// `load@…` rows/s; `merge@clicks` s; `bytes@…` B a row; `p50@…`, `p99@…` µs a query.
  package func run(_ time: any TimeSource) throws -> [Measurement] {
    let directory = try TemporaryDirectory("tally-bench")
    var codes = AdCodes()
    let clicks = try clicks(directory.path, &codes, time)
    let minutes = RunBenchmark(files, directory.path, "minutes", tiers: tiers)
    let sparse = try minutes.load(try MinuteRows(data.minutes, codes: codes), time)
    let dense = RunBenchmark(files, directory.path, "dense", tiers: tiers)
    return clicks + sparse + (try dense.load(try MinuteRows(data.dense, codes: nil), time))
      + (try dense.query(data.dense, queries, time))
  }

  // MARK: Raw clicks

  /// Clicks into segments, as a shard seals them, and these into one.
  private func clicks(_ directory: String, _ codes: inout AdCodes, _ time: any TimeSource) throws -> [Measurement] {
    let count = data.eventTime.count
    var segments: [Segment] = []
    let loading = try elapsed(time) {
      // Those under way, the oldest first.
      var sealing: [SegmentSealing] = []
      func finishOldest() throws {
        let done = sealing.removeFirst()
        let reference = try done.wait()
        segments.append(try Segment.open(files, done.target.path, reference: reference, access: .mapped))
      }
      var next = 0
      while next < count {
        let end = min(next + Self.sealedClicks, count)
        var builder = SegmentBuilder(first: UInt64(next), capacity: end - next)
        var first = next
        while first < end {
          // A frame.
          let frame = first..<min(first + Self.frameClicks, end)
          builder.step(
            receiveTime: data.receiveTime[first], runningTime: UInt64(data.receiveTime[first] - DataSets.day + 1))
          let adCodes = codes.assign(frame.map { Self.key(data.ad[$0]) })
          for i in frame {
            builder.add(
              ImpressionID(high: data.idHigh[i], low: data.idLow[i]), code: adCodes[i - first],
              eventTime: data.eventTime[i], source: .browser)
          }
          first = frame.upperBound
        }
        if sealing.count == Self.sealingThreads { try finishOldest() }
        let one = SegmentSealing(builder, to: self.target(directory, segments.count + sealing.count))
        try one.start()
        sealing.append(one)
        next = end
      }
      while !sealing.isEmpty { try finishOldest() }
    }
    let target = self.target(directory, segments.count)
    var reference: SealedReference?
    let settings = RecountSettings(files: files, temporary: directory)
    let merging = try elapsed(time) {
      let request = MergeRequest(segments, markedBefore: Minute(index: .min), into: target)
      reference = try RecountMerge.run(request, settings).finish()?.0
    }
    let dictionary = try AdDictionary.write(
      codes.keys(from: 0), firstCode: 0, files: files, path: "\(directory)/dictionary", temporary: "\(directory)/tmp",
      store: Self.store, number: 0, created: DataSets.day)
    for segment in segments { segment.file.makeObsolete() }
    segments = []
    let whole = try Segment.open(files, target.path, reference: reference, access: .mapped)
    whole.file.makeObsolete()
    try check(whole)
    let sizes = try Sizes(whole)
    let rows = Double(count)
    return [
      Measurement("load@clicks", "clicks/s", rate(count, loading)),
      Measurement("merge@clicks", "s", Double(merging) / 1e9),
      Measurement("bytes@clicks", "B/click", Double(sizes.peers) / rows),
      Measurement("bytes@clicks-ids", "B/click", Double(sizes.ids) / rows),
      Measurement("bytes@clicks-ads", "B/click", Double(sizes.ads) / rows),
      Measurement("bytes@clicks-times", "B/click", Double(sizes.times) / rows),
      Measurement("bytes@clicks-order", "B/click", Double(sizes.order) / rows),
      Measurement("bytes@clicks-sums", "B/click", Double(sizes.sums) / rows),
      Measurement("bytes@clicks-filters", "B/click", Double(sizes.filters) / rows),
      Measurement("bytes@clicks-dictionary", "B/click", Double(dictionary.bytes) / rows),
      Measurement("bytes@clicks-total", "B/click", Double(whole.file.reference.bytes + dictionary.bytes) / rows),
    ]
  }

  private func target(_ directory: String, _ number: Int) -> SegmentTarget {
    SegmentTarget(
      files: files, path: "\(directory)/segment-\(number)", temporary: "\(directory)/tmp-\(number)", store: Self.store,
      number: UInt64(number), created: DataSets.day)
  }

  /// Stands for the first 64 bits of an ad id's SHA-256.
  static func key(_ ad: UInt64) -> AdKey {
    var z = ad &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z &>> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z &>> 27)) &* 0x94D0_49BB_1331_11EB
    return AdKey(rawValue: z ^ (z &>> 31))
  }

  /// The code that each ad of the clicks has been given.
  static func code(of ad: UInt32, _ codes: AdCodes) -> UInt32? { codes.code(of: key(UInt64(ad))) }

  /// All clicks are there, in the order of ids, and the sums are theirs.
  private func check(_ segment: Segment) throws {
    var sum: UInt64 = 0
    try segment.forEachSum { sum += $0.clicks }
    guard sum == UInt64(data.eventTime.count) else {
      throw BenchFailure("columnar: the segment's sums are \(sum) clicks")
    }
    for probe in 0..<100 {
      let i = probe * (data.eventTime.count - 1) / 99
      var found = false
      try segment.find(ImpressionID(high: data.idHigh[i], low: data.idLow[i])) { row in
        found = row.position == UInt64(i) && row.eventTime == data.eventTime[i]
        return !found
      }
      guard found else { throw BenchFailure("columnar: click \(i) is not in its segment") }
    }
  }

  /// What the parts of a segment take. What belongs to no column (header page, footer, fences, models, page heads,
  /// checksums) is counted with the three columns that the peers keep as well.
  private struct Sizes {
    let ids, ads, times, order, sums, filters: Int
    /// Everything but what the peers do not keep: the order of arrival, the door, receive times, minute sums, and the filters
    /// of look-ups.
    let peers: Int

    init(_ segment: Segment) throws {
      let columns = try segment.columnBytes()
      ids = columns[0] + columns[1]
      ads = columns[2]
      times = columns[3]
      func section(_ kinds: ClosedRange<UInt32>) -> Int {
        segment.file.sections.filter { kinds.contains($0.kind) }.reduce(0) { $0 + $1.bytes }
      }
      // Receive times hang on the order of arrival: sections 4 and 5. Sums are sections 6 and 7, filters section 9.
      order = columns[4] + columns[5] + section(4...5)
      sums = section(6...7)
      filters = section(9...9)
      peers = Int(segment.file.reference.bytes) - order - sums - filters
    }
  }
}

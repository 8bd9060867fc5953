import CPlatform
import Clicks
import Demo
import Files
import Minutes
import Platform
import Reconciliation
import Runs
import Segments
import Synchronization

/// The recount of a day by itself, as the peers are asked for it: from unmerged segments of a million clicks, with no earlier
/// recount to lean on, to the table's run and the day's segment with its marks, written and synced. Segments are read, not mapped.
package final class RecountBenchmark {
  private let directory: TemporaryDirectory
  private let threads: Int
  private let files = KernelFileSystem()
  private let segments: [Segment]
  /// Clicks of the time slice that is recounted by itself, as a segment of its own behind the others.
  private let slice: Segment
  /// Rows and clicks that the exact count has.
  private let due: (rows: Int, clicks: UInt64)

  private static let sealedClicks = 1_000_000

  /// The clicks of `directory`'s data sets, or ones of `scale` made for this run, `copies` times one behind the other with ids
  /// and days of their own.
  package init(directory: String?, scale: Double, copies: Int = 1, threads: Int) throws {
    var made: TemporaryDirectory?
    if directory == nil {
      made = try TemporaryDirectory("tally-bench")
      try DataSets.write(files, made!.path, scale: scale)
    }
    // Nothing of the data stays in memory: the recount has the segments alone.
    let data = try DataSets(files, directory ?? made!.path)
    var codes = AdCodes()
    self.threads = threads
    self.directory = try TemporaryDirectory("tally-bench")
    let count = data.eventTime.count
    var sealed: [Segment] = []
    for copy in 0..<copies {
      var next = 0
      while next < count {
        let end = min(next + Self.sealedClicks, count)
        let first = UInt64(copy * count + next)
        sealed.append(
          try Self.seal(data, next..<end, first, copy, &codes, files, self.directory.path, number: sealed.count))
        next = end
      }
    }
    segments = sealed
    // The last hundred and forty-fourth part, ten minutes of the day, once more under other ids: a slice that is new.
    let part = max(1, count / 144)
    slice = try Self.seal(
      data, (count - part)..<count, UInt64(copies * count), copies, &codes, files, self.directory.path,
      number: sealed.count)
    var clicks: UInt64 = 0
    for i in 0..<data.minutes.count.count { clicks += data.minutes.count[i] }
    due = (data.minutes.count.count, clicks * UInt64(copies))
  }

  private static func seal(
    _ data: DataSets, _ range: Range<Int>, _ first: UInt64, _ copy: Int, _ codes: inout AdCodes,
    _ files: any FileSystem, _ directory: String, number: Int
  ) throws -> Segment {
    var builder = SegmentBuilder(first: first, capacity: range.count)
    // Another copy is another stretch of time with other ids; version and variant of a UUID stay.
    let salt = UInt64(copy) &* 0x9E37_79B9_7F4A_7C15
    for i in range {
      if (i - range.lowerBound) % 256 == 0 {
        builder.step(
          receiveTime: data.receiveTime[i],
          runningTime: UInt64(data.receiveTime[i] - DataSets.day + 1) + UInt64(copy) << 40)
      }
      let id = ImpressionID(high: data.idHigh[i], low: data.idLow[i])
      let other =
        id.timeInBits == nil
        ? ImpressionID(high: id.high ^ salt, low: id.low)
        : ImpressionID(high: id.high ^ salt & 0xFFF, low: id.low ^ salt >> 2)
      builder.add(
        other, code: codes.assign(ColumnarBenchmark.key(data.ad[i])), eventTime: data.eventTime[i], source: .browser)
    }
    let target = SegmentTarget(
      files: files, path: "\(directory)/segment-\(number)", temporary: "\(directory)/tmp",
      store: ColumnarBenchmark.store, number: UInt64(number), created: DataSets.day)
    let (reference, _) = try builder.seal(to: target)
    return try Segment.open(files, target.path, reference: reference, access: .read)
  }

  /// `time@…` s; `rate@…` clicks/s; `cpu@day` s of all threads; `memory@day` MB, the most that the process had in it.
  package func run(_ time: any TimeSource) throws -> [Measurement] {
    Self.forgetPeakMemory()
    var found: (rows: Int, clicks: UInt64) = (0, 0)
    let used = tally_process_cpu_ns()
    let whole = try elapsed(time) { found = try day() }
    let cpu = tally_process_cpu_ns() - used
    let peak = Self.peakMemory()
    guard found == due else {
      throw BenchFailure("recount: \(found.rows) rows of \(found.clicks) clicks, due are \(due.rows) of \(due.clicks)")
    }
    let sliceRows = slice.summary.rows
    var part = RecountSummary()
    let incremental = try elapsed(time) {
      let merge = try RecountMerge.run(
        RecountRequest([slice], older: segments, markedBefore: Minute(index: .max)), settings())
      part = merge.summary
      let counts = merge.counts()
      var sum: UInt64 = 0
      while let row = try counts.next() { sum += row.clicks }
      guard sum == part.counted else { throw BenchFailure("recount: the slice's counts are \(sum) clicks") }
    }
    guard part.rows == UInt64(sliceRows) else { throw BenchFailure("recount: \(part.rows) clicks of the slice") }
    let all = segments.reduce(0) { $0 + $1.summary.rows }
    return [
      Measurement("time@day", "s", Double(whole) / 1e9),
      Measurement("rate@day", "clicks/s", rate(all, whole)),
      Measurement("cpu@day", "s", Double(cpu) / 1e9),
      Measurement("memory@day", "MB", Double(peak) / 1e6),
      Measurement("time@slice", "s", Double(incremental) / 1e9),
      Measurement("rate@slice", "clicks/s", rate(sliceRows, incremental)),
    ]
  }

  private func settings() -> RecountSettings {
    RecountSettings(files: files, temporary: directory.path, threads: threads)
  }

  /// Recounts all segments; returns the rows of the table and the clicks in them.
  private func day() throws -> (rows: Int, clicks: UInt64) {
    let path = "\(directory.path)/day"
    let target = SegmentTarget(
      files: files, path: path, temporary: path + ".tmp", store: ColumnarBenchmark.store, number: 1_000_000,
      created: DataSets.day)
    let merge = try RecountMerge.run(
      RecountRequest(segments, markedBefore: Minute(index: .max), into: target), settings())
    let failure = Mutex<(any Error)?>(nil)
    let seal: @Sendable () -> Void = {
      do { _ = try merge.finish() } catch { failure.withLock { $0 = error } }
    }
    var thread: Thread?
    if threads > 1 { thread = try Thread("recount-seal", seal) } else { seal() }
    var written = (rows: 0, clicks: UInt64(0))
    do {
      defer { thread?.join() }
      written = try table(merge)
    }
    if let error = failure.withLock({ $0 }) { throw error }
    try files.remove(path)
    return written
  }

  private func table(_ merge: RecountMerge) throws -> (rows: Int, clicks: UInt64) {
    let path = "\(directory.path)/table"
    let first = segments.map(\.summary.eventTimes.lowerBound).min()!
    let last = segments.map(\.summary.eventTimes.upperBound).max()!
    let bucket = Minute(containing: first).index
    var writer = try RunWriter(
      files, path: path, temporary: path + ".tmp",
      header: FileHeader(
        magic: .run, store: ColumnarBenchmark.store, number: 2_000_000, created: DataSets.day,
        blockBytes: SealedFileWriter.defaultBlockBytes),
      descriptor: RunDescriptor(
        table: 0, bucketSeconds: 60, firstBucket: bucket,
        bucketCount: UInt32(Minute(containing: last).index - bucket + 1), kind: .base, sequence: 1,
        position: segments.last!.summary.positions.upperBound))
    var rows = 0
    var clicks: UInt64 = 0
    let counts = merge.counts()
    while let row = try counts.next() {
      try writer.add(code: row.code, bucket: row.minute.index, value: row.clicks)
      rows += 1
      clicks += row.clicks
    }
    _ = try writer.finish()
    try files.remove(path)
    return (rows, clicks)
  }

  /// The peak of memory begins anew.
  private static func forgetPeakMemory() {
    do { try KernelFileSystem().open("/proc/self/clear_refs", .readWrite).writeAll([0x35], at: 0) } catch {}
  }

  /// The most memory that the process has had, bytes.
  private static func peakMemory() -> Int {
    // The file says of itself that it is empty.
    guard let text = try? KernelFileSystem().open("/proc/self/status", .read).bytes(at: 0, count: 4_096) else {
      return 0
    }
    for line in String(decoding: text, as: UTF8.self).split(separator: "\n") where line.hasPrefix("VmHWM:") {
      return (Int(line.split(separator: " ").dropFirst().first ?? "") ?? 0) * 1_024
    }
    return 0
  }
}

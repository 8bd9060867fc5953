import Files
import Minutes
import Platform
import Runs
import Traffic

/// A minute table in runs, of the widths that the store gives them once nothing is left to merge.
struct RunBenchmark {
  private let files: any FileSystem
  private let directory: String
  private let name: String
  private let tiers: [Int64]

  init(_ files: any FileSystem, _ directory: String, _ name: String, tiers: [Int64]) {
    self.files = files
    self.directory = directory
    self.name = name
    self.tiers = tiers
  }

  /// Windows that cover `minutes`, each as wide as it can be and still begin at a multiple of its width.
  private func windows(_ minutes: Range<Int64>) -> [Range<Int64>] {
    var windows: [Range<Int64>] = []
    var start = minutes.lowerBound
    while start < minutes.upperBound {
      let width = tiers.last { start % $0 == 0 && start + $0 <= minutes.upperBound } ?? 1
      windows.append(start..<(start + width))
      start += width
    }
    return windows
  }

  private func path(_ window: Int) -> String { "\(directory)/\(name)-\(window)" }

  /// `load`, rows/s: ordered rows into synced runs. `bytes`, B a row: all of the files.
  func load(_ rows: MinuteRows, _ time: any TimeSource) throws -> [Measurement] {
    var bytes: UInt64 = 0
    var written: UInt64 = 0
    let windows = windows(rows.minutes)
    let took = try elapsed(time) {
      for (number, window) in windows.enumerated() {
        let header = FileHeader(
          magic: .run, store: ColumnarBenchmark.store, number: UInt64(number), created: DataSets.day,
          blockBytes: SealedFileWriter.defaultBlockBytes)
        let descriptor = RunDescriptor(
          table: 0, bucketSeconds: 60, firstBucket: window.lowerBound, bucketCount: UInt32(window.count), kind: .base,
          sequence: UInt64(number), position: 0)
        var writer = try RunWriter(
          files, path: path(number), temporary: "\(directory)/tmp", header: header, descriptor: descriptor)
        unsafe try rows.forEachAd(in: window) { code, minutes, counts throws(SystemError) in
          unsafe try writer.add(code: code, buckets: minutes, values: counts)
          written += UInt64(minutes.count)
        }
        bytes += try writer.finish().bytes
      }
    }
    guard written == UInt64(rows.count) else {
      throw BenchFailure("columnar: \(written) of \(rows.count) rows were written")
    }
    return [
      Measurement("load@\(name)", "rows/s", rate(rows.count, took)),
      Measurement("bytes@\(name)", "B/row", Double(bytes) / Double(rows.count)),
    ]
  }

  /// `p50` and `p99`, µs, of one ad's series over an hour, a day and 30 days, and of all ads' totals per minute of a day:
  /// from the runs' own totals, and by adding up every row.
  func query(_ data: DataSets.MinuteColumns, _ queries: Int, _ time: any TimeSource) throws -> [Measurement] {
    let rows = try MinuteRows(data, codes: nil)
    let runs = try windows(rows.minutes).indices.map { try Run.open(files, path($0), access: .mapped) }
    let ads = Int(data.ad[data.ad.count - 1]) + 1
    let length = rows.minutes.count
    var chance = SplitMix64(seed: 7)
    var measured: [Measurement] = []
    var points: [Point] = []  // Kept from query to query.
    points.reserveCapacity(length)
    for (label, span) in [("1h", 60), ("24h", 1_440), ("30d", length)] {
      var times: [Int64] = []
      for number in 0..<(queries + queries / 10) {
        let ad = chance.below(ads)
        let start = rows.minutes.lowerBound + Int64(chance.below(length - span + 1))
        let buckets = start..<(start + Int64(span))
        let began = time.monotonic()
        try series(runs, UInt32(ad), buckets, into: &points)
        let took = time.monotonic() - began
        let first = ad * length + Int(start - rows.minutes.lowerBound)
        guard points.count == span, points.indices.allSatisfy({ points[$0].clicks == data.count[first + $0] }) else {
          throw BenchFailure("columnar: the series of ad \(ad) is wrong")
        }
        // The first tenth warms caches and is not counted.
        if number >= queries / 10 { times.append(took) }
      }
      times.sort()
      measured.append(Measurement("p50@\(label)", "µs", Double(times[times.count / 2]) / 1e3))
      measured.append(Measurement("p99@\(label)", "µs", Double(times[times.count * 99 / 100]) / 1e3))
    }
    return measured + (try totals(data, runs, rows, max(6, queries / 10), &chance, time))
  }

  private struct Point {
    var minute: Int64
    var clicks: UInt64
  }

  private func series(
    _ runs: [Run], _ code: UInt32, _ buckets: Range<Int64>, into points: inout [Point]
  ) throws {
    points.removeAll(keepingCapacity: true)
    for run in runs {
      try run.series(of: code, buckets: buckets) { minute, clicks, _ in
        points.append(Point(minute: minute, clicks: clicks))
      }
    }
  }

  private func totals(
    _ data: DataSets.MinuteColumns, _ runs: [Run], _ rows: MinuteRows, _ queries: Int, _ chance: inout SplitMix64,
    _ time: any TimeSource
  ) throws -> [Measurement] {
    let length = rows.minutes.count
    let ads = data.ad.count / length
    var (kept, scanned): ([Int64], [Int64]) = ([], [])
    for number in 0..<queries {
      let offset = chance.below(length / 1_440) * 1_440
      let start = rows.minutes.lowerBound + Int64(offset)
      let day = start..<(start + 1_440)
      let due = (0..<1_440).map { minute in
        (0..<ads).reduce(Int64(0)) { $0 + Int64(data.count[$1 * length + offset + minute]) }
      }
      var sums = [Int64](repeating: 0, count: 1_440)
      let reading = try elapsed(time) { for run in runs { try run.totals(buckets: day, into: &sums) } }
      var added = [Int64](repeating: 0, count: 1_440)
      let scanning = try elapsed(time) {
        for run in runs {
          for ad in 0..<UInt32(ads) {
            try run.series(of: ad, buckets: day) { minute, clicks, _ in added[Int(minute - start)] += Int64(clicks) }
          }
        }
      }
      guard sums == due, added == due else { throw BenchFailure("columnar: the totals of a day are wrong") }
      if number > 0 {
        kept.append(reading)
        scanned.append(scanning)
      }
    }
    return [
      Measurement("p50@totals", "µs", Double(kept.sorted()[kept.count / 2]) / 1e3),
      Measurement("p50@totals-scan", "µs", Double(scanned.sorted()[scanned.count / 2]) / 1e3),
    ]
  }
}

/// The rows of a minute table in the order that a run wants: by ad code, then by minute.
struct MinuteRows {
  private let data: DataSets.MinuteColumns
  /// Where the rows of each ad are, in the order of codes.
  private var ads: [(code: UInt32, rows: Range<Int>)] = []
  /// The whole days that hold all minutes.
  let minutes: Range<Int64>

  var count: Int { data.ad.count }

  /// The rows of `data`, each ad under its own number or, where there are codes, under its code.
  init(_ data: DataSets.MinuteColumns, codes: AdCodes?) throws {
    self.data = data
    var (least, greatest) = (Int64.max, Int64.min)
    var start = 0
    for i in 0..<data.ad.count {
      least = min(least, data.minute[i])
      greatest = max(greatest, data.minute[i])
      guard i + 1 == data.ad.count || data.ad[i + 1] != data.ad[i] else { continue }
      guard let code = codes.map({ ColumnarBenchmark.code(of: data.ad[i], $0) }) ?? data.ad[i] else {
        throw BenchFailure("columnar: ad \(data.ad[i]) has rows and no click")
      }
      ads.append((code, start..<(i + 1)))
      start = i + 1
    }
    guard least <= greatest else { throw BenchFailure("columnar: a table without rows") }
    minutes = (least / 1_440 * 1_440)..<((greatest / 1_440 + 1) * 1_440)
    ads.sort { $0.code < $1.code }
  }

  /// The rows of each ad in `window`, in order.
  func forEachAd(
    in window: Range<Int64>,
    _ body: (UInt32, UnsafeBufferPointer<Int64>, UnsafeBufferPointer<UInt64>) throws(SystemError) -> Void
  ) throws(SystemError) {
    for (code, rows) in ads {
      let start = first(in: rows, notBefore: window.lowerBound)
      let end = first(in: start..<rows.upperBound, notBefore: window.upperBound)
      if start < end { unsafe try body(code, data.minute.values(start..<end), data.count.values(start..<end)) }
    }
  }

  /// The first of an ad's rows that is not before `minute`.
  private func first(in rows: Range<Int>, notBefore minute: Int64) -> Int {
    var (low, high) = (rows.lowerBound, rows.upperBound)
    while low < high {
      let middle = (low + high) / 2
      if data.minute[middle] < minute { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

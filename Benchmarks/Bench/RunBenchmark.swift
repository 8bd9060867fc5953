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

  /// Windows that cover `minutes`, or wider buckets, each as wide as it can be and still begin at a multiple of its width.
  private func windows(_ minutes: Range<Int64>, _ tiers: [Int64]) -> [Range<Int64>] {
    var windows: [Range<Int64>] = []
    var start = minutes.lowerBound
    while start < minutes.upperBound {
      let width = tiers.last { start % $0 == 0 && start + $0 <= minutes.upperBound } ?? 1
      windows.append(start..<(start + width))
      start += width
    }
    return windows
  }

  /// Shards among which ads are spread, each with a thread that writes its runs and with codes of its own, as a store has them.
  static let shards = 2

  private func path(_ window: Int, _ shard: Int) -> String { "\(directory)/\(name)-\(shard)-\(window)" }

  private func writer(
    _ path: String, _ number: Int, _ window: Range<Int64>, seconds: UInt32
  ) throws(SystemError) -> RunWriter {
    let header = FileHeader(
      magic: .run, store: ColumnarBenchmark.store, number: UInt64(number), created: DataSets.day,
      blockBytes: SealedFileWriter.defaultBlockBytes)
    let descriptor = RunDescriptor(
      table: 0, bucketSeconds: seconds, firstBucket: window.lowerBound, bucketCount: UInt32(window.count), kind: .base,
      sequence: UInt64(number), position: 0)
    return try RunWriter(
      files, path: path, temporary: path + ".part", header: header, descriptor: descriptor)
  }

  /// `load`, rows/s: ordered rows into synced runs. `bytes`, B a row: all of the files.
  func load(_ rows: MinuteRows, _ time: any TimeSource) throws -> [Measurement] {
    let windows = windows(rows.minutes, tiers)
    let parts = (0..<Self.shards).map { rows.shard($0, of: Self.shards) }
    var (bytes, written): (UInt64, UInt64) = (0, 0)
    let took = try elapsed(time) {
      let loads = try parts.enumerated().map { shard, part in
        try RunLoading("load-\(shard)") { [self] () throws(SystemError) in try write(part, windows, shard) }
      }
      for load in loads {
        let done = try load.wait()
        bytes += done.bytes
        written += done.rows
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

  /// Writes the runs of one shard.
  private func write(
    _ rows: MinuteRows, _ windows: [Range<Int64>], _ shard: Int
  ) throws(SystemError) -> RunLoading.Written {
    var done = RunLoading.Written()
    for (number, window) in windows.enumerated() {
      var writer = try writer(path(number, shard), number, window, seconds: 60)
      unsafe try rows.forEachAd(in: window) { code, minutes, counts throws(SystemError) in
        unsafe try writer.add(code: code, buckets: minutes, values: counts)
        done.rows += UInt64(minutes.count)
      }
      done.bytes += try writer.finish().bytes
    }
    return done
  }

  /// `p50` and `p99`, µs, of one ad's series over an hour, a day, 30 days by minute and 30 days by hour, and of all ads' totals per
  /// minute of a day: from the runs' own totals, and by adding up every row.
  func query(_ data: DataSets.MinuteColumns, _ queries: Int, _ time: any TimeSource) throws -> [Measurement] {
    let rows = try MinuteRows(data, codes: nil)
    let minutes = try (0..<Self.shards).map { shard in
      try windows(rows.minutes, tiers).indices.map { try Run.open(files, path($0, shard), access: .mapped) }
    }
    let hours = try hourRuns(rows)
    let ads = Int(data.ad[data.ad.count - 1]) + 1
    let length = rows.minutes.count
    var chance = SplitMix64(seed: 7)
    var measured: [Measurement] = []
    for (label, span, width) in [("1h", 60, 1), ("24h", 1_440, 1), ("30d", length, 1), ("30d-hours", length, 60)] {
      let first = rows.minutes.lowerBound
      var counts = [UInt64](repeating: 0, count: span / width)
      let buffer = AdRowBuffer()
      var times: [Int64] = []
      for number in 0..<(queries + queries / 10) {
        let ad = chance.below(ads)
        let offset = chance.below(length - span + 1)
        let start = (first + Int64(offset)) / Int64(width)
        for i in counts.indices { counts[i] = 0 }
        let began = time.monotonic()
        if width == 1 {
          try Self.series(minutes[ad % Self.shards], UInt32(ad / Self.shards), from: start, buffer, &counts)
        } else {
          try Self.series(hours, UInt32(ad), from: start, buffer, &counts)
        }
        let took = time.monotonic() - began
        for i in counts.indices {
          let place = ad * length + offset + i * width
          let due = (place..<(place + width)).reduce(UInt64(0)) { $0 + data.count[$1] }
          guard counts[i] == due else { throw BenchFailure("columnar: the series of ad \(ad) is wrong") }
        }
        // The first tenth warms caches and is not counted.
        if number >= queries / 10 { times.append(took) }
      }
      times.sort()
      measured.append(Measurement("p50@\(label)", "µs", Double(times[times.count / 2]) / 1e3))
      measured.append(Measurement("p99@\(label)", "µs", Double(times[times.count * 99 / 100]) / 1e3))
    }
    return measured + (try totals(data, minutes, rows, max(6, queries / 10), &chance, time))
  }

  /// Widths of runs of hours as the store merges them: a day, eight days, thirty-two.
  private static let hourTiers: [Int64] = [24, 192, 768]

  /// The rows of hours that the store keeps beside the minutes.
  private func hourRuns(_ rows: MinuteRows) throws -> [Run] {
    try windows(rows.minutes.lowerBound / 60..<rows.minutes.upperBound / 60, Self.hourTiers).enumerated().map {
      number, window in
      var writer = try self.writer("\(directory)/\(name)-hours-\(number)", number, window, seconds: 3_600)
      let minutes = window.lowerBound * 60..<window.upperBound * 60
      unsafe try rows.forEachAd(in: minutes) { code, minutes, counts throws(SystemError) in
        var row = 0
        while row < minutes.count {
          let hour = unsafe minutes[row] / 60
          var sum: UInt64 = 0
          while row < minutes.count, unsafe minutes[row] / 60 == hour {
            sum += unsafe counts[row]
            row += 1
          }
          try writer.add(code: code, bucket: hour, value: sum)
        }
      }
      _ = try writer.finish()
      return try Run.open(files, "\(directory)/\(name)-hours-\(number)", access: .mapped)
    }
  }

  /// Adds the rows of an ad to `counts`, whose first one is of the bucket `start`.
  private static func series(
    _ runs: [Run], _ code: UInt32, from start: Int64, _ buffer: AdRowBuffer, _ counts: inout [UInt64]
  ) throws {
    let buckets = start..<(start + Int64(counts.count))
    try unsafe counts.withUnsafeMutableBufferPointer { counts in
      for run in runs {
        try run.rows(of: code, buckets: buckets, buffer) { rows in
          let values = unsafe rows.values
          let place = Int(rows.origin - start)
          if let offsets = unsafe rows.offsets {
            for i in 0..<rows.count { unsafe counts[place + Int(offsets[i])] += values[i] }
          } else {
            for i in 0..<rows.count { unsafe counts[place + i] += values[i] }
          }
        }
      }
    }
  }

  private func totals(
    _ data: DataSets.MinuteColumns, _ runs: [[Run]], _ rows: MinuteRows, _ queries: Int, _ chance: inout SplitMix64,
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
      let reading = try elapsed(time) { for run in runs.joined() { try run.totals(buckets: day, into: &sums) } }
      var added = [UInt64](repeating: 0, count: 1_440)
      let buffer = AdRowBuffer()
      let scanning = try elapsed(time) {
        for ad in 0..<ads {
          try Self.series(runs[ad % Self.shards], UInt32(ad / Self.shards), from: start, buffer, &added)
        }
      }
      guard sums == due, added.map({ Int64($0) }) == due else {
        throw BenchFailure("columnar: the totals of a day are wrong")
      }
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

  /// The rows of the ads that one of `count` shards has, under its own codes.
  func shard(_ number: Int, of count: Int) -> MinuteRows {
    var part = self
    part.ads = ads.filter { Int($0.code) % count == number }.map { ($0.code / UInt32(count), $0.rows) }
    return part
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

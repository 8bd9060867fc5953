import Files
import Platform
import Runs
import Simulation

/// A row's place.
struct Key: Hashable, Comparable {
  var code: UInt32
  var bucket: Int64

  static func < (a: Key, b: Key) -> Bool { (a.code, a.bucket) < (b.code, b.bucket) }
}

/// What is written into a run, and what must be read from it.
struct Sample {
  static let store = StoreID(high: 1, low: 2)

  var descriptor: RunDescriptor
  /// In order.
  var rows: [RunRow]
  /// Changes of the totals, where they are not the sums of the rows.
  var totals: [Int64]?

  var window: Range<Int64> {
    descriptor.firstBucket..<(descriptor.firstBucket + Int64(descriptor.bucketCount))
  }

  /// Few or many rows of few or many ads, dense and sparse ones among each other.
  static func rows(_ window: Range<Int64>, _ chance: inout SeededGenerator, versions: Bool) -> [RunRow] {
    var rows: [RunRow] = []
    let most = chance.small(in: 0...12_000)
    let skip = chance.pick([1, 1, 20, 1 << 26])
    let few = chance.pick([1, 5, 5, 63])
    let dense = chance.pick([0, 1, 4, 40] as [UInt64])
    let widest = UInt64.random(in: 0...61, using: &chance)
    var code = Int.random(in: 0...40, using: &chance)
    while rows.count < most, code <= Int(UInt32.max) {
      // Around the number of rows where an ad becomes dense, too.
      let wanted =
        dense > 0 && chance.oneIn(41 - dense)
        ? chance.pick([window.count, window.count / 2, 64, 65]) : chance.pick([few, 1, 63])
      var bucket = window.lowerBound
      let stride = max(1, window.count / max(1, wanted))
      for _ in 0..<min(wanted, window.count) where bucket < window.upperBound {
        let value = chance.oneIn(30) ? 0 : chance.next() >> (62 - widest + 2)
        rows.append(
          RunRow(
            code: UInt32(code), bucket: bucket, value: value, version: versions ? chance.next() >> widest & 0xff : 0))
        bucket += Int64(stride == 1 ? 1 : Int.random(in: 1...stride, using: &chance))
      }
      code += Int.random(in: 1...skip, using: &chance)
    }
    return rows
  }

  init(
    _ chance: inout SeededGenerator, window: Range<Int64>? = nil, kind: RunKind = .base, sequence: UInt64 = 1,
    versions: Bool = false
  ) {
    let width = chance.pick([1, 2, 60, 200, 1_440, 6_000])
    let first = chance.pick([0, -70, 29_000_000, 1 << 40] as [Int64])
    let window = window ?? first..<(first + Int64(width))
    rows = Self.rows(window, &chance, versions: versions)
    descriptor = RunDescriptor(
      table: versions ? 3 : 0, bucketSeconds: 60, firstBucket: window.lowerBound, bucketCount: UInt32(window.count),
      kind: kind, sequence: sequence, position: chance.next(), hasVersions: versions)
    if kind == .patch { totals = window.map { _ in Int64.random(in: -1_000...1_000, using: &chance) } }
  }

  init(_ rows: [RunRow], window: Range<Int64>, kind: RunKind = .base, sequence: UInt64 = 1, versions: Bool = false) {
    self.rows = rows
    descriptor = RunDescriptor(
      table: versions ? 3 : 0, bucketSeconds: 60, firstBucket: window.lowerBound, bucketCount: UInt32(window.count),
      kind: kind, sequence: sequence, position: 9, hasVersions: versions)
  }

  /// Writes the run as `<directory>/<number>.run` and opens it.
  func run(
    _ files: any FileSystem, _ directory: String, number: UInt64 = 1, blockBytes: UInt32 = 512,
    access: SealedFile.Access = .mapped
  ) throws -> Run {
    try Run.make(files, directory, number: number, descriptor, totals: totals, blockBytes: blockBytes, access: access) {
      try $0.add(rows)
    }
  }

  /// The buckets' totals that must be read.
  var dueTotals: [Int64] {
    if let totals { return totals }
    var due = [Int64](repeating: 0, count: window.count)
    for row in rows { due[Int(row.bucket - window.lowerBound)] &+= Int64(bitPattern: row.value) }
    return due
  }
}

extension Run {
  static func make(
    _ files: any FileSystem, _ directory: String, number: UInt64, _ descriptor: RunDescriptor,
    totals: [Int64]? = nil, blockBytes: UInt32 = 512, access: SealedFile.Access = .mapped,
    _ fill: (inout RunWriter) throws -> Void
  ) throws -> Run {
    let path = "\(directory)/\(number).run"
    let header = FileHeader(
      magic: .run, store: Sample.store, number: number, created: 1_750_000_000_000, blockBytes: blockBytes)
    var writer = try RunWriter(
      files, path: path, temporary: "\(directory)/tmp", header: header, descriptor: descriptor)
    try fill(&writer)
    let reference = try writer.finish(totals: totals)
    return try Run.open(files, path, store: Sample.store, reference: reference, access: access)
  }

  var all: [RunRow] {
    get throws {
      var rows: [RunRow] = []
      try forEach { rows.append($0) }
      return rows
    }
  }

  func series(_ code: UInt32, _ buckets: Range<Int64>) throws -> [RunRow] {
    var rows: [RunRow] = []
    try series(of: code, buckets: buckets) { rows.append(RunRow(code: code, bucket: $0, value: $1, version: $2)) }
    return rows
  }
}

import Bench
import Demo
import Platform
import Testing

/// The data sets are what their description says, and the same each time.
@Suite struct DataSetsTests {
  private let files = KernelFileSystem()
  private static let names = [
    "clicks.ad.u64", "clicks.event_ms.i64", "clicks.id_high.u64", "clicks.id_low.u64", "clicks.received_ms.i64",
    "dense.ad.u32", "dense.count.u64", "dense.minute.i64", "minutes.ad.u32", "minutes.count.u64", "minutes.minute.i64",
  ]

  private struct Row: Hashable {
    var ad: Int
    var minute: Int
  }

  private func write(_ directory: TemporaryDirectory, _ identifiers: DataSets.Identifiers = .random) throws {
    try DataSets.write(files, directory.path, scale: 0.001, identifiers: identifiers)
  }

  private func column(_ directory: TemporaryDirectory, _ name: String) throws -> [Int] {
    let width = name.hasSuffix("u32") ? 4 : 8
    let bytes = try files.contents("\(directory.path)/\(name)")
    return stride(from: 0, to: bytes.count, by: width).map { start in
      bytes[start..<(start + width)].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
  }

  @Test(arguments: DataSets.Identifiers.allCases) func theClicksAreAsDescribed(_ identifiers: DataSets.Identifiers)
    throws
  {
    let directory = try TemporaryDirectory("tally-bench")
    try write(directory, identifiers)
    #expect(try files.list(directory.path) == Self.names)
    let (high, low) = (try column(directory, "clicks.id_high.u64"), try column(directory, "clicks.id_low.u64"))
    let (ads, events) = (try column(directory, "clicks.ad.u64"), try column(directory, "clicks.event_ms.i64"))
    let received = try column(directory, "clicks.received_ms.i64")
    #expect(ads.count == 20_000 && Set(ads).count > 500 && ads.max()! < 1_000)
    #expect(received == received.sorted() && received.last! - received.first! < 86_400_000)

    var first: [[Int]: Int] = [:]
    var rows: [Row: Int] = [:]
    var late = 0
    for i in ads.indices {
      if let before = first[[high[i], low[i]]] {
        // Of two copies of an impression the later one may repeat a copy; the first is the same ad's all the same.
        #expect(ads[before] == ads[i])
      } else {
        first[[high[i], low[i]]] = i
        rows[Row(ad: ads[i], minute: events[i] / 60_000), default: 0] += 1
        if identifiers == .v7 { #expect(high[i] >> 12 & 15 == 7 && high[i] >> 16 & (1 << 48 - 1) <= received[i]) }
      }
      #expect((-5_000...600_000).contains(received[i] - events[i]))
      if received[i] - events[i] > 5_000 { late += 1 }
    }
    #expect(first.count == 19_400)
    #expect((100...320).contains(late))

    let (minuteAds, minutes) = (try column(directory, "minutes.ad.u32"), try column(directory, "minutes.minute.i64"))
    let keys = zip(minuteAds, minutes).map { Row(ad: $0, minute: $1) }
    #expect(Dictionary(uniqueKeysWithValues: zip(keys, try column(directory, "minutes.count.u64"))) == rows)
    #expect(zip(keys, keys.dropFirst()).allSatisfy { ($0.ad, $0.minute) < ($1.ad, $1.minute) })
  }

  @Test func aQuarterOfSkewedClicksIsOnOneAd() throws {
    let directory = try TemporaryDirectory("tally-bench")
    try DataSets.write(files, directory.path, scale: 0.005, spread: .skewed)
    let ads = try column(directory, "clicks.ad.u64")
    let most = Dictionary(grouping: ads) { $0 }.values.map(\.count).max()!
    #expect(ads.count == 20_000 && ads.max()! < 500)
    // Zipf with exponent 1.3 over 500 ads gives the first one 0.29.
    #expect((5_400...6_200).contains(most), "\(most)")
    #expect(try column(directory, "minutes.count.u64").reduce(0, +) == 19_400)
  }

  @Test func theDenseTableHasEveryMinute() throws {
    let directory = try TemporaryDirectory("tally-bench")
    try write(directory)
    let counts = try column(directory, "dense.count.u64")
    let minutes = try column(directory, "dense.minute.i64")
    #expect(try column(directory, "dense.ad.u32") == [Int](repeating: 0, count: 43_200))
    #expect(minutes == Array(minutes[0]..<(minutes[0] + 43_200)) && minutes[0] % 1_440 == 0)
    let mean = Double(counts.reduce(0, +)) / 43_200
    let variance = counts.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / 43_200
    #expect((2.9...3.1).contains(mean) && (2.85...3.15).contains(variance))
  }

  @Test func theyAreTheSameEachTime() throws {
    let (one, two) = (try TemporaryDirectory("tally-bench"), try TemporaryDirectory("tally-bench"))
    try write(one)
    try write(two)
    for name in Self.names {
      #expect(try files.contents("\(one.path)/\(name)") == files.contents("\(two.path)/\(name)"), "\(name)")
    }
  }
}

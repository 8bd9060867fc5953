import Clicks
import Glibc
import Platform
import Traffic

// What Tally and its peers are compared on, made once so that all of them read the same bytes.
//
//   clicks    20,000,000 clicks of one day on 1,000,000 ads, Zipf with exponent 1.05 over scrambled numbers, in the order of
//             their arrival. 99 % happened inside ±5 s of it, 1 % up to ten minutes before. Three of every hundred repeat an
//             impression of the last 30 minutes. Ids are random, or version 7 and minted an exponential time (mean 60 s)
//             before the click. Or skewed: 4,000,000 clicks on 100,000 ads with exponent 1.3, so that one ad has a quarter
//   minutes   what an exact count makes of them: clicks per (ad, minute), repeats left out, ordered
//   dense     1,000 ads × 30 days × every minute, Poisson with mean 3: 43,200,000 rows, ordered; beside skewed clicks one ad
//
// A scale makes fewer clicks and fewer ads of both.

/// The data sets of a directory.
package struct DataSets: Sendable {
  /// How impression ids are made.
  package enum Identifiers: String, CaseIterable, Sendable {
    case random
    case v7
  }

  /// How clicks are spread over ads.
  package enum Spread: String, CaseIterable, Sendable {
    case usual
    case skewed

    /// Clicks at scale 1, and their ads.
    package var clicks: Int { self == .usual ? 20_000_000 : 4_000_000 }
    package var ads: Int { self == .usual ? 1_000_000 : 100_000 }
    var exponent: Double { self == .usual ? 1.05 : 1.3 }
  }

  let eventTime: Column<Int64>
  let receiveTime: Column<Int64>
  let ad: Column<UInt64>
  let idHigh: Column<UInt64>
  let idLow: Column<UInt64>
  let minutes: MinuteColumns
  let dense: MinuteColumns

  /// Rows (ad, minute) → count.
  struct MinuteColumns: Sendable {
    let ad: Column<UInt32>
    let minute: Column<Int64>
    let count: Column<UInt64>
  }

  /// Rows of the dense table at scale 1, and its ads.
  package static let denseAds = 1_000
  package static let denseMinutes = 30 * 1_440

  /// 2025-06-15T00:00Z, ms: the day of the clicks.
  static let day: Int64 = 1_749_945_600_000
  /// 2025-06-01T00:00Z, minutes: the first one of the dense table.
  static let denseStart: Int64 = 29_145_600
  static let dayLength: Int64 = 86_400_000

  /// Maps the columns of a directory that `write` filled.
  package init(_ files: any FileSystem, _ directory: String) throws {
    func rows(_ name: String) throws -> MinuteColumns {
      MinuteColumns(
        ad: try Column(files, "\(directory)/\(name).ad.u32"),
        minute: try Column(files, "\(directory)/\(name).minute.i64"),
        count: try Column(files, "\(directory)/\(name).count.u64"))
    }
    eventTime = try Column(files, "\(directory)/clicks.event_ms.i64")
    receiveTime = try Column(files, "\(directory)/clicks.received_ms.i64")
    ad = try Column(files, "\(directory)/clicks.ad.u64")
    idHigh = try Column(files, "\(directory)/clicks.id_high.u64")
    idLow = try Column(files, "\(directory)/clicks.id_low.u64")
    minutes = try rows("minutes")
    dense = try rows("dense")
    let count = eventTime.count
    guard [receiveTime.count, ad.count, idHigh.count, idLow.count].allSatisfy({ $0 == count }),
      [minutes, dense].allSatisfy({ $0.ad.count == $0.minute.count && $0.ad.count == $0.count.count })
    else { throw BenchFailure("\(directory): the columns of a table do not have one length") }
  }

  /// Different clicks: what remains without the repeats.
  var distinct: UInt64 { (0..<minutes.count.count).reduce(0) { $0 + minutes.count[$1] } }

  /// The keys of ads by their numbers; an ad's id is its number.
  func keys() -> [AdKey] {
    let last = (0..<minutes.ad.count).reduce(0) { max($0, minutes.ad[$1]) }
    return (0...last).map { AdKey(AdID("\($0)")!) }
  }

  /// What is added to times, ms, so that the day ends in the minute before `end`: whole minutes, so that counts stay.
  func shift(toEnd end: Int64) -> Int64 {
    let distance = end - Self.day - Self.dayLength
    return (distance - (distance % 60_000 + 60_000) % 60_000)
  }

  /// Writes all columns into `directory`, which must exist. `scale` is above 0 and at most 1.
  package static func write(
    _ files: any FileSystem, _ directory: String, scale: Double = 1, identifiers: Identifiers = .random,
    spread: Spread = .usual
  ) throws {
    var clicks = ClickTable(
      clicks: max(1_000, Int(Double(spread.clicks) * scale)), ads: max(100, Int(Double(spread.ads) * scale)),
      exponent: spread.exponent, identifiers: identifiers)
    let keys = try clicks.write(files, directory)
    try writeRows(files, "\(directory)/minutes") { emit in
      var start = 0
      while start < keys.count {
        var end = start + 1
        while end < keys.count, keys[end] == keys[start] { end += 1 }
        try emit(UInt32(keys[start] >> 32), day / 60_000 + Int64(keys[start] & 0xFFFF_FFFF), UInt64(end - start))
        start = end
      }
    }
    try writeRows(files, "\(directory)/dense") { emit in
      var chance = SplitMix64(seed: 43)
      let poisson = Poisson(mean: 3)
      for ad in 0..<(spread == .skewed ? 1 : max(1, UInt32(Double(denseAds) * scale))) {
        for minute in 0..<Int64(denseMinutes) { try emit(ad, denseStart + minute, poisson.sample(&chance)) }
      }
    }
  }

  private static func writeRows(
    _ files: any FileSystem, _ prefix: String, _ body: ((UInt32, Int64, UInt64) throws -> Void) throws -> Void
  ) throws {
    var ads = try ColumnWriter(files, prefix + ".ad.u32")
    var minutes = try ColumnWriter(files, prefix + ".minute.i64")
    var counts = try ColumnWriter(files, prefix + ".count.u64")
    try body { ad, minute, count in
      try ads.append(ad)
      try minutes.append(minute)
      try counts.append(count)
    }
    try ads.finish()
    try minutes.finish()
    try counts.finish()
  }
}

/// The clicks, one after the other.
private struct ClickTable {
  let clicks: Int
  let identifiers: DataSets.Identifiers
  private let zipf: Zipf
  private let scrambled: [UInt32]
  private var chance = SplitMix64(seed: 20)
  /// The clicks of the last 30 minutes, in a ring.
  private var recent: [Impression]

  private struct Impression {
    var ad: UInt32 = 0
    var high: UInt64 = 0
    var low: UInt64 = 0
    var isRepeat = false
  }

  init(clicks: Int, ads: Int, exponent: Double, identifiers: DataSets.Identifiers) {
    self.clicks = clicks
    self.identifiers = identifiers
    zipf = Zipf(count: ads, exponent: exponent)
    scrambled = (0..<UInt32(ads)).shuffled(using: &chance)
    recent = Array(repeating: Impression(), count: max(1, clicks / 48))
  }

  /// Writes the columns; returns ad << 32 | minute of the day for each click that repeats none, in order.
  mutating func write(_ files: any FileSystem, _ directory: String) throws -> [UInt64] {
    var eventTimes = try ColumnWriter(files, "\(directory)/clicks.event_ms.i64")
    var receiveTimes = try ColumnWriter(files, "\(directory)/clicks.received_ms.i64")
    var ads = try ColumnWriter(files, "\(directory)/clicks.ad.u64")
    var highs = try ColumnWriter(files, "\(directory)/clicks.id_high.u64")
    var lows = try ColumnWriter(files, "\(directory)/clicks.id_low.u64")
    var keys: [UInt64] = []
    keys.reserveCapacity(clicks)
    var repeats: Set<Int> = []
    for number in 0..<clicks {
      if number % 100 == 0 {
        repeats = []
        while repeats.count < 3 { repeats.insert(number + 1 + chance.below(99)) }
      }
      let received = DataSets.day + Int64(number) * DataSets.dayLength / Int64(clicks)
      let event = eventTime(received)
      let impression = repeats.contains(number) ? earlier(number) : fresh(received)
      recent[number % recent.count] = impression
      if !impression.isRepeat {
        keys.append(UInt64(impression.ad) << 32 | UInt64((event - DataSets.day) / 60_000))
      }
      try eventTimes.append(event)
      try receiveTimes.append(received)
      try ads.append(UInt64(impression.ad))
      try highs.append(impression.high)
      try lows.append(impression.low)
    }
    try eventTimes.finish()
    try receiveTimes.finish()
    try ads.finish()
    try highs.finish()
    try lows.finish()
    keys.sort()
    return keys
  }

  private mutating func eventTime(_ received: Int64) -> Int64 {
    let distance =
      chance.below(100) == 0 ? Int64(chance.below(600_001)) : Int64(chance.below(10_001)) - 5_000
    return min(max(received - distance, DataSets.day), DataSets.day + DataSets.dayLength - 1)
  }

  private mutating func fresh(_ received: Int64) -> Impression {
    let ad = scrambled[zipf.sample(&chance)]
    let (high, low) = (chance.next(), chance.next())
    guard identifiers == .v7 else { return Impression(ad: ad, high: high, low: low) }
    let minted = UInt64(received - Int64(exponential() * 60_000))
    return Impression(ad: ad, high: minted << 16 | 0x7000 | high & 0xFFF, low: 0b10 << 62 | low >> 2)
  }

  /// One of the impressions of the last 30 minutes, itself no repeat.
  private mutating func earlier(_ number: Int) -> Impression {
    while true {
      var found = recent[(number - 1 - chance.below(min(number, recent.count))) % recent.count]
      if found.isRepeat { continue }
      found.isRepeat = true
      return found
    }
  }

  /// Exponentially distributed with mean 1.
  private mutating func exponential() -> Double { -log(1 - chance.unit()) }
}

/// Small counts with a given mean, by the table of their cumulative probabilities.
private struct Poisson {
  private var cumulative: [Double] = []

  init(mean: Double) {
    var probability = exp(-mean)
    var sum = 0.0
    for k in 1...64 {
      sum += probability
      cumulative.append(sum)
      probability *= mean / Double(k)
    }
  }

  func sample(_ chance: inout SplitMix64) -> UInt64 {
    let point = chance.unit()
    var k = 0
    while k < cumulative.count - 1, cumulative[k] <= point { k += 1 }
    return UInt64(k)
  }
}

import Bytes
import Clicks
import Platform
import Store

// Millions of clicks in a file, and the table that they must give, both a pure function of the line's number:
//
//   campaign write-clicks FILE COUNT NOW shuffled|late
//   campaign check-clicks DIR COUNT NOW shuffled|late
//
// The clicks arrive over a day up to NOW (ms since 1970); 95 in 100 at once, 5 late by up to a day, so event times span two.
// One line in 20 repeats an earlier one. `late` writes them as they arrive, `shuffled` in no order at all. The check reads
// every row of the store and compares it with the fold of the different clicks. `Tests/import` runs both around an import.

/// Clicks by the number of their line.
struct ImportReach {
  static let ads = 1_000
  private static let arrivals: Int64 = 86_400_000
  private static let latest: Int64 = 86_400_000 - 60_000

  let count: UInt64
  let now: Int64
  let isShuffled: Bool

  /// Reads the words behind the verb; nil where they are wrong.
  init?(_ words: ArraySlice<String>) {
    guard words.count == 3, let count = UInt64(words[words.startIndex]), count > 0,
      let now = Int64(words[words.startIndex + 1]), ["shuffled", "late"].contains(words[words.startIndex + 2])
    else { return nil }
    self.count = count
    self.now = now
    isShuffled = words[words.startIndex + 2] == "shuffled"
  }

  private static func mix(_ number: UInt64, _ salt: UInt64) -> UInt64 {
    var x = number &* 0x9E37_79B9_7F4A_7C15 &+ salt &* 0xD1B5_4A32_D192_ED03
    x = (x ^ x >> 30) &* 0xBF58_476D_1CE4_E5B9
    x = (x ^ x >> 27) &* 0x94D0_49BB_1331_11EB
    return x ^ x >> 31
  }

  /// The click whose line this one repeats; itself where it repeats none.
  private func origin(_ click: UInt64) -> UInt64 {
    var click = click
    while click > 0, Self.mix(click, 1) % 20 == 0 { click = Self.mix(click, 2) % click }
    return click
  }

  private func isRepeat(_ click: UInt64) -> Bool { click > 0 && Self.mix(click, 1) % 20 == 0 }

  private func ad(_ click: UInt64) -> Int {
    // The square of a uniform number: few ads have many clicks.
    let uniform = Self.mix(click, 3) >> 43
    return Int((((uniform * uniform) >> 21) * UInt64(Self.ads)) >> 21)
  }

  private func time(_ click: UInt64) -> Int64 {
    let arrival = now - Self.arrivals + Int64(click * UInt64(Self.arrivals) / count)
    let isLate = Self.mix(click, 4) % 20 == 0
    return arrival - Int64(Self.mix(click, 5) % UInt64(isLate ? Self.latest : 1_000))
  }

  /// The click of a line.
  private func click(ofLine line: UInt64) -> UInt64 {
    guard isShuffled else { return line }
    // A stride without a common divisor visits every click once.
    var stride = UInt64(Double(count) * 0.618) | 1
    while Self.divisor(stride, count) > 1 { stride += 2 }
    let (high, low) = line.multipliedFullWidth(by: stride)
    return count.dividingFullWidth((high, low)).remainder
  }

  private static func divisor(_ a: UInt64, _ b: UInt64) -> UInt64 { b == 0 ? a : divisor(b, a % b) }

  func write(_ path: String) throws {
    let file = try KernelFileSystem().open(path, .create)
    var bytes: [UInt8] = []
    var written: UInt64 = 0
    for line in 0..<count {
      let click = origin(click(ofLine: line))
      let id = ImpressionID(high: Self.mix(click, 6) & ~0xF000 | 0x4000, low: Self.mix(click, 7))
      bytes += "{\"adId\":\"ad\(ad(click))\",\"impressionId\":\"".utf8
      bytes += Hex.encode(id.high).utf8
      bytes += Hex.encode(id.low).utf8
      bytes += "\",\"time\":\(time(click))}\n".utf8
      if bytes.count > 4 << 20 || line + 1 == count {
        try file.writeAll(bytes, at: written)
        written += UInt64(bytes.count)
        bytes.removeAll(keepingCapacity: true)
      }
    }
  }

  /// Compares the table of the store at `path` with the fold. Returns what differs.
  func check(_ path: String) throws -> [String] {
    let first = Minute(containing: now - Self.arrivals - Self.latest).index - 1
    let minutes = Int(Minute(containing: now).index - first) + 2
    var due = [UInt32](repeating: 0, count: Self.ads * minutes)
    for click in 0..<count where !isRepeat(click) {
      due[ad(click) * minutes + Int(Minute(containing: time(click)).index - first)] += 1
    }
    let keys = Dictionary(uniqueKeysWithValues: (0..<Self.ads).map { (AdKey(AdID("ad\($0)")!), $0) })
    var found = [UInt32](repeating: 0, count: due.count)
    var faults: [String] = []
    _ = try Store.read(.kernel, path) { _, recovery in
      for row in try recovery.live.rows() {
        guard let ad = keys[row.ad], case let minute = Int(row.minute.index - first), 0..<minutes ~= minute else {
          faults.append("ad key \(row.ad) has \(row.clicks) clicks at \(row.minute)")
          continue
        }
        found[ad * minutes + minute] += UInt32(row.clicks)
      }
    }
    for i in due.indices where due[i] != found[i] {
      let minute = Minute(index: first + Int64(i % minutes))
      faults.append("ad\(i / minutes) at \(minute): \(found[i]) clicks, due \(due[i])")
    }
    let rows = due.reduce(0) { $0 + ($1 > 0 ? 1 : 0) }
    let clicks = due.reduce(0) { $0 + UInt64($1) }
    print("\(rows) rows, \(clicks) different clicks, \(faults.count) differences")
    return faults
  }
}

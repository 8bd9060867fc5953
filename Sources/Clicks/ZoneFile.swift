import Bytes
import Platform

// The system's time zones (RFC 9636, "TZif"), read as they stand in /usr/share/zoneinfo. A file has two parts; the second
// has times of 64 bits, and is the one that counts:
//
//     "TZif" version … six counts (44 bytes) │ part one │ "TZif" … │ times, types, offsets … │ \n rule \n
//
// Behind the last listed change the rule of the footer holds, as POSIX writes it: CET-1CEST,M3.5.0,M10.5.0/3.

/// What the clocks on the walls of a place show.
package struct ZoneFile: Hashable, Sendable {
  private var times: [Int64] = []
  private var offsets: [Int64] = []
  private var first: Int64 = 0
  private var rule: ZoneRule?

  /// UTC.
  package init() {}

  /// Where the system keeps them.
  package static let directory = "/usr/share/zoneinfo"
  /// The largest file that is read, bytes; those of the system have 4,000 at most.
  private static let largest: UInt64 = 65_536
  /// The longest name.
  private static let longestName = 64
  /// No clock on a wall is farther from UTC than this, seconds (RFC 9636, 3.2).
  static let farthest: Int64 = 26 * 3_600

  /// The zone of an IANA name, `Europe/Berlin`; nil where there is none or its file cannot be read.
  package static func find(_ name: String, _ files: any FileSystem) -> ZoneFile? {
    if name == "UTC" || name == "Etc/UTC" { return ZoneFile() }
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    let isName = parts.allSatisfy { part in
      !part.isEmpty && part.first != "."
        && part.utf8.allSatisfy { byte in
          (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || [0x2B, 0x2D, 0x5F, 0x2E].contains(byte)
        }
    }
    guard isName, parts.count <= 3, name.utf8.count <= longestName,
      let file = try? files.open("\(directory)/\(name)", .read), let size = try? file.size(), size <= largest,
      let bytes = try? file.bytes(at: 0, count: Int(size))
    else { return nil }
    return ZoneFile(bytes)
  }

  /// Reads a file's bytes; nil where they are none of the second version or later, or count leap seconds.
  package init?(_ bytes: [UInt8]) {
    guard let old = Counts(bytes[...]), old.version >= 0x32 else { return nil }
    let start = 44 + old.bytes(timeWidth: 4)
    guard start <= bytes.count, let counts = Counts(bytes[start...]) else { return nil }
    var at = start + 44
    guard at + counts.bytes(timeWidth: 8) <= bytes.count, counts.types > 0, counts.leaps == 0 else { return nil }
    func number(_ at: Int, _ width: Int) -> Int64 {
      var value: UInt64 = bytes[at] & 0x80 != 0 ? .max : 0
      for i in 0..<width { value = value << 8 | UInt64(bytes[at + i]) }
      return Int64(bitPattern: value)
    }
    let (timeStart, indexStart) = (at, at + 8 * counts.times)
    let typeStart = indexStart + counts.times
    func offset(_ type: Int) -> Int64 { number(typeStart + 6 * type, 4) }
    for i in 0..<counts.times {
      let type = Int(bytes[indexStart + i])
      guard type < counts.types else { return nil }
      times.append(number(timeStart + 8 * i, 8))
      offsets.append(offset(type))
    }
    first = offset(0)
    guard zip(times, times.dropFirst()).allSatisfy({ $0 < $1 }),
      (offsets + [first]).allSatisfy({ -Self.farthest...Self.farthest ~= $0 })
    else { return nil }
    at += counts.bytes(timeWidth: 8)
    let footer = bytes[at...].drop { $0 == 0x0A }.prefix { $0 != 0x0A }
    rule = ZoneRule(String(decoding: footer, as: UTF8.self))
  }

  private struct Counts {
    var version: UInt8
    var isUT: Int, isStandard: Int, leaps: Int, times: Int, types: Int, characters: Int

    init?(_ bytes: ArraySlice<UInt8>) {
      guard bytes.count >= 44, bytes.prefix(4).elementsEqual("TZif".utf8) else { return nil }
      version = bytes[bytes.startIndex + 4]
      func count(_ i: Int) -> Int {
        bytes[(bytes.startIndex + 20 + 4 * i)..<(bytes.startIndex + 24 + 4 * i)].reduce(0) { $0 << 8 | Int($1) }
      }
      (isUT, isStandard, leaps, times, types, characters) = (count(0), count(1), count(2), count(3), count(4), count(5))
      guard [isUT, isStandard, leaps, times, types, characters].allSatisfy({ $0 < 1 << 20 }) else { return nil }
    }

    func bytes(timeWidth: Int) -> Int {
      times * (timeWidth + 1) + types * 6 + characters + leaps * (timeWidth + 4) + isStandard + isUT
    }
  }

  /// Seconds that the wall is ahead of UTC at `time`, seconds since 1970.
  package func offset(at time: Int64) -> Int64 {
    guard let last = times.last, let start = times.first, time >= start else {
      return times.isEmpty ? rule?.offset(at: time) ?? first : first
    }
    if time >= last, let rule { return rule.offset(at: time) }
    return offsets[index(behind: time) - 1]
  }

  /// Whether the offset is the same all over `range`, as far as can be told at once.
  func isSteady(in range: ClosedRange<Int64>) -> Bool {
    guard index(behind: range.lowerBound) == index(behind: range.upperBound) else { return false }
    // A rule changes the offset twice a year, so that two changes that cancel out are far apart.
    return offset(at: range.lowerBound) == offset(at: range.upperBound)
  }

  /// When the clocks may be put to another offset in `range`, seconds since 1970, ascending.
  func changes(in range: Range<Int64>) -> [Int64] {
    var found = Array(times[index(behind: range.lowerBound - 1)..<index(behind: range.upperBound - 1)])
    if let rule {
      let last = times.last ?? .min
      found += rule.changes(in: range).filter { $0 > last }
    }
    return found
  }

  /// The first listed change behind `time`.
  private func index(behind time: Int64) -> Int {
    var (low, end) = (0, times.count)
    while low < end {
      let middle = (low + end) / 2
      if times[middle] <= time { low = middle + 1 } else { end = middle }
    }
    return low
  }
}

/// The rule behind the last listed change, as in POSIX's TZ variable: `std offset [dst [offset],start[/time],end[/time]]`.
struct ZoneRule: Hashable, Sendable {
  private var standard: Int64 = 0
  private var summer: Int64?
  private var start = Change()
  private var end = Change()

  /// `Mmonth.week.day/time`, `Jn/time` (1 to 365, never 29 February) or `n/time` (from 0 on).
  private struct Change: Hashable, Sendable {
    var month = 0
    var week = 0
    var day = 0
    var isJulian = false
    var time: Int64 = 7_200
  }

  init?(_ text: String) {
    var rest = Substring(text)
    guard Self.name(&rest), let west = Self.time(&rest) else { return nil }
    standard = -west
    if rest.isEmpty { return }
    guard Self.name(&rest) else { return nil }
    if rest.first != "," {
      guard let west = Self.time(&rest) else { return nil }
      summer = -west
    } else {
      summer = standard + 3_600
    }
    guard let start = Self.change(&rest), let end = Self.change(&rest), rest.isEmpty else { return nil }
    (self.start, self.end) = (start, end)
    guard [standard, summer ?? 0].allSatisfy({ -ZoneFile.farthest...ZoneFile.farthest ~= $0 }) else { return nil }
  }

  private static func name(_ rest: inout Substring) -> Bool {
    if rest.first == "<" {
      guard let close = rest.firstIndex(of: ">") else { return false }
      rest = rest[rest.index(after: close)...]
      return true
    }
    let name = rest.prefix { $0.isLetter }
    rest = rest.dropFirst(name.count)
    return name.count >= 3
  }

  private static func number(_ rest: inout Substring) -> Int? {
    let digits = rest.prefix { ("0"..."9").contains($0) }
    rest = rest.dropFirst(digits.count)
    return digits.count < 5 ? Int(digits) : nil
  }

  private static func time(_ rest: inout Substring) -> Int64? {
    var sign: Int64 = 1
    if let first = rest.first, first == "-" || first == "+" {
      sign = first == "-" ? -1 : 1
      rest = rest.dropFirst()
    }
    guard let hours = number(&rest) else { return nil }
    var seconds = Int64(hours) * 3_600
    for unit in [60, 1] as [Int64] where rest.first == ":" {
      rest = rest.dropFirst()
      guard let more = number(&rest) else { return nil }
      seconds += Int64(more) * unit
    }
    return sign * seconds
  }

  private static func change(_ rest: inout Substring) -> Change? {
    guard rest.first == "," else { return nil }
    rest = rest.dropFirst()
    var change = Change()
    if rest.first == "M" {
      rest = rest.dropFirst()
      guard let month = number(&rest), 1...12 ~= month, rest.first == "." else { return nil }
      rest = rest.dropFirst()
      guard let week = number(&rest), 1...5 ~= week, rest.first == "." else { return nil }
      rest = rest.dropFirst()
      guard let day = number(&rest), 0...6 ~= day else { return nil }
      (change.month, change.week, change.day) = (month, week, day)
    } else {
      change.isJulian = rest.first == "J"
      if change.isJulian { rest = rest.dropFirst() }
      guard let day = number(&rest), day <= 365 else { return nil }
      change.day = day
    }
    if rest.first == "/" {
      rest = rest.dropFirst()
      guard let time = time(&rest) else { return nil }
      change.time = time
    }
    return change
  }

  func offset(at time: Int64) -> Int64 {
    guard let summer else { return standard }
    let (year, _, _) = Timestamp.civil(fromDays: (time + standard).dividedDown(by: 86_400))
    // Each change is told by the wall as it was before it.
    let begins = Self.moment(start, year) - standard
    let ends = Self.moment(end, year) - summer
    let isSummer = begins < ends ? begins <= time && time < ends : time < ends || begins <= time
    return isSummer ? summer : standard
  }

  /// When the clocks are put forward or back in `range`, seconds since 1970, ascending.
  func changes(in range: Range<Int64>) -> [Int64] {
    guard let summer, !range.isEmpty else { return [] }
    func year(_ time: Int64) -> Int64 { Timestamp.civil(fromDays: time.dividedDown(by: 86_400)).year }
    // The wall's year may be another than that of UTC.
    return (year(range.lowerBound) - 1...year(range.upperBound - 1) + 1).flatMap {
      [Self.moment(start, $0) - standard, Self.moment(end, $0) - summer]
    }.filter(range.contains).sorted()
  }

  /// When a change happens in a year, on the wall, seconds since 1970.
  private static func moment(_ change: Change, _ year: Int64) -> Int64 {
    let newYear = Timestamp.days(fromCivil: year, 1, 1)
    let day: Int64
    if change.month > 0 {
      let first = Timestamp.days(fromCivil: year, Int64(change.month), 1)
      let next =
        change.month == 12
        ? Timestamp.days(fromCivil: year + 1, 1, 1) : Timestamp.days(fromCivil: year, Int64(change.month) + 1, 1)
      let weekday = ((first % 7) + 11) % 7
      var found = first + (Int64(change.day) - weekday + 7) % 7 + Int64(change.week - 1) * 7
      while found >= next { found -= 7 }
      day = found
    } else if change.isJulian {
      let isLeap = Timestamp.days(fromCivil: year, 3, 1) - newYear == 60
      day = newYear + Int64(change.day) - 1 + (isLeap && change.day >= 60 ? 1 : 0)
    } else {
      day = newYear + Int64(change.day)
    }
    return day * 86_400 + change.time
  }
}

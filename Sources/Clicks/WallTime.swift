import Platform

// Dates and clocks as they are written, and the zone that makes moments of them. A wall shows some times twice and leaves
// some out, where clocks are put back or forward; neither is one moment, so both are faults and never a guess.

/// Why a text is no time, in words that go behind the name of what holds it.
package struct TimeFault: Error, Equatable, Sendable, CustomStringConvertible {
  package let detail: StaticString

  init(_ detail: StaticString) { self.detail = detail }

  package var description: String { "\(detail)" }

  package static func == (a: TimeFault, b: TimeFault) -> Bool { "\(a.detail)" == "\(b.detail)" }

  static let noDate = TimeFault("is a date or a time of day that does not exist")
  static let noZone = TimeFault("has no time zone: Z or an offset such as +01:00 belongs behind it")
  static let skipped = TimeFault("is a local time that the zone's clocks leave out")
  static let twice = TimeFault("is a local time that the zone's clocks show twice; write it with an offset")
}

/// What is ahead of UTC where a log was written.
package enum WallZone: Hashable, Sendable {
  /// Seconds ahead of UTC, always the same.
  case fixed(Int64)
  /// As the system's time zone file of this name has it.
  case file(ZoneFile, name: String)

  /// What it is known by.
  package var name: String {
    switch self {
    case .fixed(let seconds): "\(seconds)"
    case .file(_, let name): name
    }
  }

  /// UTC.
  package static let utc = WallZone.fixed(0)

  /// Seconds that the wall is ahead of UTC at `time`, seconds since 1970.
  package func offset(at time: Int64) -> Int64 {
    switch self {
    case .fixed(let offset): offset
    case .file(let file, _): file.offset(at: time)
    }
  }

  /// `UTC`, `Z`, `GMT`, an offset such as `+02:00`; nil for any other text, which may be the name of a zone file.
  package static func fixed(_ text: String) -> WallZone? {
    var text = text
    return text.withUTF8 { bytes in
      var scan = unsafe TimeScan(UnsafeRawBufferPointer(bytes))
      guard let offset = scan.zone(), scan.isAtEnd else { return nil }
      return .fixed(offset)
    }
  }

  /// The zone of an offset or of a name; nil where there is none.
  package static func find(_ text: String, _ files: any FileSystem) -> WallZone? {
    fixed(text) ?? ZoneFile.find(text, files).map { .file($0, name: text) }
  }

  /// The moment, in seconds since 1970, at which this zone's wall shows `wall` (seconds of its own days since 1970).
  func moment(ofWall wall: Int64) throws(TimeFault) -> Int64 {
    switch self {
    case .fixed(let offset): return wall - offset
    case .file(let file, _):
      // What the wall showed before a change and shows after it; changes are more than a day apart.
      let before = wall - file.offset(at: wall - 86_400)
      let after = wall - file.offset(at: wall + 86_400)
      let isBefore = before + file.offset(at: before) == wall
      let isAfter = after + file.offset(at: after) == wall
      if isBefore, isAfter, before != after { throw .twice }
      if isBefore { return before }
      guard isAfter else { throw .skipped }
      return after
    }
  }
}

/// A date and a time of day as they were written.
struct WallTime {
  var year: Int64 = 0
  var month: Int64 = 0
  var day: Int64 = 0
  var hour: Int64 = 0
  var minute: Int64 = 0
  var second: Int64 = 0
  var millis: Int64 = 0
  /// Seconds ahead of UTC, where it was said.
  var offset: Int64?

  /// Milliseconds since 1970; `zone` is for a time that does not say its own.
  func moment(_ zone: WallZone?) throws(TimeFault) -> Int64 {
    guard 1...12 ~= month, day >= 1, day <= Timestamp.daysIn(month: month, of: year), hour < 24, minute < 60,
      second <= 60
    else { throw .noDate }
    let wall = Timestamp.days(fromCivil: year, month, day) * 86_400 + hour * 3600 + minute * 60
    let start: Int64
    if let offset {
      start = wall - offset
    } else {
      guard let zone else { throw .noZone }
      start = try zone.moment(ofWall: wall)
    }
    guard second < 60 || Timestamp.mayHaveLeapSecond(minute: start) else { throw .noDate }
    return (start + min(second, 59)) * 1000 + millis
  }
}

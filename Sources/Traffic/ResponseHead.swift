import Clicks

/// The head of an HTTP/1.1 answer, as far as a client of `/click` needs it. Its extent is found first; a head that is not
/// complete is read again from its first byte when more has come, which happens about never.
struct ResponseHead: Equatable {
  var outcome = Outcome.noAnswer
  /// Bytes of the head, with the empty line.
  var length = 0
  /// Bytes of the body that follow; nil where the end of the connection ends it (or its form is one that we do not
  /// read, as chunks: the connection is not used again).
  var body: Int?
  /// Whether the connection may not be used again.
  var closes = false

  enum Parsed: Equatable {
    /// More bytes are needed.
    case incomplete
    /// Not HTTP: the connection is of no use.
    case broken
    case head(ResponseHead)
  }

  /// Longer heads are taken for broken ones.
  static let longest = 64 << 10

  /// Reads the head that starts at `start`.
  static func parse(_ bytes: Span<UInt8>, from start: Int, toHead: Bool) -> Parsed {
    let count = bytes.count
    // Status line: "HTTP/1.x SSS".
    guard count - start >= 12 else { return .incomplete }
    for i in 0..<7 where bytes[start + i] != Text.version[i] { return .broken }
    guard let hundreds = digit(bytes[start + 9]), let tens = digit(bytes[start + 10]),
      let ones = digit(bytes[start + 11]),
      bytes[start + 8] == 0x20, hundreds >= 1
    else { return .broken }
    var head = ResponseHead()
    head.outcome.status = hundreds * 100 + tens * 10 + ones
    head.closes = bytes[start + 7] == UInt8(ascii: "0")
    var chunked = false

    var at = start + 12
    guard var line = nextLine(bytes, at) else { return tooLong(bytes, start) }
    at = line.next
    while true {
      guard let found = nextLine(bytes, at) else { return tooLong(bytes, start) }
      line = found
      if line.end == at { break }
      var colon = at
      while colon < line.end, bytes[colon] != 0x3A { colon += 1 }
      guard colon < line.end else { return .broken }
      var value = colon + 1
      var end = line.end
      while value < end, bytes[value] == 0x20 || bytes[value] == 0x09 { value += 1 }
      while end > value, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
      switch colon - at {
      case 10 where equal(bytes, at, Text.connection): if contains(bytes, value, end, Text.close) { head.closes = true }
      case 12 where equal(bytes, at, Text.time): head.outcome.eventTime = time(bytes, value, end)
      case 14 where equal(bytes, at, Text.length):
        guard let length = number(bytes, value, end) else { return .broken }
        head.body = length
      case 15 where equal(bytes, at, Text.verdict): head.outcome.verdict = verdict(bytes, value, end)
      case 17 where equal(bytes, at, Text.encoding): chunked = true
      default: break
      }
      at = line.next
    }
    head.length = line.next - start
    let status = head.outcome.status
    if toHead || status < 200 || status == 204 || status == 304 {
      head.body = 0
    } else if chunked {
      head.body = nil
    }
    if head.body == nil { head.closes = true }
    return .head(head)
  }

  private static func tooLong(_ bytes: Span<UInt8>, _ start: Int) -> Parsed {
    bytes.count - start > longest ? .broken : .incomplete
  }

  /// Where the line that starts at `at` ends, and where the next begins; nil where it has no end yet.
  private static func nextLine(_ bytes: Span<UInt8>, _ at: Int) -> (end: Int, next: Int)? {
    var i = at
    while i < bytes.count {
      if bytes[i] == 0x0A { return (i > at && bytes[i - 1] == 0x0D ? i - 1 : i, i + 1) }
      i += 1
    }
    return nil
  }

  /// Whether the bytes from `at` on are `name`, which is lower case, in either case.
  private static func equal(_ bytes: Span<UInt8>, _ at: Int, _ name: [UInt8]) -> Bool {
    guard at + name.count <= bytes.count else { return false }
    for i in 0..<name.count where bytes[at + i] | 0x20 != name[i] | 0x20 { return false }
    return true
  }

  private static func contains(_ bytes: Span<UInt8>, _ from: Int, _ to: Int, _ word: [UInt8]) -> Bool {
    var i = from
    while i + word.count <= to {
      if equal(bytes, i, word) { return true }
      i += 1
    }
    return false
  }

  private static func verdict(_ bytes: Span<UInt8>, _ from: Int, _ to: Int) -> Verdict? {
    for (verdict, name) in Text.verdicts where name.count == to - from && equal(bytes, from, name) { return verdict }
    return nil
  }

  /// `2026-11-23T17:00:00.123Z`, the one form that Tally writes; others go the slow way.
  private static func time(_ bytes: Span<UInt8>, _ from: Int, _ to: Int) -> Int64? {
    guard to - from == 24, bytes[from + 19] == UInt8(ascii: "."), bytes[to - 1] == UInt8(ascii: "Z"),
      bytes[from + 10] == UInt8(ascii: "T"),
      let year = number(bytes, from, from + 4), let month = number(bytes, from + 5, from + 7),
      let day = number(bytes, from + 8, from + 10), let hour = number(bytes, from + 11, from + 13),
      let minute = number(bytes, from + 14, from + 16), let second = number(bytes, from + 17, from + 19),
      let millis = number(bytes, from + 20, from + 23), 1...12 ~= month, 1...31 ~= day
    else {
      var text: [UInt8] = []
      for i in from..<to { text.append(bytes[i]) }
      return Timestamp.parse(String(decoding: text, as: UTF8.self))
    }
    let days = Timestamp.days(fromCivil: Int64(year), Int64(month), Int64(day))
    return (days * 86_400 + Int64(hour * 3600 + minute * 60 + second)) * 1000 + Int64(millis)
  }

  private static func number(_ bytes: Span<UInt8>, _ from: Int, _ to: Int) -> Int? {
    guard from < to, to - from <= 15 else { return nil }
    var value = 0
    for i in from..<to {
      guard let digit = digit(bytes[i]) else { return nil }
      value = value * 10 + digit
    }
    return value
  }

  private static func digit(_ byte: UInt8) -> Int? {
    0x30...0x39 ~= byte ? Int(byte - 0x30) : nil
  }

  private enum Text {
    static let version = Array("HTTP/1.".utf8)
    static let connection = Array("connection".utf8)
    static let close = Array("close".utf8)
    static let length = Array("content-length".utf8)
    static let encoding = Array("transfer-encoding".utf8)
    static let verdict = Array("x-tally-verdict".utf8)
    static let time = Array("x-tally-time".utf8)
    static let verdicts = Verdict.allCases.map { ($0, Array($0.name.utf8)) }
  }
}

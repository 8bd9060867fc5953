import Clicks
import Simulation
import Testing

@Suite struct ClickLineTests {
  private let reader = ClickLineReader()
  static let signature = String(repeating: "a1", count: 32)
  static let id = "0193a2b4-0000-7000-8000-0123456789ab"

  /// What was read, copied out of the reader's memory; or the fault.
  private func read(_ line: String, by reader: ClickLineReader? = nil) -> String {
    var line = line
    return line.withUTF8 { text in
      do throws(ClickLineFault) {
        let click = try unsafe (reader ?? self.reader).read(UnsafeRawBufferPointer(text))
        let ad = unsafe String(decoding: click.ad, as: UTF8.self)
        let kid = unsafe click.kid.map { unsafe String(decoding: $0, as: UTF8.self) } ?? "-"
        return "\(ad) \(click.impressionID) \(click.time) \(click.signature.map { "\($0)" } ?? "-") \(kid)"
      } catch { return "\(error)" }
    }
  }

  @Test func aLineIsRead() {
    let whole =
      #"{"adId":"42","impressionId":"\#(Self.id)","time":1763917200250,"signature":"\#(Self.signature)","kid":"k1"}"#
    #expect(read(whole) == "42 \(Self.id) 1763917200250 \(Self.signature) k1")
    let spaced = " {\t\"time\" : \"2025-11-23T17:00:00.25Z\" , \"impressionId\":\"\(Self.id)\", \"adId\":\"a.b\" } \r"
    #expect(read(spaced) == "a.b \(Self.id) 1763917200250 - -")
    let escaped = #"{"\u0061dId":"4\u0032","impressionId":"\#(Self.id)","time":1763917200,"signature":null,"kid":null}"#
    #expect(read(escaped) == "42 \(Self.id) 1763917200000 - -")
  }

  @Test(
    arguments: [
      ("1763917200", 1_763_917_200_000), ("1763917200.5", 1_763_917_200_500), ("1763917200.123999", 1_763_917_200_123),
      ("1763917200250.9", 1_763_917_200_250), ("1763917200250125", 1_763_917_200_250),
      ("1763917200250125999", 1_763_917_200_250), ("\"1763917200\"", 1_763_917_200_000),
      ("\"1763917200.25\"", 1_763_917_200_250), ("\"1763917200250\"", 1_763_917_200_250),
      ("\"2025-11-23T17:00:00Z\"", 1_763_917_200_000), ("\"2025-11-23t18:00:00.2509+01:00\"", 1_763_917_200_250),
      ("\"2025-11-23 17:00:00 UTC\"", 1_763_917_200_000), ("\"\\u00312025\"", nil), ("0", nil), ("-1", nil),
      ("-0.5", nil),
      ("20171107", nil), ("\"1970-01-01T00:00:00z\"", nil),
    ] as [(String, Int?)])
  func timesAreRead(_ text: String, _ time: Int?) {
    let found = read(#"{"adId":"1","impressionId":"\#(Self.id)","time":\#(text)}"#)
    if let time { #expect(found == "1 \(Self.id) \(time) - -") } else { #expect(found.hasPrefix("time ")) }
  }

  @Test(arguments: [
    "", "null", "[]", "{", "{}", "{\"adId\"}", "1 2", #"{"adId":"1"}"#, #"{"adId":"1",}"#,
    #"{"adId":1.5,"impressionId":"\#(id)","time":1763917200}"#,
    #"{"adId":-1,"impressionId":"\#(id)","time":1763917200}"#,
    #"{"adId":1e3,"impressionId":"\#(id)","time":1763917200}"#,
    #"{"adId":01,"impressionId":"\#(id)","time":1763917200}"#,
    #"{"adId":null,"impressionId":"\#(id)","time":1763917200}"#, #"{"adId":"1","impressionId":"","time":1763917200}"#,
    #"{"adId":"1","impressionId":null,"time":1763917200}"#, #"{"adId":"1","impressionId":7,"time":1763917200}"#,
    #"{"adId":"","impressionId":"\#(id)","time":1763917200}"#,
    #"{"adId":"a b","impressionId":"\#(id)","time":1763917200}"#,
    #"{"adId":"1","impressionId":"\#(id)x","time":1763917200}"#,
    #"{"adId":"1","impressionId":"\#(id)","time":1763917200}x"#,
    #"{"adId":"1","impressionId":"\#(id)","time":1763917200}{}"#,
    #"{"adId":"1","adId":"1","impressionId":"\#(id)","time":1763917200}"#,
    #"{"adId":"1","impressionId":"\#(id)","time":01}"#,
    #"{"adId":"1","impressionId":"\#(id)","time":1e9}"#, #"{"adId":"1","impressionId":"\#(id)","time":1.}"#,
    #"{"adId":"1","impressionId":"\#(id)","time":-}"#, #"{"adId":"1","impressionId":"\#(id)","time":true}"#,
    #"{"adId":"1","impressionId":"\#(id)","time":""}"#, #"{"adId":"1","impressionId":"\#(id)","time":"now"}"#,
    #"{"adId":"1","impressionId":"\#(id)","time":12345678901234567}"#,
    #"{"adId":"1","impressionId":"\#(id)","time":"2025-02-29T00:00:00Z"}"#,
    #"{"adId":"1","impressionId":"\#(id)","time":1763917200,"signature":"ab"}"#,
    #"{"adId":"1","impressionId":"\#(id)","time":1763917200,"signature":5}"#,
    #"{"adId":"\ud800","impressionId":"\#(id)","time":1763917200}"#,
    #"{"adId":"\x","impressionId":"\#(id)","time":1763917200}"#,
    "{\"adId\":\"1\u{1}\",\"impressionId\":\"\(id)\",\"time\":1}",
  ])
  func whatIsNoClickLineIsRefused(_ line: String) {
    #expect(!read(line).contains(" - "), "\(line)")
  }

  @Test func aFaultNamesItsField() {
    func field(_ line: String) -> String { String(read(line).prefix { $0 != " " }) }
    #expect(field(#"{"adId":[7]}"#) == "adId")
    #expect(field(#"{"adId":"1","impressionId":"\#(Self.id)"}"#) == "time")
    #expect(field(#"{"adId":"1","impressionId":"z"}"#) == "impressionId")
    #expect(field(#"{"signature":"z"}"#) == "signature")
    #expect(field(#"{"kid":"\#(String(repeating: "k", count: 65))"}"#) == "kid")
    #expect(field(#"{"other":01}"#) == "line")
    #expect(field("{\"adId\":\"" + String(repeating: " ", count: 70_000)) == "line")
  }

  @Test func otherMembersAreReadOverWhereTheReaderIsToldTo() {
    let lax = ClickLineReader(names: [.adID: "ad", .time: "ts"])
    let line =
      #"{"ua":"Mo\"z","n":[1,{"a":{}},true,false,null,-1.5e+3],"ad":"1","impressionId":"\#(Self.id)","ts":1763917200,"adId":0}"#
    #expect(read(line, by: lax) == "1 \(Self.id) 1763917200000 - -")
    #expect(lax.ignored == 3)
    let deep = String(repeating: "[", count: 15) + String(repeating: "]", count: 15)
    #expect(
      read(#"{"x":\#(deep),"ad":"1","impressionId":"\#(Self.id)","ts":1763917200}"#, by: lax)
        == "1 \(Self.id) 1763917200000 - -")
    for wrong in ["[\(deep)]", "[1,]", "{1:2}", "{\"a\" 1}", "tru", "[", "\"\u{1}\"", "01", "[1}"] {
      #expect(
        read(#"{"x":\#(wrong),"ad":"1","impressionId":"\#(Self.id)","ts":1}"#, by: lax).hasPrefix("line "), "\(wrong)")
    }
  }

  /// A number of any length is an id digit by digit, never by way of a float.
  @Test func idsMayBeNumbers() {
    for digits in ["0", "42", "18446744073709551616", "123456789012345678901234567890"] {
      let line = #"{"adId":\#(digits),"impressionId":"\#(Self.id)","time":1763917200}"#
      #expect(read(line) == "\(digits) \(Self.id) 1763917200000 - -")
    }
    let hex = String(repeating: "1234567890", count: 3) + "12"
    #expect(read(#"{"adId":"a","impressionId":\#(hex),"time":1763917200}"#).contains("12345678-9012"))
  }

  @Test func blankMembersThatMayBeAbsentAreAbsent() {
    let line = #"{"adId":"1","impressionId":"\#(Self.id)","time":1763917200,"signature":"","kid":""}"#
    #expect(read(line) == "1 \(Self.id) 1763917200000 - -")
  }

  @Test func membersAreFoundInsideMembers() {
    let nested = ClickLineReader(names: [.adID: "ad.id", .time: "at.event.ts"])
    for line in [
      #"{"ad":{"name":"x","id":"42"},"at":{"event":{"ts":1763917200}},"impressionId":"\#(Self.id)"}"#,
      #"{"ad.id":42,"at":{"ts":1,"event":{"id":1,"ts":1763917200}},"impressionId":"\#(Self.id)","id":7}"#,
      #"{"ad":{"id":42},"at.event.ts":"1763917200","impressionId":"\#(Self.id)","ad2":{"id":1}}"#,
    ] { #expect(read(line, by: nested) == "42 \(Self.id) 1763917200000 - -", "\(line)") }
    for (line, fault) in [
      (#"{"ad":{"name":"x"},"at":{"event":{"ts":1763917200}},"impressionId":"\#(Self.id)"}"#, "adId is missing"),
      (#"{"ad":42,"at":{"event":{"ts":1763917200}},"impressionId":"\#(Self.id)"}"#, "adId is missing"),
      (#"{"ad":{"id":1},"ad":{"id":2},"at.event.ts":1763917200,"impressionId":"\#(Self.id)"}"#, "adId is given twice"),
      (#"{"ad.id":1,"ad":{"id":1},"at.event.ts":1763917200,"impressionId":"\#(Self.id)"}"#, "adId is given twice"),
      (#"{"ad":{"id":1,"at.event.ts":1763917200,"impressionId":"\#(Self.id)"}"#, "line "),
    ] { #expect(read(line, by: nested).hasPrefix(fault), "\(line)") }
  }

  @Test func linesAreTakenByCondition() throws {
    let reader = ClickLineReader(conditions: [
      LineCondition(column: "click", value: "1"), LineCondition(column: "geo.cc", value: "d\"e"),
    ])
    func isLeftOut(_ members: String) -> Bool? {
      unsafe Array("{\(members)}".utf8).withUnsafeBytes { bytes in (try? unsafe reader.read(bytes))?.isLeftOut }
    }
    let rest = #""adId":"1","impressionId":"\#(Self.id)","time":1763917200"#
    #expect(isLeftOut(#""click":1,"geo":{"cc":"d\"e"},\#(rest)"#) == false)
    #expect(isLeftOut(#"\#(rest),"geo.cc":"d\u0022e","click":"1""#) == false)
    for left in [
      #""click":0"#, #""click":1"#, #""click":10,"geo":{"cc":"d\"e"}"#, #""click":"1 ","geo":{"cc":"d\"e"}"#,
    ] {
      // What else is wrong with such a line does not matter, as long as it is JSON.
      #expect(isLeftOut("\(left),\(rest)") == true, "\(left)")
      #expect(isLeftOut("\(left),\"time\":\"never\",\"adId\":[1]") == true, "\(left)")
      #expect(isLeftOut("\(left),\"adId\":tru") == nil, "\(left)")
    }
    #expect(isLeftOut(#""click":1,"geo":{"cc":"d\"e"},"adId":"1","impressionId":"\#(Self.id)","time":0"#) == nil)
  }

  /// However a stream is cut, its lines are the same.
  @Test func linesDoNotDependOnThePieces() throws {
    try Seeds.run(300) { seed in
      var chance = seed.generator
      let lines = (0..<Int.random(in: 0..<20, using: &chance)).map { _ in
        [UInt8](repeating: 0x61, count: [0, 1, 5, 39, 40, 41, 90].randomElement(using: &chance)!)
      }
      let hasEnd = Bool.random(using: &chance)
      let bytes = Array(lines.joined(separator: [0x0A])) + (hasEnd && !lines.isEmpty ? [0x0A] : [])
      var splitter = LineSplitter(limit: 40)
      var found: [Int] = []
      var position = 0
      while position < bytes.count {
        let end = min(bytes.count, position + Int.random(in: 1...60, using: &chance))
        unsafe bytes[position..<end].withUnsafeBytes {
          unsafe splitter.feed($0) { line, _ in found.append(line.count) }
        }
        position = end
      }
      unsafe splitter.finish { line, _ in found.append(line.count) }
      var expected = lines.map { min($0.count, 41) }
      // Nothing behind the last newline is no line.
      if !hasEnd, expected.last == 0 { expected.removeLast() }
      #expect(found == expected && splitter.lines == expected.count, "\(seed)")
    }
  }
}

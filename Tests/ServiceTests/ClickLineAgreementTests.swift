import Clicks
import JSON
import Service
import Simulation
import Testing

/// The fast reader of click lines against the strict reader of JSON: what one takes the other takes, as the same values.
@Suite struct ClickLineAgreementTests {
  private static let id = "0193a2b4-0000-7000-8000-0123456789ab"
  private static let good = [
    #"{"adId":"42","impressionId":"\#(id)","time":1763917200250}"#,
    #"{"adId":"a.b-c_D","impressionId":"0123456789abcdef0123456789ABCDEF","time":"2025-11-23T17:00:00.5+01:00","kid":"k1"}"#,
    #" { "time" : 1763917200.125 , "kid" : null , "adId" : "\u0034\u0032" , "impressionId" : "\#(id)" } "#,
    #"{"signature":"\#(String(repeating: "0f", count: 32))","impressionId":"\#(id)","adId":42,"time":"10/Oct/2025:13:55:36 -0700"}"#,
  ]
  private static let pieces = [
    "\"", "\\", "{", "}", "[", "]", ":", ",", "null", "true", "1", "-", ".", "e5", "0", "\\u0034", "\\ud83d\\ude00",
    "\\ud83d",
    "\\n", "\u{e9}", "\u{1F600}", " ", "\t", "\n", "adId", "time", "kid", "\"kid\":", ",\"x\":1",
  ]

  /// What the line says by the strict reader and the rules of the page; nil where it is no click line.
  private func reference(_ line: [UInt8]) -> [String]? {
    guard line.count <= ClickLineReader.maximumLine, case .object(let members)? = try? JSONReader.read(line) else {
      return nil
    }
    var values: [String: JSONValue] = [:]
    for member in members {
      values[member.name] = member.value
    }
    guard let ad = id(values["adId"]), AdID(ad) != nil, let text = id(values["impressionId"]),
      let impression = ImpressionID(text), let time = time(values["time"])
    else { return nil }
    var result = [ad, "\(impression)", "\(time)", "-", "-"]
    switch values["signature"] {
    case nil, .null: break
    case .string(""): break
    case .string(var text):
      let signature = text.withUTF8 { unsafe Signature(UnsafeRawBufferPointer($0)) }
      guard let signature else { return nil }
      result[3] = "\(signature)"
    default: return nil
    }
    switch values["kid"] {
    case nil, .null: break
    case .string(""): break
    case .string(let kid):
      guard AdID(kid) != nil else { return nil }
      result[4] = kid
    default: return nil
    }
    return result
  }

  private func id(_ value: JSONValue?) -> String? {
    switch value {
    case .string(let text): text
    case .number(let text): text.utf8.allSatisfy { 0x30...0x39 ~= $0 } ? text : nil
    default: nil
    }
  }

  private func time(_ value: JSONValue?) -> Int64? {
    switch value {
    case .string(var text), .number(var text):
      text.withUTF8 { bytes in try? unsafe TimeReader().read(UnsafeRawBufferPointer(bytes)) }
    default: nil
    }
  }

  private func fast(_ line: [UInt8], _ reader: ClickLineReader) -> [String]? {
    unsafe line.withUnsafeBytes { bytes in
      guard let click = try? unsafe reader.read(bytes) else { return nil }
      let kid = unsafe click.kid.map { unsafe String(decoding: $0, as: UTF8.self) } ?? "-"
      return [
        unsafe String(decoding: click.ad, as: UTF8.self), "\(click.impressionID)", "\(click.time)",
        click.signature.map { "\($0)" } ?? "-", kid,
      ]
    }
  }

  @Test func bothReadTheSame() throws {
    let reader = ClickLineReader()
    for line in Self.good { #expect(fast(Array(line.utf8), reader) != nil) }
    var taken = 0
    try Seeds.run(40) { seed in
      var chance = seed.generator
      for _ in 0..<1_000 {
        var line = Array(chance.pick(Self.good).utf8)
        for _ in 0..<Int.random(in: 0...3, using: &chance) {
          let at = Int.random(in: 0...line.count, using: &chance)
          switch chance.next() % 4 {
          case 0: line.insert(contentsOf: Array(chance.pick(Self.pieces).utf8), at: at)
          case 1: if at < line.count { line.remove(at: at) }
          case 2: if at < line.count { line[at] = UInt8.random(in: 0...255, using: &chance) }
          default:
            let end = min(line.count, at + Int.random(in: 0...12, using: &chance))
            line.insert(contentsOf: line[at..<end], at: Int.random(in: 0...line.count, using: &chance))
          }
        }
        let (one, other) = (fast(line, reader), reference(line))
        #expect(one == other, "\(seed): \(String(decoding: line, as: UTF8.self))")
        if one != nil { taken += 1 }
      }
    }
    // Enough of both kinds, or the test shows nothing.
    #expect(taken > 5_000)
  }
}

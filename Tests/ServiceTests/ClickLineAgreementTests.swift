import Clicks
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
    #"{"signature":"\#(String(repeating: "0f", count: 32))","impressionId":"\#(id)","adId":"x","time":-0.5}"#,
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
      guard ["adId", "impressionId", "time", "signature", "kid"].contains(member.name) else { return nil }
      values[member.name] = member.value
    }
    guard case .string(let ad)? = values["adId"], AdID(ad) != nil, case .string(let text)? = values["impressionId"],
      let impression = ImpressionID(text), let time = time(values["time"])
    else { return nil }
    var result = [ad, "\(impression)", "\(time)", "-", "-"]
    switch values["signature"] {
    case nil, .null: break
    case .string(var text):
      let signature = text.withUTF8 { unsafe Signature(UnsafeRawBufferPointer($0)) }
      guard let signature else { return nil }
      result[3] = "\(signature)"
    default: return nil
    }
    switch values["kid"] {
    case nil, .null: break
    case .string(let kid):
      guard AdID(kid) != nil else { return nil }
      result[4] = kid
    default: return nil
    }
    return result
  }

  private func time(_ value: JSONValue?) -> Int64? {
    switch value {
    case .string(let text): Timestamp.parse(text) ?? epoch(text)
    case .number(let text): epoch(text)
    default: nil
    }
  }

  /// Decimal numbers by the book, slowly.
  private func epoch(_ text: String) -> Int64? {
    let negative = text.hasPrefix("-")
    let parts = (negative ? text.dropFirst() : text[...]).split(separator: ".", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { 0x30...0x39 ~= $0 } }),
      parts[0].count <= 15, let whole = Int64(parts[0])
    else { return nil }
    let fraction = parts.count == 2 ? Int64((parts[1] + "000").prefix(3))! : 0
    let time = whole < 100_000_000_000 ? whole * 1000 + fraction : whole
    return negative ? -time : time
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

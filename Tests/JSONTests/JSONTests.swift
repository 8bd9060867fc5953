import JSON
import Simulation
import Testing

@Suite struct JSONTests {
  /// Random trees survive being written and read.
  @Test(arguments: Seeds.list(200))
  func jsonComesBack(_ seed: Seed) throws {
    var generator = seed.generator
    let value = Self.value(&generator, depth: 0)
    #expect(try JSONReader.read(value.encoded()) == value)
    // Any prefix of an object is no JSON.
    let text = JSONValue.object(["a": value]).encoded()
    let cut = generator.edge(in: 0...(text.count - 1))
    #expect(throws: JSONError.self) { try JSONReader.read(text[..<cut]) }
  }

  private static func value(_ generator: inout SeededGenerator, depth: Int) -> JSONValue {
    switch generator.next() % (depth < 6 ? 7 : 5) {
    case 0: return .null
    case 1: return .bool(generator.oneIn(2))
    case 2: return .number(generator.pick(["0", "-0", "1.50", "1E+9", "-12e-3", "12345678901234567890"]))
    case 3, 4:
      let scalars = (0..<generator.small(in: 0...20)).map { _ in
        Unicode.Scalar(generator.edge(in: 0...0x10FFFF) as UInt32) ?? "\u{FFFD}"
      }
      return .string(String(String.UnicodeScalarView(scalars)))
    case 5: return .array((0..<generator.small(in: 0...5)).map { _ in value(&generator, depth: depth + 1) })
    default:
      return .object((0..<generator.small(in: 0...5)).map { .init("\($0)\"\n", value(&generator, depth: depth + 1)) })
    }
  }

  @Test(arguments: [
    (#""\u00e9\ud83d\ude00\n\/""#, "é😀\n/"), (#""""#, ""), ("\"\u{7F}é\"", "\u{7F}é"), (" \"x\"\r\n", "x"),
  ])
  func escapesAreRead(_ text: String, _ string: String) throws {
    #expect(try JSONReader.read(Array(text.utf8)) == .string(string))
  }

  @Test(arguments: [
    ("", 0), (" ", 1), ("nul", 3), ("nulL", 3), ("01", 1), ("1.", 2), ("-", 1), ("+1", 0), (".5", 0), ("1e", 2),
    ("\"a", 2),
    ("\"\\x\"", 2), ("\"\\u12g4\"", 5), ("\"\t\"", 1), ("\"\\udc00\"", 3), ("\"\\ud800\\u0041\"", 3), ("[1 2]", 3),
    ("[1,]", 3),
    ("{\"a\" 1}", 5), ("{\"a\":1,\"\\u0061\":2}", 7), ("1 1", 2), ("{\"a\":1,}", 7),
    ("[[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]", 16),
  ])
  func faultsAreFoundWhereTheyAre(_ text: String, _ offset: Int) {
    do throws(JSONError) {
      let value = try JSONReader.read(Array(text.utf8))
      Issue.record("\(text) was read as \(value)")
    } catch { #expect(error.offset == offset, "\(text): \(error)") }
  }
}

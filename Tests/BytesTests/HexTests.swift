import Bytes
import Testing

@Suite struct HexTests {
  /// Eight digits at once are the same number as one after the other, and nothing else is one.
  @Test func eightDigitsAreReadAsOneByOne() {
    func check(_ text: [UInt8]) {
      let loaded = text.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      let expected = text.reduce(UInt32?(0)) { sum, digit in
        guard let sum, let value = Hex.value(of: digit) else { return nil }
        return sum << 4 | UInt32(value)
      }
      #expect(Hex.word(loaded) == expected, "\(text)")
    }
    check(Array("0123abCD".utf8))
    check(Array("89efEF67".utf8))
    for byte in UInt8.min...UInt8.max {
      check([UInt8](repeating: byte, count: 8))
      for place in 0..<8 {
        for neighbour in [UInt8(ascii: "0"), UInt8(ascii: "9"), UInt8(ascii: "f"), UInt8(ascii: "A")] {
          var text = [UInt8](repeating: neighbour, count: 8)
          text[place] = byte
          check(text)
        }
      }
    }
  }
}

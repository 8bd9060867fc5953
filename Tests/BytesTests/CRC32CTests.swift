import Bytes
import Simulation
import Testing

@Suite struct CRC32CTests {
  /// The sum bit by bit, as the polynomial says.
  private static func plain(_ bytes: ArraySlice<UInt8>, seed: UInt32) -> UInt32 {
    var sum = ~seed
    for byte in bytes {
      sum ^= UInt32(byte)
      for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0x82F6_3B78 : sum >> 1 }
    }
    return ~sum
  }

  /// The examples of RFC 3720, B.4.
  @Test func examplesOfTheStandard() {
    #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    #expect(CRC32C.checksum([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
    #expect(CRC32C.checksum((0..<32).map { UInt8($0) }) == 0x46DD_794E)
    #expect(CRC32C.checksum((0..<32).map { UInt8(31 - $0) }) == 0x113F_DB5C)
  }

  /// Short and long stretches, at any place and from any seed: long ones are read in several streams at a time.
  @Test func everyLengthIsWhatThePolynomialSays() {
    for seeded in Seeds.list(2) {
      var chance = seeded.generator
      let bytes = (0..<20_000).map { _ in UInt8.random(in: 0...255, using: &chance) }
      for length in Array(0...40) + [255, 1_360, 4_079, 4_080, 4_081, 4_096, 8_159, 8_160, 8_168, 12_245, 16_320] {
        let start = Int.random(in: 0...(bytes.count - length), using: &chance)
        let seed = UInt32.random(in: 0...UInt32.max, using: &chance)
        let part = bytes[start..<(start + length)]
        #expect(CRC32C.checksum(Array(part), seed: seed) == Self.plain(part, seed: seed), "\(seeded): \(length)")
        let cut = Int.random(in: 0...length, using: &chance)
        let first = CRC32C.checksum(Array(part.prefix(cut)), seed: seed)
        #expect(CRC32C.checksum(Array(part.dropFirst(cut)), seed: first) == Self.plain(part, seed: seed))
      }
    }
  }
}

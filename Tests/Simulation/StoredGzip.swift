// gzip (RFC 1952) without compression, byte by byte after the RFC: what tests hand to readers of gzip.

/// `bytes` as one gzip member of stored blocks.
package func storedGzip(_ bytes: [UInt8]) -> [UInt8] {
  var crc: UInt32 = .max
  for byte in bytes {
    crc ^= UInt32(byte)
    for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
  }
  crc = ~crc
  func little(_ value: UInt32, _ count: Int) -> [UInt8] { (0..<count).map { UInt8(value >> (8 * UInt32($0)) & 0xFF) } }
  var member: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF]
  var start = 0
  repeat {
    let end = min(start + 65_535, bytes.count)
    let count = UInt32(end - start)
    member += [end == bytes.count ? 1 : 0] + little(count, 2) + little(~count, 2) + bytes[start..<end]
    start = end
  } while start < bytes.count
  return member + little(crc, 4) + little(UInt32(bytes.count), 4)
}

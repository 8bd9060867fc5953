import CPlatform

/// CRC-32C (Castagnoli), the checksum of every Tally file: polynomial 0x1EDC6F41 reflected, initial value and final
/// exclusive-or all ones, as in iSCSI (RFC 3720, B.4). Detects every burst of up to 32 bits.
package enum CRC32C {
  /// The checksum of `bytes`, continuing from `seed`: 0 starts a new one, the result of an earlier call goes on where
  /// it ended, so that `checksum(b, seed: checksum(a)) == checksum(a + b)`.
  package static func checksum(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
    unsafe tally_crc32c(seed, bytes.baseAddress, bytes.count)
  }

  /// The checksum of an array's bytes.
  package static func checksum(_ bytes: [UInt8], seed: UInt32 = 0) -> UInt32 {
    unsafe bytes.withUnsafeBytes { unsafe checksum($0, seed: seed) }
  }

  /// The seed that binds a checksum to a place: the CRC of the eight little-endian bytes of `value`. The same bytes in
  /// another generation then fail.
  package static func seed(_ value: UInt64) -> UInt32 {
    unsafe withUnsafeBytes(of: value.littleEndian) { unsafe checksum($0) }
  }
}

import Bytes
import Clicks

// Where the next page begins, as opaque text. It holds the effective range, since `-24h` a minute later is another one,
// and is bound to the texts of the query it came from. 33 bytes and the name of a group as hex digits, integers big-endian:
//
//     ver  from      to        next      binding  group      crc
//     02   8 bytes   8 bytes   8 bytes   4        0 to 129   4        crc: CRC-32C of what stands before it
//
// A series of one ad has no group. Version 1 had ranges of whole buckets.
// It is no secret and no permission: who changes one gets an error, or a page of the query that he could ask for anyway.

/// The place in a series where the next page begins.
struct Cursor: Hashable {
  var from: Minute
  var to: Minute
  var next: Minute
  var binding: UInt32
  /// The group of a series over several ads in which the page begins.
  var group = ""

  private static let version: UInt8 = 2
  private static let count = 33
  private static let longestGroup = 129

  init(from: Minute, to: Minute, next: Minute, binding: UInt32, group: String = "") {
    self.group = group
    self.from = from
    self.to = to
    self.next = next
    self.binding = binding
  }

  /// Whether `text` is a cursor that an older version of the program gave.
  static func isOld(_ text: String) -> Bool {
    guard let bytes = checked(text) else { return false }
    return bytes[0] > 0 && bytes[0] < version
  }

  /// The bytes of a cursor of any version; nil where `text` is none.
  private static func checked(_ text: String) -> [UInt8]? {
    guard 2 * count...2 * (count + longestGroup) ~= text.utf8.count, let bytes = Hex.decode(text.utf8),
      CRC32C.checksum(Array(bytes.dropLast(4))) == UInt32(truncatingIfNeeded: integer(bytes.suffix(4)))
    else { return nil }
    return bytes
  }

  /// Nil where `text` is not one that `text` makes.
  init?(_ text: String) {
    guard let bytes = Self.checked(text), bytes[0] == Self.version else { return nil }
    let numbers = [1, 9, 17].map { Int64(bitPattern: Self.integer(bytes[$0..<($0 + 8)])) }
    let last = TimeText.end / 60_000
    guard numbers.allSatisfy({ 0...last ~= $0 }), numbers[0] <= numbers[2], numbers[2] <= numbers[1]
    else { return nil }
    from = Minute(index: numbers[0])
    to = Minute(index: numbers[1])
    next = Minute(index: numbers[2])
    binding = UInt32(truncatingIfNeeded: Self.integer(bytes[25..<29]))
    group = String(decoding: bytes[29...].dropLast(4), as: UTF8.self)
  }

  var text: String {
    var bytes = [Self.version]
    for minute in [from, to, next] { Self.append(UInt64(bitPattern: minute.index), 8, to: &bytes) }
    Self.append(UInt64(binding), 4, to: &bytes)
    bytes += group.utf8
    Self.append(UInt64(CRC32C.checksum(bytes)), 4, to: &bytes)
    return Hex.encode(bytes)
  }

  /// What the cursors of a query are bound to. An absent text differs from every present one.
  static func binding(
    subject: UInt64, from: String?, to: String?, fill: String, status: String, granularity: SeriesQuery.Granularity,
    zone: WallZone, metrics: String?
  ) -> UInt32 {
    var checksum = CRC32C.seed(subject)
    let zone = if case .fixed(let seconds) = zone { "\(seconds / 60)" } else { zone.name }
    for text in [from, to, fill, status, granularity.rawValue, zone] + (metrics.map { [$0] } ?? []) {
      // The length goes first, so that no two lists of texts spell the same bytes.
      let bytes = text.map { Array($0.utf8) }
      var part: [UInt8] = []
      append(UInt64(bitPattern: Int64(bytes?.count ?? -1)), 8, to: &part)
      checksum = CRC32C.checksum(part + (bytes ?? []), seed: checksum)
    }
    return checksum
  }

  private static func append(_ value: UInt64, _ count: Int, to bytes: inout [UInt8]) {
    for i in 0..<count { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * (count - 1 - i)))) }
  }

  private static func integer(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
}

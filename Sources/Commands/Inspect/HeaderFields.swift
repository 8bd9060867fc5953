import Bytes
import ClickLog
import Clicks
import Files
import Store

/// One field of a file's first page: where it stands, and what it means.
struct HeaderField {
  var offset: Int
  var name: String
  var value: String
  /// The number that `value` begins with; nil where it is text.
  var number: String?
}

/// The first page of any of our files, field by field, whether its checksum holds or not.
enum HeaderFields {
  /// The fields of a page of `magic`. The page is whole.
  static func read(_ page: [UInt8], _ magic: FileMagic) -> [HeaderField] {
    var fields = Fields(page)
    fields.add(0, "magic", magic.rawValue)
    fields.number(8, "format version", UInt32.self)
    fields.add(12, "checksum", checksum(page))
    fields.add(16, "store", Hex.encode(page[16..<32]))
    fields.number(32, magic == .manifest ? "manifest" : magic == .logSlot ? "slot" : "number", UInt64.self)
    fields.time(40, "created")
    fields.number(48, "block bytes", UInt32.self)
    fields.number(52, "flags", UInt32.self)
    switch magic {
    case .store:
      fields.number(56, "shards", UInt32.self)
      fields.number(60, "layout", UInt32.self)
      guard fields.load(8, UInt32.self) > 1 else { break }
      fields.number(64, "last opening", UInt64.self)
      fields.choice(72, "closed in good order", ["no", "yes"])
      fields.number(80, "routes known", UInt64.self)
      for shard in 0..<min(Int(fields.load(56, UInt32.self)), StoreIdentity.shardLimit) {
        let start = StoreIdentity.marksStart + shard * StoreIdentity.markBytes
        for (field, name) in ["opening", "position", "manifest record", "accepted in opening"].enumerated() {
          fields.number(start + field * 8, "shard \(shard): \(name)", UInt64.self)
        }
        fields.time(start + 32, "shard \(shard): accepted at")
        fields.number(start + 40, "shard \(shard): clicks found then", UInt64.self)
        fields.number(start + 48, "shard \(shard): clicks known then", UInt64.self)
      }
    case .manifest: break
    case .routes:
      fields.number(56, "shards", UInt32.self)
      fields.number(60, "intervals", UInt32.self)
    case .imports:
      fields.number(56, "imports", UInt32.self)
      fields.number(60, "bytes", UInt32.self)
    case .run:
      fields.number(56, "table", UInt32.self)
      fields.number(60, "bucket seconds", UInt32.self)
      fields.bucket(64, "first bucket", seconds: 60)
      fields.number(72, "buckets", UInt32.self)
      fields.choice(76, "kind", ["base", "patch"])
      fields.number(80, "sequence", UInt64.self)
      fields.number(88, "log position", UInt64.self)
      fields.number(96, "rows", UInt64.self)
      fields.number(104, "total", Int64.self)
      fields.number(112, "flags", UInt32.self)
    case .segment:
      fields.number(56, "first position", UInt64.self)
      fields.number(64, "end position", UInt64.self)
      for (at, name) in [
        (72, "least event time"), (80, "greatest event time"), (88, "least receive time"),
        (96, "greatest receive time"), (104, "least minting time"), (112, "greatest minting time"),
      ] { fields.time(at, name) }
      fields.number(120, "least running time", UInt64.self)
      fields.number(128, "greatest running time", UInt64.self)
      fields.number(136, "steps", UInt64.self)
      fields.number(144, "rows of sums", UInt64.self)
      fields.number(152, "clicks left out", UInt64.self)
      fields.number(160, "marked clicks", UInt64.self)
    case .dictionary:
      fields.number(56, "first code", UInt32.self)
      fields.number(60, "ads", UInt32.self)
    case .corrections:
      fields.number(56, "rows", UInt64.self)
      fields.number(64, "repeats", UInt64.self)
      fields.number(72, "change of minute rows", Int64.self)
      fields.number(80, "credits", Int64.self)
    case .logSlot:
      fields.number(56, "generation", UInt64.self)
      fields.number(64, "first position", UInt64.self)
      fields.number(72, "epoch", UInt32.self)
      fields.hex(76, "checksum of the frame before", UInt32.self)
      fields.number(80, "generation before", UInt64.self)
      fields.number(88, "slot bytes", UInt64.self)
    }
    return fields.list
  }

  private static func checksum(_ page: [UInt8]) -> String {
    var copy = page
    for i in 12..<16 { copy[i] = 0 }
    let due = CRC32C.checksum(copy)
    var reader = ByteReader(page[12...])
    let stored = reader.next(UInt32.self) ?? 0
    return Hex.encode(stored) + (stored == due ? " (holds)" : " (does not hold: \(Hex.encode(due)) is due)")
  }

  private struct Fields {
    let page: [UInt8]
    var list: [HeaderField] = []

    init(_ page: [UInt8]) { self.page = page }

    mutating func add(_ offset: Int, _ name: String, _ value: String) {
      list.append(HeaderField(offset: offset, name: name, value: value))
    }

    /// A number, and behind it what it means.
    mutating func add(_ offset: Int, _ name: String, _ number: some BinaryInteger, _ meaning: String = "") {
      let value = "\(number)" + (meaning.isEmpty ? "" : " (\(meaning))")
      list.append(HeaderField(offset: offset, name: name, value: value, number: "\(number)"))
    }

    mutating func number<T: FixedWidthInteger>(_ offset: Int, _ name: String, _ type: T.Type) {
      add(offset, name, load(offset, type))
    }

    mutating func hex<T: FixedWidthInteger & UnsignedInteger>(_ offset: Int, _ name: String, _ type: T.Type) {
      add(offset, name, Hex.encode(load(offset, type)))
    }

    mutating func time(_ offset: Int, _ name: String) {
      let time = load(offset, Int64.self)
      add(offset, name, time, TimeRange.shown.contains(time) ? Timestamp.format(time) : "")
    }

    /// A bucket of the width that stands at `seconds`.
    mutating func bucket(_ offset: Int, _ name: String, seconds: Int) {
      let bucket = load(offset, Int64.self)
      add(offset, name, bucket, TimeRange.bucket(bucket, seconds: load(seconds, UInt32.self)))
    }

    mutating func choice(_ offset: Int, _ name: String, _ words: [String]) {
      let number = load(offset, UInt32.self)
      add(offset, name, number, Int(number) < words.count ? words[Int(number)] : "")
    }

    func load<T: FixedWidthInteger>(_ offset: Int, _ type: T.Type) -> T {
      var reader = ByteReader(page[offset...])
      return reader.next(type) ?? 0
    }
  }
}

/// Times that have a calendar date of four digits; damaged fields hold others.
enum TimeRange {
  static let shown: ClosedRange<Int64> = 0...253_402_300_799_999
  static let minutes = shown.lowerBound / 60_000...shown.upperBound / 60_000

  /// RFC 3339, or the bare number.
  static func text(_ time: Int64) -> String { shown.contains(time) ? Timestamp.format(time) : "\(time)" }

  /// A minute as RFC 3339, or its bare number.
  static func minute(_ minute: Int64) -> String {
    minutes.contains(minute) ? "\(Minute(index: minute))" : "minute \(minute)"
  }

  /// The beginning of a bucket of `seconds`, as RFC 3339 without fractions, or its bare number.
  static func bucket(_ bucket: Int64, seconds: UInt32) -> String {
    let (time, overflow) = bucket.multipliedReportingOverflow(by: Int64(seconds) * 1000)
    return !overflow && shown.contains(time) ? Timestamp.format(time, fraction: false) : "bucket \(bucket)"
  }

  /// A day since 1970 as `2026-11-24`, or its bare number.
  static func day(_ day: Int64) -> String {
    let text = bucket(day, seconds: 86_400)
    return text.hasPrefix("bucket") ? "day \(day)" : String(text.prefix(10))
  }
}

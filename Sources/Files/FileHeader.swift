import Bytes

// The first 4 KiB of every Tally file but STORE's siblings SQLite, LOCK and token. See Formats/conventions.md.
//
//   0  8 bytes magic      8 u32 format version     12 u32 crc32c of the page with this field zero
//   16 16 bytes store id  32 u64 file number       40 i64 created, logical ms
//   48 u32 block bytes    52 u32 flags             56 … fields of the type, then zeros

/// Which file it is: eight characters at its start.
package enum FileMagic: String, CaseIterable, Sendable {
  case store = "TALLYSTO"
  case logSlot = "TALLYLOG"
  case manifest = "TALLYMAN"
  case segment = "TALLYSEG"
  case run = "TALLYRUN"
  case dictionary = "TALLYDIC"
  case routes = "TALLYHOT"
  case corrections = "TALLYCOR"
  case imports = "TALLYIMP"

  /// The versions of its format that this program reads. It writes the last one.
  package var versions: ClosedRange<UInt32> {
    switch self {
    case .segment: 1...3
    case .store: 1...2
    default: 1...1
    }
  }
}

/// The 128 bits that tell one store's files from another's.
package struct StoreID: Hashable, Sendable, CustomStringConvertible {
  package var high: UInt64
  package var low: UInt64

  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  package var description: String { Hex.encode(high) + Hex.encode(low) }
}

/// The common head of a file, as fields, and the page around it.
package struct FileHeader: Equatable, Sendable {
  package var magic: FileMagic
  package var version: UInt32
  package var store: StoreID
  package var number: UInt64
  package var created: Int64
  package var blockBytes: UInt32

  /// Bytes of the header page.
  package static let size = 4096
  /// Where a type's own fields begin.
  package static let typeFields = 56

  package init(
    magic: FileMagic, version: UInt32? = nil, store: StoreID, number: UInt64, created: Int64,
    blockBytes: UInt32 = 4096
  ) {
    self.magic = magic
    self.version = version ?? magic.versions.upperBound
    self.store = store
    self.number = number
    self.created = created
    self.blockBytes = blockBytes
  }

  /// The page: common fields, then whatever `fields` writes from byte 56 on, then the checksum over all of it.
  package func page(_ fields: (UnsafeMutableRawPointer) -> Void = { _ in }) -> [UInt8] {
    var page = [UInt8](repeating: 0, count: Self.size)
    page.replaceSubrange(0..<8, with: magic.rawValue.utf8)
    unsafe page.withUnsafeMutableBytes { raw in
      let base = raw.baseAddress!
      unsafe base.unsafeStoreLE(version, 8)
      unsafe base.unsafeStoreLE(store.high.byteSwapped, 16)
      unsafe base.unsafeStoreLE(store.low.byteSwapped, 24)
      unsafe base.unsafeStoreLE(number, 32)
      unsafe base.unsafeStoreLE(created, 40)
      unsafe base.unsafeStoreLE(blockBytes, 48)
      unsafe fields(base)
    }
    let checksum = CRC32C.checksum(page)
    unsafe page.withUnsafeMutableBytes { unsafe $0.baseAddress!.unsafeStoreLE(checksum, 12) }
    return page
  }

  /// Reads a page that must be a `magic` file's. `path` names the file in errors.
  package static func read(_ page: [UInt8], as magic: FileMagic, path: String) throws(FormatError) -> FileHeader {
    guard page.count >= size else {
      throw FormatError(file: path, offset: UInt64(page.count), reason: "the header page ends early")
    }
    guard page[..<8].elementsEqual(magic.rawValue.utf8) else {
      throw FormatError(
        file: path, offset: 0, reason: "no \(magic.rawValue) file: it starts with \(Hex.encode(page[..<8]))")
    }
    var copy = Array(page[..<size])
    let (version, stored, header) = unsafe copy.withUnsafeMutableBytes { raw in
      let base = raw.baseAddress!
      let version = unsafe UnsafeRawPointer(base).unsafeLoadLE(8, as: UInt32.self)
      let stored = unsafe UnsafeRawPointer(base).unsafeLoadLE(12, as: UInt32.self)
      unsafe base.unsafeStoreLE(UInt32(0), 12)
      let read = UnsafeRawPointer(base)
      let header = FileHeader(
        magic: magic, version: version,
        store: StoreID(
          high: unsafe read.unsafeLoadLE(16, as: UInt64.self).byteSwapped,
          low: unsafe read.unsafeLoadLE(24, as: UInt64.self).byteSwapped),
        number: unsafe read.unsafeLoadLE(32), created: unsafe read.unsafeLoadLE(40),
        blockBytes: unsafe read.unsafeLoadLE(48))
      return (version, stored, header)
    }
    guard stored == CRC32C.checksum(copy) else {
      throw FormatError(file: path, offset: 12, reason: "the header page's checksum does not hold")
    }
    guard magic.versions.contains(version) else {
      let (oldest, newest) = (magic.versions.lowerBound, magic.versions.upperBound)
      let known = oldest == newest ? "version \(newest)" : "versions \(oldest) to \(newest)"
      throw FormatError(
        file: path, offset: 8, reason: "format version \(version); this program reads \(known) of \(magic.rawValue)")
    }
    return header
  }
}

import Bytes
import Platform

// Every file that never changes (segment, run, dictionary) has one container around it. See Formats/sealed-file.md.
//
//   ┌ header page, 4,096 bytes: common head, the type's own fields
//   │ body: sections, each at a multiple of 8, zeros between them
//   │ footer
//   │   0  8 bytes "TALLYEND"
//   │   8  u64 file number            16 u64 where the footer starts
//   │   24 u32 blocks                 28 u32 sections
//   │   32 u32 block bytes            36 u32 checksum field of the header page
//   │   40 for each section: u32 kind, u32 zero, u64 offset in the file, u64 bytes
//   │   …  for each block of the body: u32 checksum
//   │   …  u64 where the footer starts, u32 zero, u32 checksum of the footer before this field
//   └
//
// The body is checked in blocks of `block bytes` (the last one is shorter), counted from the end of the header page. A
// block's checksum is seeded with file number and block number, so the right bytes in the wrong place fail. Checksums
// stand apart from what they check: a decoder sees contiguous bytes, and one digest over the footer answers for the whole
// file. The manifest keeps it, so an older or foreign file with valid checksums is refused as well.

/// What the manifest keeps of an immutable file.
package struct SealedReference: Hashable, Sendable {
  /// The file's number, which is in its name and in every checksum.
  package var number: UInt64
  /// Bytes of the whole file.
  package var bytes: UInt64
  /// 64 bits over the footer, and so over everything.
  package var digest: UInt64

  package init(number: UInt64, bytes: UInt64, digest: UInt64) {
    self.number = number
    self.bytes = bytes
    self.digest = digest
  }
}

/// A named part of an immutable file's body.
package struct SealedSection: Equatable, Sendable {
  /// What it holds; the numbers are the file type's.
  package var kind: UInt32
  /// Where it starts in the file.
  package var offset: UInt64
  /// Bytes it holds.
  package var bytes: Int

  package init(kind: UInt32, offset: UInt64, bytes: Int) {
    self.kind = kind
    self.offset = offset
    self.bytes = bytes
  }
}

/// The footer as fields.
package struct SealedFooter: Equatable, Sendable {
  package var number: UInt64
  /// Where it starts: the end of the body.
  package var offset: UInt64
  package var blockBytes: UInt32
  package var headerChecksum: UInt32
  package var sections: [SealedSection]
  package var checksums: [UInt32]

  package static let magic = "TALLYEND"
  /// Bytes before the list of sections.
  package static let headBytes = 40
  /// Bytes of a section's entry.
  package static let sectionBytes = 24
  /// The last bytes of the file, from which the footer is found.
  package static let trailerBytes = 16
  /// Sections at multiples of this.
  package static let alignment: UInt64 = 8
  /// Bytes a block may have; a multiple of 8.
  package static let blockSizes: ClosedRange<UInt32> = 512...(1 << 20)

  /// Bytes of a footer.
  static func size(sections: Int, blocks: Int) -> Int {
    headBytes + sectionBytes * sections + 4 * blocks + trailerBytes
  }

  /// Blocks of a body that ends at `end`.
  static func blocks(bodyEnd end: UInt64, blockBytes: UInt32) -> UInt64 {
    (end - UInt64(FileHeader.size) + UInt64(blockBytes) - 1) / UInt64(blockBytes)
  }

  /// The bytes that stand in the file.
  var bytes: [UInt8] {
    var writer = ByteWriter()
    writer.append(Self.magic.utf8)
    writer.append(number)
    writer.append(offset)
    writer.append(UInt32(checksums.count))
    writer.append(UInt32(sections.count))
    writer.append(blockBytes)
    writer.append(headerChecksum)
    for section in sections {
      writer.append(section.kind)
      writer.append(UInt32(0))
      writer.append(section.offset)
      writer.append(UInt64(section.bytes))
    }
    for checksum in checksums { writer.append(checksum) }
    writer.append(offset)
    writer.append(UInt32(0))
    writer.append(CRC32C.checksum(writer.bytes, seed: CRC32C.seed(number)))
    return writer.bytes
  }

  /// The bytes of the footer that begins with `head`; nil where no footer does. Asked before the whole is read, so that
  /// damaged numbers do not decide how much memory that takes.
  static func size(head: [UInt8]) -> UInt64? {
    guard head.count == headBytes, head[..<8].elementsEqual(magic.utf8) else { return nil }
    var reader = ByteReader(head[24...])
    let blocks = reader.next(UInt32.self)!
    let sections = reader.next(UInt32.self)!
    return UInt64(headBytes + trailerBytes) + UInt64(sections) * UInt64(sectionBytes) + UInt64(blocks) * 4
  }

  /// Reads a footer that starts at `offset` of file `number` of `total` bytes, or says why it is none.
  static func read(_ bytes: [UInt8], at offset: UInt64, total: UInt64, number: UInt64) -> Result<SealedFooter, Reason> {
    guard bytes.count >= headBytes + trailerBytes else { return .failure(Reason("the footer is too short")) }
    let stored = bytes.suffix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    let computed = unsafe bytes.withUnsafeBytes { raw in
      unsafe CRC32C.checksum(UnsafeRawBufferPointer(rebasing: raw.dropLast(4)), seed: CRC32C.seed(number))
    }
    guard stored == computed else { return .failure(Reason("the footer's checksum does not hold")) }
    guard size(head: Array(bytes[..<headBytes])) == UInt64(bytes.count), offset + UInt64(bytes.count) == total else {
      return .failure(Reason("the footer does not fit the file"))
    }
    var reader = ByteReader(bytes[8...])
    let ownNumber = reader.next(UInt64.self)!
    let ownOffset = reader.next(UInt64.self)!
    let blocks = reader.next(UInt32.self)!
    let sectionCount = reader.next(UInt32.self)!
    let blockBytes = reader.next(UInt32.self)!
    let headerChecksum = reader.next(UInt32.self)!
    guard ownNumber == number, ownOffset == offset, blockSizes.contains(blockBytes),
      UInt64(blocks) == Self.blocks(bodyEnd: offset, blockBytes: blockBytes)
    else { return .failure(Reason("the footer does not fit the file")) }
    var footer = SealedFooter(
      number: number, offset: offset, blockBytes: blockBytes, headerChecksum: headerChecksum, sections: [],
      checksums: [])
    var end = UInt64(FileHeader.size)
    for _ in 0..<sectionCount {
      let kind = reader.next(UInt32.self)!
      let zero = reader.next(UInt32.self)!
      let start = reader.next(UInt64.self)!
      let length = reader.next(UInt64.self)!
      guard zero == 0, start >= end, start % alignment == 0, start <= offset, length <= offset - start else {
        return .failure(Reason("section \(kind) lies outside the body"))
      }
      end = start + length
      footer.sections.append(SealedSection(kind: kind, offset: start, bytes: Int(length)))
    }
    let first = headBytes + sectionBytes * Int(sectionCount)
    unsafe bytes.withUnsafeBytes { raw in
      let base = unsafe raw.baseAddress! + first
      footer.checksums = (0..<Int(blocks)).map { unsafe base.unsafeLoadLE(4 * $0, as: UInt32.self) }
    }
    return .success(footer)
  }

  /// Why bytes are no footer.
  struct Reason: Error {
    var text: String
    init(_ text: String) { self.text = text }
  }

  /// The checksum that block `index` of file `number` must have.
  static func checksum(_ block: UnsafeRawBufferPointer, number: UInt64, index: Int) -> UInt32 {
    if sabotaged(.noBlockSeed) { return unsafe CRC32C.checksum(block) }
    let place = unsafe withUnsafeBytes(of: UInt64(index).littleEndian) { raw in
      unsafe CRC32C.checksum(raw, seed: CRC32C.seed(number))
    }
    return unsafe CRC32C.checksum(block, seed: place)
  }

  /// SipHash-1-3 over the footer's 64-bit words (the last one filled with zeros), each chained with the hash so far.
  static func digest(of footer: [UInt8]) -> UInt64 {
    let hash = SipHash(key: (0x7461_6c6c_792d_6669, 0x6c65_2d64_6967_6573))
    var digest = UInt64(footer.count)
    unsafe footer.withUnsafeBytes { raw in
      var at = 0
      while at < raw.count {
        var word: UInt64 = 0
        unsafe withUnsafeMutableBytes(of: &word) { target in
          unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: raw[at..<min(at + 8, raw.count)]))
        }
        digest = hash.hash(digest, UInt64(littleEndian: word), UInt64(at))
        at += 8
      }
    }
    return digest
  }
}

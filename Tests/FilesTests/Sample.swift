import Bytes
import Files
import Platform
import Simulation

/// A file's sections as the test knows them: what was written is what must be read.
struct Sample: Equatable, Sendable {
  static let store = StoreID(high: 0x0011_2233_4455_6677, low: 0x8899_aabb_ccdd_eeff)

  var number: UInt64 = 7
  var blockBytes: UInt32 = 512
  var magic = FileMagic.segment
  /// By section kind, which is the index.
  var sections: [[UInt8]]
  /// What stands in the header page's own fields.
  var field: UInt64 = 0x0123_4567_89AB_CDEF

  var header: FileHeader {
    FileHeader(magic: magic, store: Self.store, number: number, created: 1_750_000_000_000, blockBytes: blockBytes)
  }

  /// Sections of every awkward length around a block, in any order, of blocks of any size.
  init(_ chance: inout SeededGenerator, sections most: Int = 6) {
    let eighths = chance.oneIn(2) ? chance.small(in: 64...131_072) : chance.pick([64, 65, 512, 2048])
    blockBytes = UInt32(8 * eighths)
    number = chance.edge(in: 0...UInt64.max)
    field = chance.next()
    let block = Int(blockBytes)
    sections = []
    for _ in 0..<chance.small(in: 0...most) {
      let many = block * (2 + chance.small(in: 0...9)) + chance.small(in: 0...block)
      sections.append(chance.bytes(chance.pick([0, 1, 7, 8, block - 1, block, block + 1, min(many, 900_000)])))
    }
  }

  /// These sections in file 7.
  init(_ sections: [UInt8]..., number: UInt64 = 7) {
    self.sections = sections
    self.number = number
  }

  /// Writes the file; every section in pieces if `chance` is there.
  func write(
    _ files: any FileSystem, at path: String, temporary: String, chance: SeededGenerator? = nil
  ) throws(SystemError) -> SealedReference {
    var chance = chance
    var writer = try SealedFileWriter(files, path: path, temporary: temporary, header: header)
    for (kind, bytes) in sections.enumerated() {
      try writer.begin(section: UInt32(kind))
      var done = 0
      while done < bytes.count {
        let count = chance.map { _ in min(bytes.count - done, chance!.small(in: 1...400_000)) } ?? bytes.count
        try writer.append(Array(bytes[done..<(done + count)]))
        done += count
      }
      precondition(writer.sectionBytes == bytes.count)
      writer.end()
    }
    return unsafe try writer.finish { unsafe $0.unsafeStoreLE(field, FileHeader.typeFields) }
  }

  /// What differs between this sample and the file; nil where nothing does. Throws what reading throws.
  func difference(from file: SealedFile) throws -> String? {
    let own = ByteReader(file.page[FileHeader.typeFields...]).peek(UInt64.self)
    guard file.header == header, own == field else { return "header \(file.header), field \(own ?? 0)" }
    guard file.sections.map(\.bytes) == sections.map(\.count), file.sections.map(\.kind) == kinds else {
      return "sections \(file.sections)"
    }
    for (kind, bytes) in sections.enumerated() {
      let section = try file.section(UInt32(kind))
      guard section.offset % 8 == 0 else { return "section \(kind) at \(section.offset)" }
      if try unsafe file.withBytes(of: section, 0..<bytes.count, { unsafe !$0.elementsEqual(bytes) }) {
        return "bytes of section \(kind)"
      }
    }
    return nil
  }

  private var kinds: [UInt32] { sections.indices.map { UInt32($0) } }
}

extension ByteReader {
  /// The next integer, which stays.
  func peek<T: FixedWidthInteger>(_ type: T.Type) -> T? {
    var copy = self
    return copy.next(type)
  }
}

/// What an attempt to read a file came to.
enum Reading: Equatable {
  case whole
  case wrong(String)
  case damaged(FormatError)
  case refused(SystemError)

  /// Opens, reads every section, verifies; the first thing that is not right.
  init(
    _ sample: Sample, _ files: any FileSystem, _ path: String, reference: SealedReference? = nil,
    store: StoreID? = Sample.store, magic: FileMagic = .segment, access: SealedFile.Access
  ) throws {
    do {
      let file = try SealedFile.open(files, path, as: magic, store: store, reference: reference, access: access)
      if let difference = try sample.difference(from: file) {
        self = .wrong(difference)
        return
      }
      try file.verify()
      self = .whole
    } catch let error as FormatError {
      self = .damaged(error)
    } catch let error as SystemError {
      self = .refused(error)
    }
  }

  /// What is said of the damage.
  var reason: String? { if case .damaged(let error) = self { error.reason } else { nil } }
  var isDamaged: Bool { reason != nil }
  var isRefused: Bool { if case .refused = self { true } else { false } }
}

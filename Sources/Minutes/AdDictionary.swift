import Bytes
import Files
import Platform

/// Files of ad keys in the order of their codes: without them no segment and no run can be read, so they are primary data.
///
///   header page   56 u32 first code   60 u32 number of keys
///   section 0     u64 key of the first code, u64 key of the next one, …
///
/// A checkpoint writes the keys that are new since the last one; the files of a shard, one behind the other, give code 0, 1,
/// 2, … See Formats/dictionary.md.
package enum AdDictionary {
  /// The section of the keys.
  package static let keySection: UInt32 = 0
  private static let piece = 32_768

  /// Writes the keys of the codes from `firstCode` on as file `number` at `path`, born as `temporary`; `created` is
  /// logical ms. Returns what the manifest keeps of it. More codes than 32 bits have is a bug of the caller's and traps.
  package static func write(
    _ keys: ArraySlice<UInt64>, firstCode: UInt32, files: any FileSystem, path: String, temporary: String,
    store: StoreID, number: UInt64, created: Int64
  ) throws(SystemError) -> SealedReference {
    precondition(Int(firstCode) + keys.count <= AdCodes.limit, "more than 2^32 - 1 ads in a shard")
    let header = FileHeader(
      magic: .dictionary, store: store, number: number, created: created,
      blockBytes: SealedFileWriter.defaultBlockBytes)
    var writer = try SealedFileWriter(files, path: path, temporary: temporary, header: header)
    try writer.begin(section: keySection)
    var rest = keys
    while !rest.isEmpty {
      var bytes = ByteWriter()
      for key in rest.prefix(piece) { bytes.append(key) }
      try writer.append(bytes.bytes)
      rest = rest.dropFirst(piece)
    }
    writer.end()
    return unsafe try writer.finish { page in
      unsafe page.unsafeStoreLE(firstCode, FileHeader.typeFields)
      unsafe page.unsafeStoreLE(UInt32(keys.count), FileHeader.typeFields + 4)
    }
  }

  /// Writes an array's keys.
  package static func write(
    _ keys: [UInt64], firstCode: UInt32, files: any FileSystem, path: String, temporary: String, store: StoreID,
    number: UInt64, created: Int64
  ) throws(SystemError) -> SealedReference {
    try write(
      keys[...], firstCode: firstCode, files: files, path: path, temporary: temporary, store: store, number: number,
      created: created)
  }

  /// Reads the file at `path`, which must be the one that `reference` means and go on at the code `firstCode`, where they are
  /// given. Throws `FormatError` for a file that is damaged, another one, or has a key twice, and `SystemError` where the
  /// disk does not answer.
  package static func read(
    _ files: any FileSystem, _ path: String, store: StoreID? = nil, reference: SealedReference? = nil,
    firstCode: UInt32? = nil
  ) throws -> (firstCode: UInt32, keys: [UInt64]) {
    let file = try SealedFile.open(files, path, as: .dictionary, store: store, reference: reference, access: .read)
    var fields = ByteReader(file.page[FileHeader.typeFields...])
    let first = fields.next(UInt32.self)!
    let count = Int(fields.next(UInt32.self)!)
    guard firstCode == nil || firstCode == first else {
      throw FormatError(
        file: path, offset: UInt64(FileHeader.typeFields), reason: "it starts at code \(first), not \(firstCode!)")
    }
    guard Int(first) + count <= AdCodes.limit else {
      throw FormatError(
        file: path, offset: UInt64(FileHeader.typeFields), reason: "\(count) codes from \(first) on do not exist")
    }
    let section = try file.section(keySection)
    guard section.bytes == 8 * count else {
      throw FormatError(file: path, offset: section.offset, reason: "\(section.bytes) bytes are not \(count) keys")
    }
    let keys = try read(count, of: section, in: file)
    do throws(AdCodes.RepeatedKey) { _ = try AdCodes(checking: keys) } catch {
      throw FormatError(
        file: path, offset: section.offset + UInt64(8 * error.again),
        reason: "code \(Int(first) + error.again) has the key of code \(Int(first) + error.first)")
    }
    return (first, keys)
  }

  private static func read(_ count: Int, of section: SealedSection, in file: SealedFile) throws -> [UInt64] {
    var keys: [UInt64] = []
    keys.reserveCapacity(count)
    while keys.count < count {
      let some = min(piece, count - keys.count)
      let start = 8 * keys.count
      try unsafe file.withBytes(of: section, start..<(start + 8 * some)) { bytes in
        for i in 0..<some { unsafe keys.append(bytes.baseAddress!.unsafeLoadLE(8 * i)) }
      }
    }
    return keys
  }
}

import Bytes
import Files
import Platform

// DATA/IMPORTS (Formats/imports.md): the imports that were finished. Two identical copies stand in one file, which is replaced
// as a whole at the end of each import:
//
//     ┌─ copy ─────────────────┬─ the same again ───────┐
//     │ header │ imports, crc  │ header │ imports, crc  │        each copy a multiple of 4,096 bytes
//     └────────┴───────────────┴────────┴───────────────┘
//
// An import is written here once all of its clicks are durable, and before the shards forget how far they are with it: a crash
// between the two leaves progress that says "all of it", which the next call finds proven, and written here.

/// The bytes of `IMPORTS`.
package enum ImportsFile {
  /// Bytes of an import before its name, its sample and its positions.
  package static let fixedBytes = 88

  /// What was read.
  package struct Reading: Sendable {
    package var imports: FinishedImports
    /// What is wrong in one copy and was read from the other.
    package var repaired: [String] = []
  }

  // MARK: - Writing

  /// The whole file. `created` is the logical time, ms since 1970.
  package static func bytes(_ imports: FinishedImports, store: StoreID, created: Int64) -> [UInt8] {
    var body = ByteWriter()
    for one in imports.all { append(one, to: &body) }
    let size = body.bytes.count
    let header = unsafe FileHeader(magic: .imports, store: store, number: imports.version, created: created).page {
      base in
      unsafe base.unsafeStoreLE(UInt32(imports.all.count), FileHeader.typeFields)
      unsafe base.unsafeStoreLE(UInt32(size), FileHeader.typeFields + 4)
    }
    body.append([UInt8](repeating: 0, count: bodyBytes(size) - 4 - size))
    // Bound to the version: the body of another file under this header does not hold.
    body.append(CRC32C.checksum(body.bytes, seed: CRC32C.seed(imports.version)))
    let copy = header + body.bytes
    return copy + copy
  }

  private static func append(_ one: FinishedImport, to body: inout ByteWriter) {
    for key in [one.way, one.digest] {
      body.append(key.high.byteSwapped)
      body.append(key.low.byteSwapped)
    }
    for number in [one.bytes, one.lines, one.rejected] { body.append(number) }
    for time in [one.began, one.ended] { body.append(time) }
    let name = Array(one.name.utf8)
    body.append(one.layout)
    body.append(UInt16(name.count))
    body.append(UInt8(one.sample.count))
    body.append(UInt8(one.since.count))
    // To a multiple of eight, so that the numbers behind stand there too.
    body.append(UInt64(0))
    body.append(name)
    body.append([UInt8](repeating: 0, count: (8 - name.count % 8) % 8))
    for hash in one.sample { body.append(hash) }
    for position in one.since { body.append(position) }
  }

  private static func bodyBytes(_ count: Int) -> Int { AlignedBuffer.roundUp(count + 4) }

  /// Puts `imports` in the place of what the file says; durable when it returns.
  package static func write(
    _ imports: FinishedImports, _ files: any FileSystem, _ directory: String, store: StoreID, created: Int64
  ) throws(SystemError) {
    let path = "\(directory)/\(StoreFiles.imports)"
    try files.replace(path, with: bytes(imports, store: store, created: created), by: path + ".tmp", in: directory)
  }

  // MARK: - Reading

  /// Reads the file in `directory`; an empty list where there is none. Throws `FormatError` where neither copy holds.
  package static func read(_ files: any FileSystem, _ directory: String, store: StoreID) throws -> Reading {
    let path = "\(directory)/\(StoreFiles.imports)"
    guard files.exists(path) else { return Reading(imports: FinishedImports()) }
    return try read(try files.contents(path), path, store: store)
  }

  /// Reads the bytes of the file at `path`.
  package static func read(_ bytes: [UInt8], _ path: String, store: StoreID?) throws(FormatError) -> Reading {
    let half = bytes.count / 2
    var found: [FinishedImports] = []
    var faults: [FormatError] = []
    for start in [0, half] {
      do throws(FormatError) {
        found.append(try copy(Array(bytes[start..<(start + half)]), path, at: start, store: store))
      } catch { faults.append(error) }
    }
    guard let imports = found.first else { throw faults[0] }
    return Reading(imports: imports, repaired: faults.map(\.description))
  }

  private static func copy(
    _ bytes: [UInt8], _ path: String, at offset: Int, store: StoreID?
  ) throws(FormatError) -> FinishedImports {
    func fault(_ at: Int, _ reason: String) -> FormatError {
      FormatError(file: path, offset: UInt64(offset + at), reason: reason)
    }
    let header: FileHeader
    do throws(FormatError) { header = try FileHeader.read(bytes, as: .imports, path: path) } catch {
      throw FormatError(file: path, offset: error.offset + UInt64(offset), reason: error.reason)
    }
    if let store, header.store != store { throw fault(16, "the file belongs to store \(header.store), not \(store)") }
    var fields = ByteReader(bytes[FileHeader.typeFields..<FileHeader.size])
    let (count, size) = (Int(fields.next(UInt32.self)!), Int(fields.next(UInt32.self)!))
    guard count <= FinishedImports.limit, bytes.count == FileHeader.size + bodyBytes(size) else {
      throw fault(FileHeader.typeFields, "\(count) imports of \(size) bytes in a copy of \(bytes.count)")
    }
    let body = Array(bytes[FileHeader.size..<(bytes.count - 4)])
    var last = ByteReader(bytes[(bytes.count - 4)...])
    guard last.next(UInt32.self)! == CRC32C.checksum(body, seed: CRC32C.seed(header.number)) else {
      throw fault(FileHeader.size, "the checksum of the imports does not hold")
    }
    var reader = ByteReader(body[..<size])
    var all: [FinishedImport] = []
    for number in 0..<count {
      let at = FileHeader.size + size - reader.remaining
      guard let one = next(&reader) else { throw fault(at, "import \(number) ends early") }
      all.append(one)
    }
    guard reader.remaining == 0, body[size...].allSatisfy({ $0 == 0 }) else {
      throw fault(FileHeader.size + size - reader.remaining, "bytes behind the last import")
    }
    return FinishedImports(version: header.number, all: all)
  }

  private static func next(_ reader: inout ByteReader) -> FinishedImport? {
    guard reader.remaining >= fixedBytes else { return nil }
    var keys: [SourceKey] = []
    for _ in 0..<2 {
      guard let high: UInt64 = reader.next(), let low: UInt64 = reader.next() else { return nil }
      keys.append(SourceKey(high: high.byteSwapped, low: low.byteSwapped))
    }
    guard let bytes: UInt64 = reader.next(), let lines: UInt64 = reader.next(), let rejected: UInt64 = reader.next(),
      let began: Int64 = reader.next(), let ended: Int64 = reader.next(), let layout: UInt32 = reader.next(),
      let length: UInt16 = reader.next(), let samples: UInt8 = reader.next(), let shards: UInt8 = reader.next(),
      reader.next(UInt64.self) == 0, Int(length) <= FinishedImport.longestName,
      Int(samples) <= FinishedImport.sampleLimit, Int(shards) <= StoreIdentity.shardLimit,
      let name = reader.next(bytes: Int(length)), reader.next(bytes: (8 - Int(length) % 8) % 8) != nil
    else { return nil }
    func numbers(_ count: UInt8) -> [UInt64]? {
      var numbers: [UInt64] = []
      for _ in 0..<count {
        guard let number: UInt64 = reader.next() else { return nil }
        numbers.append(number)
      }
      return numbers
    }
    guard let sample = numbers(samples), let since = numbers(shards) else { return nil }
    return FinishedImport(
      way: keys[0], name: String(decoding: name, as: UTF8.self), bytes: bytes, lines: lines, digest: keys[1],
      rejected: rejected, began: began, ended: ended, layout: layout, since: since, sample: sample)
  }
}

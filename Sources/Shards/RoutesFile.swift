import Bytes
import Clicks
import Files
import Platform
import Store

// DATA/ROUTES (Formats/routes.md): the hot intervals of a store of several shards. Two identical copies stand in one file,
// which is replaced as a whole whenever an interval begins or ends:
//
//     ┌─ copy ───────────────────┬─ the same again ─────────┐
//     │ header │ intervals, crc  │ header │ intervals, crc  │        each copy a multiple of 4,096 bytes
//     └────────┴─────────────────┴────────┴─────────────────┘
//
// A crash leaves the old file or the new one, since the name changes hands only once the new one is synced; rot in one copy
// is mended from the other.

/// The bytes of `ROUTES`.
package enum RoutesFile {
  /// Bytes of an interval: ad key, start, end.
  package static let entryBytes = 24
  /// Most intervals of a store. One more is not begun: its ad stays in one shard.
  package static let limit = 65_536

  /// What was read.
  package struct Reading: Sendable {
    package var table: RouteTable
    /// What is wrong in one copy; the other was taken.
    package var repaired: [FormatError] = []
  }

  // MARK: - Writing

  /// The whole file. `created` is the logical time, ms since 1970.
  package static func bytes(_ table: RouteTable, store: StoreID, created: Int64) -> [UInt8] {
    let entries = table.hot.sorted { $0.key.rawValue < $1.key.rawValue }
    let count = entries.reduce(0) { $0 + $1.value.count }
    precondition(count <= limit)
    let header = unsafe FileHeader(magic: .routes, store: store, number: table.version, created: created).page { base in
      unsafe base.unsafeStoreLE(UInt32(table.shards), FileHeader.typeFields)
      unsafe base.unsafeStoreLE(UInt32(count), FileHeader.typeFields + 4)
    }
    var body = ByteWriter()
    for (ad, intervals) in entries {
      for interval in intervals {
        body.append(ad.rawValue)
        body.append(interval.start)
        body.append(interval.end)
      }
    }
    body.append([UInt8](repeating: 0, count: bodyBytes(count) - 4 - body.bytes.count))
    // Bound to the version: the body of another file under this header does not hold.
    body.append(CRC32C.checksum(body.bytes, seed: CRC32C.seed(table.version)))
    let copy = header + body.bytes
    return copy + copy
  }

  /// Intervals, zeros, and the checksum in the last four bytes.
  private static func bodyBytes(_ count: Int) -> Int { AlignedBuffer.roundUp(count * entryBytes + 4) }

  /// Puts `table` in the place of what `ROUTES` says; durable when it returns. An error before the new file has the name
  /// leaves the old one in force, and is thrown as `.kept`; after any other nobody knows which one a restart will find.
  package static func write(
    _ table: RouteTable, _ files: any FileSystem, _ directory: String, store: StoreID, created: Int64
  ) throws(Failure) {
    let path = "\(directory)/\(StoreFiles.routes)"
    let temporary = path + ".tmp"
    do throws(SystemError) {
      if files.exists(temporary) { try files.remove(temporary) }
      let file = try files.open(temporary, .create)
      try file.writeAll(bytes(table, store: store, created: created), at: 0)
      if !sabotaged(.routesNotSynced) { try file.synchronize() }
    } catch { throw .kept(error) }
    do throws(SystemError) {
      try files.rename(temporary, to: path)
      if !sabotaged(.routesNotSynced) { try files.synchronizeDirectory(directory) }
    } catch { throw .unknown(error) }
  }

  /// Why `ROUTES` could not be replaced.
  package enum Failure: Error {
    /// The old one is in force.
    case kept(SystemError)
    /// The new one may or may not be: nothing more may be counted until a restart has looked (K8).
    case unknown(SystemError)
  }

  // MARK: - Reading

  /// Reads `ROUTES` in `directory`; nil where there is none. Throws `FormatError` where neither copy holds.
  package static func read(
    _ files: any FileSystem, _ directory: String, store: StoreID, shards: Int
  ) throws -> Reading? {
    let path = "\(directory)/\(StoreFiles.routes)"
    guard files.exists(path) else { return nil }
    return try read(try files.contents(path), path, store: store, shards: shards)
  }

  /// Reads the bytes of the file at `path`.
  package static func read(
    _ bytes: [UInt8], _ path: String, store: StoreID?, shards: Int?
  ) throws(FormatError) -> Reading {
    // Each copy is read where half of the bytes says it is, so damage of one says nothing about the other.
    let half = bytes.count / 2
    var found: [(start: Int, table: RouteTable)] = []
    var faults: [FormatError] = []
    for start in [0, half] {
      do throws(FormatError) {
        found.append(
          (start, try copy(Array(bytes[start..<(start + half)]), path, at: start, store: store, shards: shards)))
      } catch { faults.append(error) }
    }
    // Both are written at once. Where they are not the same all the same, the older one is wrong.
    guard let newest = found.max(by: { $0.table.version < $1.table.version }) else { throw faults[0] }
    for other in found
    where !bytes[other.start..<(other.start + half)].elementsEqual(bytes[newest.start..<(newest.start + half)]) {
      faults.append(
        FormatError(
          file: path, offset: UInt64(other.start + 32),
          reason: "this copy has version \(other.table.version), the other one version \(newest.table.version)"))
    }
    return Reading(table: newest.table, repaired: faults)
  }

  private static func copy(
    _ bytes: [UInt8], _ path: String, at offset: Int, store: StoreID?, shards: Int?
  ) throws(FormatError) -> RouteTable {
    func fault(_ at: Int, _ reason: String) -> FormatError {
      FormatError(file: path, offset: UInt64(offset + at), reason: reason)
    }
    let header: FileHeader
    do throws(FormatError) { header = try FileHeader.read(bytes, as: .routes, path: path) } catch {
      throw FormatError(file: path, offset: error.offset + UInt64(offset), reason: error.reason)
    }
    if let store, header.store != store { throw fault(16, "the file belongs to store \(header.store), not \(store)") }
    var fields = ByteReader(bytes[FileHeader.typeFields..<FileHeader.size])
    let (parts, count) = (Int(fields.next(UInt32.self)!), Int(fields.next(UInt32.self)!))
    guard 1...StoreIdentity.shardLimit ~= parts, shards ?? parts == parts else {
      throw fault(FileHeader.typeFields, "\(parts) shards")
    }
    guard count <= limit, bytes.count == FileHeader.size + bodyBytes(count) else {
      throw fault(FileHeader.typeFields + 4, "\(count) intervals in a copy of \(bytes.count) bytes")
    }
    let body = Array(bytes[FileHeader.size..<(bytes.count - 4)])
    var last = ByteReader(bytes[(bytes.count - 4)...])
    guard last.next(UInt32.self)! == CRC32C.checksum(body, seed: CRC32C.seed(header.number)) else {
      throw fault(FileHeader.size, "the checksum of the intervals does not hold")
    }
    return RouteTable(shards: parts, version: header.number, hot: try intervals(body, count, fault))
  }

  private static func intervals(
    _ body: [UInt8], _ count: Int, _ fault: (Int, String) -> FormatError
  ) throws(FormatError) -> [AdKey: [HotInterval]] {
    var reader = ByteReader(body[...])
    var hot: [AdKey: [HotInterval]] = [:]
    var before: (ad: UInt64, end: Int64)?
    for number in 0..<count {
      let (ad, start, end) = (reader.next(UInt64.self)!, reader.next(Int64.self)!, reader.next(Int64.self)!)
      let isInOrder = before.map { $0.ad < ad || $0.ad == ad && $0.end < start } ?? true
      guard isInOrder, start < end else {
        throw fault(FileHeader.size + number * entryBytes, "interval \(number) is empty or out of order")
      }
      hot[AdKey(rawValue: ad), default: []].append(HotInterval(start: start, end: end))
      before = (ad, end)
    }
    guard body[(count * entryBytes)...].allSatisfy({ $0 == 0 }) else {
      throw fault(FileHeader.size + count * entryBytes, "bytes behind the last interval")
    }
    return hot
  }
}

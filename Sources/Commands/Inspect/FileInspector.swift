import Bytes
import ClickLog
import Clicks
import Files
import Platform
import Shards
import Store

// A file is known by its first eight bytes, not by its name. Its first page is shown field by field even where its
// checksum does not hold; the frames behind it as far as their chain goes. Where it stops, the same question as at the
// start of a server decides: was anything behind that place promised to be durable?

/// Prints one file with the meaning of its bytes.
struct FileInspector<Writer: InspectionWriter> {
  let files: any FileSystem
  let showsRecords: Bool
  /// Rows of an immutable file that are shown.
  let shownRows: Int
  var writer: Writer

  /// Prints the file at `path`; false where it is damaged. Throws `Failure` for a file that is none of ours.
  mutating func inspect(_ path: String) throws -> Bool {
    let file = try files.open(path, .read)
    let page = try file.bytes(at: 0, count: FileHeader.size)
    guard let magic = FileMagic.allCases.first(where: { page.starts(with: $0.rawValue.utf8) }) else {
      return try inspectUnknown(path, file, page)
    }
    writer.begin(path, Self.name(magic), bytes: try file.size())
    do {
      guard page.count == FileHeader.size else {
        throw FormatError(file: path, offset: UInt64(page.count), reason: "the header page ends early")
      }
      HeaderFields.read(page, magic).forEach { writer.field($0) }
      switch magic {
      case .store: _ = try StoreIdentity(page: try files.contents(path), path: path)
      case .logSlot: try inspectSlot(file)
      case .manifest: try inspectManifest(path)
      case .segment, .run, .dictionary, .corrections: try inspectSealed(path, magic)
      case .routes: try inspectRoutes(path)
      case .imports: try inspectImports(path)
      }
    } catch let error as FormatError {
      writer.damage(error)
      writer.finish()
      return false
    }
    writer.finish()
    return true
  }

  private static func name(_ magic: FileMagic) -> String {
    switch magic {
    case .store: "store identity"
    case .logSlot: "log slot"
    case .manifest: "manifest copy"
    case .segment: "raw segment"
    case .run: "minute run"
    case .dictionary: "ad dictionary"
    case .routes: "hot intervals"
    case .imports: "finished imports"
    case .corrections: "corrections"
    }
  }

  /// A slot that waits for its first use has no header; everything else is not ours.
  private mutating func inspectUnknown(_ path: String, _ file: any File, _ page: [UInt8]) throws -> Bool {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    if SlotHeader.number(of: name) != nil, !page.isEmpty, page.allSatisfy({ $0 == 0 }) {
      writer.begin(path, "log slot that was never used", bytes: try file.size())
      writer.finish()
      return true
    }
    let start = Hex.encode(page.prefix(8))
    let hint =
      page.starts(with: "SQLite format 3".utf8)
      ? "an SQLite database, which the catalog is; `sqlite3` reads it"
      : page.isEmpty ? "it is empty" : "it starts with \(start)"
    throw Failure(
      "\(path): not a STORE, ROUTES, MANIFEST, log slot, segment, run, dictionary or corrections file: \(hint)")
  }

  private mutating func inspectSlot(_ file: any File) throws {
    let reader = try LogReader(file)
    let header = reader.header
    let tail = try reader.walk { frame in
      var found = InspectedFrame(header: frame.header, checksum: frame.checksum, offset: frame.offset)
      var strings: CapturedStrings?
      do throws(AnnexFault) {
        let annex = try frame.items()
        found.changes = annex.progress.map(\.words)
        strings = annex.strings
        if let strings { found.changes.append("\(strings.bytes.count) bytes of captured strings") }
      } catch { found.changes = [error.description] }
      if showsRecords {
        for i in 0..<Int(frame.header.records) {
          found.clicks.append(
            InspectedClick(
              position: frame.positions.lowerBound + UInt64(i), offset: frame.recordOffset(i), click: frame.click(i),
              strings: strings.map { found in
                zip(found.set.columns, found.strings(at: i)).map {
                  (InspectedPart.name(of: $0), InspectedPart.text($1))
                }
              } ?? []))
        }
      }
      writer.frame(found)
    }
    let extent = LogExtent(
      generation: header.generation, slot: header.slot, firstPosition: header.firstPosition,
      previousGeneration: header.previousGeneration, durable: 0)
    _ = try reader.judge(tail, of: extent)
    writer.end(tail.offset, tail.reason)
  }

  private mutating func inspectRoutes(_ path: String) throws {
    let reading = try RoutesFile.read(try files.contents(path), path, store: nil, shards: nil)
    var offset = FileHeader.size
    for (ad, intervals) in reading.table.hot.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      for interval in intervals {
        writer.part(
          InspectedPart(
            offset, "interval",
            [
              ("ad key", "\(ad)"), ("from", TimeRange.text(interval.start)),
              ("to", interval.isOpen ? "open" : TimeRange.text(interval.end)),
            ]))
        offset += RoutesFile.entryBytes
      }
    }
    // The other copy is good enough for a server, not for who looks at the bytes.
    if let fault = reading.repaired.first {
      throw FormatError(file: path, offset: 0, reason: "one of the two copies is damaged: \(fault)")
    }
  }

  private mutating func inspectImports(_ path: String) throws {
    let reading = try ImportsFile.read(try files.contents(path), path, store: nil)
    for one in reading.imports.all {
      writer.part(
        InspectedPart(
          FileHeader.size, "import",
          [
            ("source", InspectedPart.text(Array(one.name.utf8))), ("bytes", "\(one.bytes)"), ("lines", "\(one.lines)"),
            ("rejected", "\(one.rejected)"), ("digest", Hex.encode(one.digest.high) + Hex.encode(one.digest.low)),
            ("began", TimeRange.text(one.began)), ("ended", TimeRange.text(one.ended)),
          ]))
    }
    if let fault = reading.repaired.first {
      throw FormatError(file: path, offset: 0, reason: "one of the two copies is damaged: \(fault)")
    }
  }

  private mutating func inspectManifest(_ path: String) throws {
    let walk = try ManifestWalk(files, path) { record, offset, changes in
      writer.frame(
        InspectedFrame(
          header: record.header, checksum: record.checksum, offset: offset, changes: changes.map { $0.words }))
    }
    guard !walk.hasMore else {
      throw FormatError(
        file: path, offset: UInt64(walk.offset), reason: "whole records follow, but here is \(walk.reason)")
    }
    guard walk.records > 0 else {
      throw FormatError(file: path, offset: UInt64(walk.offset), reason: "no snapshot: \(walk.reason)")
    }
    writer.end(walk.offset, walk.reason)
  }
}

/// One copy of a manifest from its first record to the last of its chain.
struct ManifestWalk {
  /// Where the chain ends, and why.
  private(set) var offset = FileHeader.size
  private(set) var reason = ""
  private(set) var records = 0
  /// Sequence number of the last record.
  private(set) var sequence: UInt64 = 0
  /// Whether a whole record stands behind the end: then the end is damage.
  private(set) var hasMore = false

  /// Walks the copy at `path`; `visit` gets each record, its offset and its changes.
  init(
    _ files: any FileSystem, _ path: String, number: UInt64? = nil, store: StoreID? = nil,
    _ visit: (ManifestRecord, Int, [ManifestChange]) throws -> Void = { _, _, _ in }
  ) throws {
    let copy = try ManifestCopyReader(files, path, number: number, store: store)
    var checksum: UInt32 = 0
    while true {
      switch try copy.record(at: offset, index: UInt32(records), previous: checksum) {
      case .failure(let fault):
        reason = fault.description
        hasMore = try copy.hasRecord(behind: offset)
        return
      case .success(let record):
        let changes: [ManifestChange]
        do throws(ManifestFault) { changes = try ManifestChange.read(record.payload) } catch {
          throw FormatError(file: path, offset: UInt64(offset), reason: error.description)
        }
        try visit(record, offset, changes)
        checksum = record.checksum
        offset += record.header.frameBytes
        sequence = record.header.firstPosition
        records += 1
      }
    }
  }
}

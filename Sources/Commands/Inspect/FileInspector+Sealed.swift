import Bytes
import Clicks
import Columns
import Corrections
import Files
import Minutes
import Runs
import Segments

// The files that never change: header page, footer and sections, which all of them have; then what the type puts into its
// sections. Of long lists the first entries are shown; --rows N shows rows.

/// The sections of a segment, as Formats/segment.md numbers them.
private enum SegmentPart: UInt32 {
  case columns = 1
  case positions, rows, fences, steps, stepFences, sums, sumFences, filters, early

  var name: String {
    switch self {
    case .columns: "columns"
    case .positions: "positions by event time"
    case .rows: "rows"
    case .fences: "fences"
    case .steps: "steps"
    case .stepFences: "step fences"
    case .sums: "sums"
    case .sumFences: "sum fences"
    case .filters: "filters of ids"
    case .early: "early rows"
    }
  }
}

extension SealedFile {
  fileprivate func section(_ part: SegmentPart) throws(FormatError) -> SealedSection { try section(part.rawValue) }
}

extension FileInspector {
  /// Entries of a long list that are shown.
  static var shownEntries: Int { 8 }
  /// Blocks that are taken apart.
  private static var shownBlocks: Int { 2 }

  mutating func inspectSealed(_ path: String, _ magic: FileMagic) throws {
    let file = try SealedFile.open(files, path, as: magic, access: .read)
    let footer = file.footer
    writer.part(
      InspectedPart(
        footer.offset, "footer",
        [
          ("sections", "\(footer.sections.count)"), ("blocks", "\(footer.checksums.count)"),
          ("of bytes", "\(footer.blockBytes)"), ("digest", Hex.encode(file.reference.digest)),
        ]))
    for section in file.sections {
      let name = Self.name(section.kind, magic)
      writer.part(InspectedPart(section.offset, "section \(section.kind), \(name)", [("bytes", "\(section.bytes)")]))
    }
    switch magic {
    case .run: try inspectRun(path)
    case .segment: try inspectSegment(path)
    case .dictionary: try inspectDictionary(path, file)
    case .corrections: try inspectCorrections(path)
    case .store, .logSlot, .manifest, .routes, .imports: break
    }
    writer.end(
      Int(footer.offset),
      "\(footer.checksums.count) \(footer.checksums.count == 1 ? "block holds" : "blocks hold"), and the contents fit together"
    )
  }

  private static func name(_ kind: UInt32, _ magic: FileMagic) -> String {
    let names: [UInt32: String]
    switch magic {
    case .run:
      names = [
        1: "rows", 2: "fence of ads with few rows", 3: "fence of ads with many rows", 4: "totals", 5: "heaviest",
      ]
    case .segment: return SegmentPart(rawValue: kind)?.name ?? "unknown"
    case .dictionary: names = [0: "keys"]
    case .corrections: names = [1: "runs", 2: "rows", 3: "repeats"]
    case .store, .logSlot, .manifest, .routes, .imports: names = [:]
    }
    return names[kind] ?? "unknown"
  }

  mutating func more(_ offset: UInt64, _ count: Int, _ what: String) {
    if count > Self.shownEntries {
      writer.part(InspectedPart(offset, "and \(count - Self.shownEntries) more \(what)"))
    }
  }

  // MARK: - Runs

  private mutating func inspectRun(_ path: String) throws {
    let run = try Run.open(files, path, access: .read)
    let rows = try run.file.section(1)
    for (kind, name) in [(UInt32(2), "few"), (3, "many")] {
      let section = try run.file.section(kind)
      var reader = ByteReader(try run.file.bytes(of: section))
      let count = section.bytes / 40
      for index in 0..<min(count, Self.shownEntries) {
        let (firstCode, lastCode, firstBucket, rowCount): (UInt32, UInt32, UInt32, UInt32) = (
          reader.next()!, reader.next()!, reader.next()!, reader.next()!
        )
        let offset: UInt64 = reader.next()!
        let (bytes, versionBytes, lastBucket, _): (UInt32, UInt32, UInt32, UInt32) = (
          reader.next()!, reader.next()!, reader.next()!, reader.next()!
        )
        func bucket(_ offset: UInt32) -> String { text(run.descriptor.firstBucket + Int64(offset), run.descriptor) }
        writer.part(
          InspectedPart(
            section.offset + UInt64(index * 40), "block \(index) of ads with \(name) rows",
            [
              ("from ad code", "\(firstCode)"), ("from bucket", bucket(firstBucket)), ("to ad code", "\(lastCode)"),
              ("to bucket", bucket(lastBucket)), ("rows", "\(rowCount)"), ("at", "\(rows.offset + offset)"),
              ("bytes", "\(bytes)"), ("bytes of versions", "\(versionBytes)"),
            ]))
        guard index < Self.shownBlocks else { continue }
        let block = try run.file.bytes(of: rows, Int(offset)..<Int(offset) + Int(bytes))
        writer.part(
          InspectedPart(rows.offset + offset, "its rows", try words(block, path, rows.offset + offset)))
      }
      more(section.offset, count, "blocks")
    }
    try inspectHeaviest(run)
    var left = shownRows
    let offset = rows.offset
    if left > 0 {
      var cursor = try MergeCursor([run])
      try cursor.advance()
      while let row = cursor.row, left > 0 {
        writer.part(
          InspectedPart(
            offset, "row",
            [
              ("ad code", "\(row.code)"), ("bucket", text(row.bucket, run.descriptor)), ("value", "\(row.value)"),
            ] + (run.descriptor.hasVersions ? [("version", "\(row.version)")] : [])))
        left -= 1
        try cursor.advance()
      }
    }
    try run.verify()
  }

  private func text(_ bucket: Int64, _ descriptor: RunDescriptor) -> String {
    TimeRange.bucket(bucket, seconds: descriptor.bucketSeconds)
  }

  private func words(_ block: [UInt8], _ path: String, _ offset: UInt64) throws -> [(name: String, value: String)] {
    do throws(ColumnFault) { return try RowBlockWords.read(block) } catch {
      throw FormatError(file: path, offset: offset, reason: "a block of rows: \(error)")
    }
  }

  private mutating func inspectHeaviest(_ run: Run) throws {
    let section = try run.file.section(5)
    let heaviest = try run.heaviest()
    for (index, ad) in heaviest.prefix(Self.shownEntries).enumerated() {
      writer.part(
        InspectedPart(
          section.offset + UInt64(index * 16), "heavy ad", [("ad code", "\(ad.code)"), ("sum", "\(ad.sum)")]))
    }
    more(section.offset, heaviest.count, "heavy ads")
  }

  // MARK: - Segments

  private mutating func inspectSegment(_ path: String) throws {
    let segment = try Segment.open(files, path, access: .read)
    let file = segment.file
    try inspectColumns(segment)
    let rows = try file.section(.rows)
    let fences = try file.section(.fences)
    let pages = fences.bytes / 12
    let list = try file.bytes(of: fences)
    var start = rows.offset
    for page in 0..<min(pages, Self.shownEntries) {
      var (high, size) = (ByteReader(list[(8 * page)...]), ByteReader(list[(8 * pages + 4 * page)...]))
      let bytes = size.next(UInt32.self)!
      writer.part(
        InspectedPart(
          fences.offset + UInt64(8 * page), "page \(page)",
          [
            ("from impression", Hex.encode(high.next(UInt64.self)!) + "…"), ("at", "\(start)"), ("bytes", "\(bytes)"),
          ]))
      start += UInt64(bytes)
    }
    more(fences.offset, pages, "pages")
    try inspectSteps(segment)
    try inspectSums(segment)
    inspectFilters(segment)
    var left = shownRows
    let cursor = segment.cursor([.all, .strings])
    while left > 0, try cursor.nextPage() {
      for index in cursor.range.prefix(left) {
        let row = cursor.row(index)
        let strings = zip(segment.summary.captured, cursor.rows.strings).map { column, strings in
          (InspectedPart.name(of: column), InspectedPart.text(strings[index]))
        }
        writer.part(
          InspectedPart(
            rows.offset, "row",
            [
              ("impression", "\(row.impression)"), ("ad code", "\(row.code)"),
              ("event", TimeRange.text(row.eventTime)), ("position", "\(row.position)"), ("source", "\(row.source)"),
            ] + (row.isRepeat ? [("marked", "a repeat")] : []) + strings))
      }
      left -= min(left, cursor.range.count)
    }
    try segment.verify()
  }

  private mutating func inspectColumns(_ segment: Segment) throws {
    let names: [UInt16: String] = [
      1: "impression, high half", 2: "impression, low half", 3: "ad code", 4: "event time", 5: "position", 6: "source",
      7: "marks", 16: "user agent", 17: "referrer",
    ]
    let encodings: [UInt16: String] = [1: "sorted", 2: "words", 3: "bins", 4: "strings", 5: "marks"]
    let section = try segment.file.section(.columns)
    let sizes = try segment.columnBytes()
    let clicks = Double(segment.summary.rows)
    var reader = ByteReader(try segment.file.bytes(of: section))
    let count = Int(reader.next(UInt16.self) ?? 0)
    for place in 0..<count {
      let offset = section.offset + UInt64(section.bytes - reader.remaining)
      guard let id = reader.next(UInt16.self), let encoding = reader.next(UInt16.self),
        let size = reader.next(UInt32.self), reader.next(bytes: Int(size)) != nil, place < sizes.count
      else { throw FormatError(file: segment.file.path, offset: offset, reason: "the list of columns ends early") }
      writer.part(
        InspectedPart(
          offset, "column \(id), \(names[id] ?? "unknown")",
          [
            ("encoding", encodings[encoding] ?? "\(encoding)"), ("bytes of models", "\(size)"),
            ("bytes in all pages", "\(sizes[place])"), ("bits a click", tenths(8 * Double(sizes[place]) / clicks)),
          ]))
    }
    if let heads = sizes.last {
      writer.part(InspectedPart(section.offset, "heads of pages", [("bytes", "\(heads)")]))
    }
  }

  private func tenths(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }

  private mutating func inspectSteps(_ segment: Segment) throws {
    let section = try segment.file.section(.stepFences)
    var reader = ByteReader(try segment.file.bytes(of: section))
    let count = section.bytes / 32
    for index in 0..<min(count, Self.shownEntries) {
      let (position, receiveTime, runningTime, start): (UInt64, Int64, UInt64, UInt64) = (
        reader.next()!, reader.next()!, reader.next()!, reader.next()!
      )
      writer.part(
        InspectedPart(
          section.offset + UInt64(index * 32), "steps \(index)",
          [
            ("from position", "\(position)"), ("received", TimeRange.text(receiveTime)),
            ("running", "\(runningTime) ms"), ("at", "\(try segment.file.section(.steps).offset + start)"),
          ]))
    }
    more(section.offset, count, "blocks of steps")
  }

  private mutating func inspectSums(_ segment: Segment) throws {
    let sums = try segment.file.section(.sums)
    let section = try segment.file.section(.sumFences)
    var reader = ByteReader(try segment.file.bytes(of: section))
    var entries: [(code: UInt32, rows: UInt32, minute: Int64, start: UInt64)] = []
    while reader.remaining >= 24 {
      entries.append((reader.next()!, reader.next()!, reader.next()!, reader.next()!))
    }
    for (index, entry) in entries.prefix(Self.shownEntries).enumerated() {
      writer.part(
        InspectedPart(
          section.offset + UInt64(index * 24), "sums \(index)",
          [
            ("from ad code", "\(entry.code)"), ("minute", TimeRange.minute(entry.minute)), ("rows", "\(entry.rows)"),
            ("at", "\(sums.offset + entry.start)"),
          ]))
      guard index < Self.shownBlocks else { continue }
      // The fences were checked when the segment was opened.
      let end = index + 1 < entries.count ? Int(entries[index + 1].start) : sums.bytes
      let block = try segment.file.bytes(of: sums, Int(entry.start)..<end)
      writer.part(InspectedPart(sums.offset + entry.start, "its rows", (try? RowBlockWords.read(block)) ?? []))
    }
    more(section.offset, entries.count, "blocks of sums")
  }

  // MARK: - Dictionaries

  private mutating func inspectDictionary(_ path: String, _ file: SealedFile) throws {
    let section = try file.section(AdDictionary.keySection)
    let (first, keys) = try AdDictionary.read(files, path)
    for (index, key) in keys.prefix(shownRows).enumerated() {
      writer.part(
        InspectedPart(
          section.offset + UInt64(8 * index), "ad",
          [("code", "\(Int(first) + index)"), ("key", "\(AdKey(rawValue: key))")]))
    }
    try file.verify()
  }
}

import Catalog
import Clicks

// Many ads at once. The rows go in chunks of `importChunk`, each one transaction, so that neither memory nor the log of
// the database grows with the file. Text that is not CSV is found by a first pass that stores nothing; of NDJSON each line
// stands for itself.

extension API {
  /// Rows of one transaction. Not more than a report spells out, so that its rows can be counted by code.
  static let importChunk = ImportReport.maximumFaults

  /// The longest line of NDJSON, bytes.
  static let maximumLine = 65_536

  func importAds(_ request: APIRequest, _ grant: Grant) throws(Problem) -> APIResponse {
    _ = try request.values()
    var report = ImportAnswer()
    switch request.mediaType {
    case "text/csv":
      do throws(CSVError) { try Self.eachCSVRow(request.body) { _ in } } catch { throw Self.malformed(error) }
      var failure: Problem?
      do throws(CSVError) {
        var chunk: [AdRow] = []
        try Self.eachCSVRow(request.body) { row in
          chunk.append(row)
          if chunk.count == Self.importChunk { flush(&chunk, grant, &report, &failure) }
        }
        flush(&chunk, grant, &report, &failure)
      } catch { throw Self.malformed(error) }
      if let failure { throw Self.partly(failure, report) }
    case "application/x-ndjson":
      var failure: Problem?
      var chunk: [AdRow] = []
      Self.eachLine(request.body) { line, number in
        guard let row = Self.row(line, number: number) else { return }
        chunk.append(row)
        if chunk.count == Self.importChunk { flush(&chunk, grant, &report, &failure) }
      }
      flush(&chunk, grant, &report, &failure)
      if let failure { throw Self.partly(failure, report) }
    default: throw .unsupportedMediaType(["text/csv", "application/x-ndjson"])
    }
    return .json(200, report.json)
  }

  /// Stores the rows of a chunk and empties it. After a failure nothing more is stored.
  private func flush(
    _ chunk: inout [AdRow], _ grant: Grant, _ answer: inout ImportAnswer, _ failure: inout Problem?
  ) {
    defer { chunk.removeAll(keepingCapacity: true) }
    guard failure == nil, !chunk.isEmpty else { return }
    do throws(Problem) {
      let report = try inCatalog { () throws(CatalogError) in
        try catalog.importAds(try within(grant, chunk), hasCounts: hasCounts)
      }
      answer.add(report)
      if !report.changed.isEmpty { changed(.ads(report.changed)) }
    } catch { failure = error }
  }

  /// The rows with a fault on each one that is not the token's advertiser's.
  private func within(_ grant: Grant, _ rows: [AdRow]) throws(CatalogError) -> [AdRow] {
    guard let advertiser = grant.advertiserID else { return rows }
    var rows = rows
    for index in rows.indices {
      let fields = rows[index].fields
      if let named = fields.advertiserID, named != advertiser {
        rows[index].faults.append(FieldFault("advertiserId", "is not the one that the token is bound to"))
      } else if let id = fields.adID.flatMap({ AdID($0) }),
        let old = try catalog.ad(id, includingDeleted: true), old.advertiserID != advertiser
      {
        rows[index].faults.append(FieldFault("adId", "is not one of the token's advertiser"))
      }
    }
    return rows
  }

  private static func malformed(_ error: CSVError) -> Problem {
    .malformedBody("the CSV cannot be read, nothing was stored: \(error)")
  }

  /// The catalog failed on the way: what it has stored before stays.
  private static func partly(_ failure: Problem, _ report: ImportAnswer) -> Problem {
    var failure = failure
    failure.detail += "; \(report.stored) rows had been stored before, and the import can be repeated as it is"
    return failure
  }

  // MARK: - Reading

  /// Calls `body` with each row of a CSV file.
  private static func eachCSVRow(_ bytes: [UInt8], _ body: (AdRow) -> Void) throws(CSVError) {
    var reader = AdCSVReader()
    var rows: [AdRow] = []
    let span = bytes.span
    for start in stride(from: 0, to: bytes.count, by: 65_536) {
      let chunk = span.extracting(start..<min(start + 65_536, bytes.count))
      try reader.feed(chunk, into: &rows)
      rows.forEach(body)
      rows.removeAll(keepingCapacity: true)
    }
    try reader.finish(into: &rows)
    rows.forEach(body)
  }

  /// Calls `body` with each line and its number, from 1; the newline is no part of it.
  private static func eachLine(_ bytes: [UInt8], _ body: (ArraySlice<UInt8>, Int) -> Void) {
    var start = 0
    var number = 1
    while start < bytes.count {
      let end = bytes[start...].firstIndex(of: 0x0A) ?? bytes.count
      body(bytes[start..<end], number)
      start = end + 1
      number += 1
    }
  }

  /// The row on one line of NDJSON; nil for a blank one.
  static func row(_ line: ArraySlice<UInt8>, number: Int) -> AdRow? {
    func faulty(_ detail: String) -> AdRow {
      AdRow(line: number, fields: AdFields(), faults: [FieldFault("line", detail)])
    }
    guard line.count <= maximumLine else { return faulty("is longer than \(maximumLine) bytes") }
    if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { return nil }
    do throws(JSONError) {
      guard case .object(let members) = try JSONReader.read(line) else { return faulty("is not a JSON object") }
      // Faults of values are found again where the row is stored; here only those of the form matter.
      let (fields, faults) = AdDocument.read(members)
      return AdRow(line: number, fields: fields, faults: faults)
    } catch { return faulty("is not JSON as it is accepted here: \(error)") }
  }
}

/// What an import did, over all its chunks.
struct ImportAnswer {
  private var report = ImportReport()
  private var rejected: [(code: RowFault.Code, rows: Int)] = []

  /// Rows that were stored.
  var stored: Int { report.created + report.updated }

  /// Adds a chunk whose rejected rows are all spelled out.
  mutating func add(_ chunk: ImportReport) {
    precondition(chunk.rejected == chunk.faults.count)
    report.add(chunk)
    for fault in chunk.faults {
      if let index = rejected.firstIndex(where: { $0.code == fault.code }) {
        rejected[index].rows += 1
      } else {
        rejected.append((fault.code, 1))
      }
    }
  }

  var json: JSONValue {
    let counts = rejected.map { JSONValue.Member($0.code.rawValue, .integer($0.rows)) }
    let rows = report.faults.map { row -> JSONValue in
      .object([
        "line": .integer(row.line), "code": .string(row.code.rawValue),
        "detail": .string(row.faults.map(\.description).joined(separator: "; ")),
        "errors": .array(
          row.faults.map { .object(["parameter": .string($0.field), "detail": .string($0.detail)]) }),
      ])
    }
    return .object([
      "created": .integer(report.created), "updated": .integer(report.updated), "rejectedCount": .object(counts),
      "rejected": .array(rows),
    ])
  }
}

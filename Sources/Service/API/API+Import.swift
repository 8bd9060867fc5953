import Catalog
import Clicks
import JSON

// Many ads at once: what a row is, and how rows are stored. `AdImport` brings them here in chunks, each one transaction, so
// that neither memory nor the log of the database grows with the file.

extension API {
  /// The longest text of an import when it is unpacked, bytes.
  static let importLimit = 64 << 20

  /// The longest line of NDJSON, bytes.
  static let maximumLine = 65_536

  /// An import of the request's body, which has yet to do its first step.
  func importAds(_ request: APIRequest, _ grant: Grant) throws(Problem) -> AdImport {
    _ = try request.values()
    let type = request.mediaType ?? ""
    let isCSV = RecordType.csv.contains(type)
    guard isCSV || RecordType.ndjson.contains(type) else {
      throw .unsupportedMediaType(["text/csv", "application/x-ndjson"])
    }
    let text = try Self.text(of: request, limit: Self.importLimit)
    return AdImport(self, grant, requestID: request.requestID, body: text, isCSV: isCSV)
  }

  /// Stores rows in one transaction.
  func store(_ rows: [AdRow], _ grant: Grant) throws(Problem) -> ImportReport {
    let report = try inCatalog { () throws(CatalogError) in
      try catalog.importAds(try within(grant, rows), replacesDamaged: replacesDamaged(grant), hasCounts: hasCounts)
    }
    repaired(report.changed)
    return report
  }

  /// The rows with a fault on each one that is not the token's advertiser's.
  private func within(_ grant: Grant, _ rows: [AdRow]) throws(CatalogError) -> [AdRow] {
    guard let advertiser = grant.advertiserID else { return rows }
    var rows = rows
    for index in rows.indices {
      let fields = rows[index].fields
      if let named = fields.advertiserID, named != advertiser {
        rows[index].faults.append(FieldFault("advertiserId", "is not the one that the token is bound to"))
      } else if let id = fields.adID.flatMap({ AdID($0) }) {
        do throws(CatalogError) {
          guard let old = try catalog.ad(id, includingDeleted: true), old.advertiserID != advertiser else { continue }
          rows[index].faults.append(FieldFault("adId", "is not one of the token's advertiser"))
        } catch {
          // The import itself tells of it.
          guard case .damagedRow = error else { throw error }
        }
      }
    }
    return rows
  }

  /// The row on one line of NDJSON; nil for a blank one.
  static func row(_ line: ArraySlice<UInt8>, number: Int) -> AdRow? {
    func faulty(_ detail: String) -> AdRow {
      AdRow(line: number, fields: AdFields(), faults: [FieldFault("line", detail)])
    }
    guard line.count <= maximumLine else { return faulty("is longer than \(maximumLine) bytes") }
    if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { return nil }
    do throws(JSONError) {
      guard case .object(let members) = try JSONReader.read(line) else {
        return faulty(
          line.first == UInt8(ascii: "[")
            ? "is a JSON array; each line must be one JSON object" : "is not a JSON object")
      }
      // Faults of values are found again where the row is stored; here only those of the form matter.
      let (fields, faults) = AdDocument.read(members)
      return AdRow(line: number, fields: fields, faults: faults)
    } catch { return faulty("is not JSON as it is accepted here: \(error)") }
  }
}

/// What an import did, over all its chunks.
struct ImportAnswer {
  private var report = ImportReport()

  /// Rows that were stored.
  var stored: Int { report.created + report.updated }

  /// Adds what one chunk came to.
  mutating func add(_ chunk: ImportReport) { report.add(chunk) }

  var json: JSONValue {
    let counts = report.rejectedCounts.map { JSONValue.Member($0.code.rawValue, .integer($0.rows)) }
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

import Clicks

/// One row of an import, from whatever format it was read.
package struct AdRow: Hashable, Sendable {
  /// The line of the file that it begins on, from 1.
  package var line: Int
  package var fields: AdFields
  /// What the reader found wrong already; such a row is reported and not stored.
  package var faults: [FieldFault]

  package init(line: Int, fields: AdFields, faults: [FieldFault] = []) {
    self.line = line
    self.fields = fields
    self.faults = faults
  }
}

/// Why one row was not stored.
package struct RowFault: Hashable, Sendable {
  package var line: Int
  package var code: Code
  /// Field by field.
  package var faults: [FieldFault]

  /// The kinds of faults, named as in answers.
  package enum Code: String, Sendable {
    case invalid
    case keyCollision = "key-collision"
    case advertiserFixed = "advertiser-fixed"
    /// The ad's row in the catalog is damaged.
    case damaged = "row-damaged"
  }
}

/// What an import did.
package struct ImportReport: Sendable {
  package private(set) var created = 0
  package private(set) var updated = 0
  /// How many rows were rejected for which reason.
  package private(set) var rejectedCounts: [(code: RowFault.Code, rows: Int)] = []
  /// The first `maximumFaults` rows that were rejected.
  package private(set) var faults: [RowFault] = []
  /// The keys of the ads that were stored, in the order of the rows: caches must drop them.
  package private(set) var changed: [AdKey] = []

  /// How many rejected rows are spelled out.
  package static let maximumFaults = 1000

  package init() {}

  /// Rows that were rejected.
  package var rejected: Int { rejectedCounts.reduce(0) { $0 + $1.rows } }

  mutating func count(_ outcome: PutOutcome) {
    switch outcome {
    case .created: created += 1
    case .updated: updated += 1
    }
  }

  /// Notes the ads that were stored, and the rows that were not, both in the order of the rows.
  mutating func end(_ changed: [AdKey], _ faults: [RowFault]) {
    self.changed = changed
    for fault in faults { reject(fault.code, 1) }
    self.faults = Array(faults.prefix(Self.maximumFaults))
  }

  private mutating func reject(_ code: RowFault.Code, _ rows: Int) {
    if let index = rejectedCounts.firstIndex(where: { $0.code == code }) {
      rejectedCounts[index].rows += rows
    } else {
      rejectedCounts.append((code, rows))
    }
  }

  /// The two as one, where an import takes several transactions.
  package mutating func add(_ other: ImportReport) {
    created += other.created
    updated += other.updated
    for (code, rows) in other.rejectedCounts { reject(code, rows) }
    faults += other.faults.prefix(max(0, Self.maximumFaults - faults.count))
    changed += other.changed
  }
}

extension Catalog {
  /// Rows from which on an import takes memory to hold the pages that it changes: without, a table of millions of ads is read and
  /// written again and again.
  private static let largeImport = 10_000

  /// Stores every good row, all of them in one transaction, and reports each bad one by its line. Of two rows with one
  /// id the later wins. `hasCounts` is asked only where an advertiser would change. An ad whose row is damaged is put anew
  /// where `replacesDamaged` says so.
  ///
  /// The table is in the order of the ads' keys, which are hashes. So the rows are stored in that order, and each page of the table
  /// is met once, however many there are.
  ///
  /// Throws where the catalog itself fails; then nothing of `rows` is stored.
  package func importAds(
    _ rows: some Sequence<AdRow>, replacesDamaged: Bool = false, hasCounts: (AdKey) -> Bool
  ) throws(CatalogError) -> ImportReport {
    var good: [(key: Int64, index: Int, line: Int, draft: AdDraft)] = []
    var faults: [RowFault] = []
    for row in rows {
      guard row.faults.isEmpty else {
        faults.append(RowFault(line: row.line, code: .invalid, faults: row.faults))
        continue
      }
      do throws(CatalogError) {
        let draft = try AdDraft(row.fields)
        good.append((Int64(bitPattern: AdKey(draft.id, by: hasher).rawValue), good.count, row.line, draft))
      } catch {
        guard let fault = RowFault(row.line, error) else { throw error }
        faults.append(fault)
      }
    }
    good.sort { ($0.key, $0.index) < ($1.key, $1.index) }
    if good.count >= Self.largeImport { try database.setCache(.large) }
    defer { if good.count >= Self.largeImport { try? database.setCache(.usual) } }
    return try database.transaction(doing: "importing ads") { () throws(CatalogError) in
      var report = ImportReport()
      var changed = [AdKey?](repeating: nil, count: good.count)
      var refused: [RowFault] = []
      for row in good {
        do throws(CatalogError) {
          let (ad, outcome) = try putInTransaction(row.draft, replacesDamaged: replacesDamaged, hasCounts: hasCounts)
          report.count(outcome)
          changed[row.index] = ad.key
        } catch {
          guard let fault = RowFault(row.line, error) else { throw error }
          refused.append(fault)
        }
      }
      report.end(changed.compactMap { $0 }, (faults + refused).sorted { $0.line < $1.line })
      return report
    }
  }
}

extension RowFault {
  /// What keeps one row from being stored; nil where the catalog itself has failed.
  fileprivate init?(_ line: Int, _ error: CatalogError) {
    switch error {
    case .invalid(let faults): self.init(line: line, code: .invalid, faults: faults)
    case .keyCollision:
      self.init(line: line, code: .keyCollision, faults: [FieldFault("adId", error.description)])
    case .advertiserFixed:
      self.init(line: line, code: .advertiserFixed, faults: [FieldFault("advertiserId", error.description)])
    case .damagedRow:
      self.init(line: line, code: .damaged, faults: [FieldFault("adId", error.description)])
    default: return nil
    }
  }
}

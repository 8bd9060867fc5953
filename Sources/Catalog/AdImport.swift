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
  package private(set) var rejected = 0
  /// The first `maximumFaults` rows that were rejected.
  package private(set) var faults: [RowFault] = []
  /// The keys of the ads that were stored, in the order of the rows: caches must drop them.
  package private(set) var changed: [AdKey] = []

  /// How many rejected rows are spelled out.
  package static let maximumFaults = 1000

  package init() {}

  mutating func count(_ ad: Ad, _ outcome: PutOutcome) {
    switch outcome {
    case .created: created += 1
    case .updated: updated += 1
    }
    changed.append(ad.key)
  }

  mutating func reject(_ line: Int, _ code: RowFault.Code, _ list: [FieldFault]) {
    rejected += 1
    if faults.count < Self.maximumFaults { faults.append(RowFault(line: line, code: code, faults: list)) }
  }

  /// The two as one, where an import takes several transactions.
  package mutating func add(_ other: ImportReport) {
    created += other.created
    updated += other.updated
    rejected += other.rejected
    faults += other.faults.prefix(max(0, Self.maximumFaults - faults.count))
    changed += other.changed
  }
}

extension Catalog {
  /// Stores every good row, all of them in one transaction, and reports each bad one by its line. Of two rows with one
  /// id the later wins. `hasCounts` is asked only where an advertiser would change. An ad whose row is damaged is put anew
  /// where `replacesDamaged` says so.
  ///
  /// Throws where the catalog itself fails; then nothing of `rows` is stored.
  package func importAds(
    _ rows: some Sequence<AdRow>, replacesDamaged: Bool = false, hasCounts: (AdKey) -> Bool
  ) throws(CatalogError) -> ImportReport {
    try database.transaction(doing: "importing ads") { () throws(CatalogError) in
      var report = ImportReport()
      for row in rows {
        guard row.faults.isEmpty else {
          report.reject(row.line, .invalid, row.faults)
          continue
        }
        do throws(CatalogError) {
          let (ad, outcome) = try putInTransaction(
            try AdDraft(row.fields), replacesDamaged: replacesDamaged, hasCounts: hasCounts)
          report.count(ad, outcome)
        } catch {
          switch error {
          case .invalid(let faults):
            report.reject(row.line, .invalid, faults)
          case .keyCollision:
            report.reject(row.line, .keyCollision, [FieldFault("adId", error.description)])
          case .advertiserFixed:
            report.reject(row.line, .advertiserFixed, [FieldFault("advertiserId", error.description)])
          case .damagedRow:
            report.reject(row.line, .damaged, [FieldFault("adId", error.description)])
          default: throw error
          }
        }
      }
      return report
    }
  }
}

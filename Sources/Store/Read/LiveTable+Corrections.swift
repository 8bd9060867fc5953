import Clicks
import Corrections

extension LiveTable {
  /// What recounts changed in the ad's rows whose buckets begin in `from ..< to`, the oldest change first.
  /// Throws `FormatError` where a file is damaged, `SystemError` where the disk does not answer.
  package func corrections(of ad: AdKey, from: Minute, to: Minute) throws -> [Correction] {
    let (_, code, version) = taken(of: ad, from: from, to: from)
    guard let code else { return [] }
    var found: [Correction] = []
    for file in version.corrections {
      try file.forEachRow(of: code) { row in
        let minute = row.bucket * Int64(row.bucketSeconds / 60)
        if from.index <= minute, minute < to.index { found.append(row) }
      }
    }
    return found.sorted {
      ($0.run.number, $0.bucket, $0.bucketSeconds, $0.reason.rawValue)
        < ($1.run.number, $1.bucket, $1.bucketSeconds, $1.reason.rawValue)
    }
  }
}

extension LiveTable {
  /// Ads that are looked up in each file; of more, files are read from end to end.
  private static let fewAds = 256

  /// Calls `body` with every correction of the rows of `ads` whose buckets begin in `from ..< to`, in no order, and with which of the
  /// ads it is of. Throws as `corrections(of:from:to:)` does, and what `body` throws.
  package func forEachCorrection(
    of ads: [AdKey], from: Minute, to: Minute, _ body: (_ ad: Int, Correction) throws -> Void
  ) throws {
    var indices: [UInt32: Int] = [:]
    for (index, code) in codes(of: ads).enumerated() { if let code { indices[code] = index } }
    guard !indices.isEmpty else { return }
    func visit(_ row: Correction) throws {
      let minute = row.bucket * Int64(row.bucketSeconds / 60)
      guard from.index <= minute, minute < to.index, let index = indices[row.code] else { return }
      try body(index, row)
    }
    for file in version.corrections {
      if indices.count <= Self.fewAds {
        for code in indices.keys.sorted() { try file.forEachRow(of: code, visit) }
      } else {
        try file.forEachRow(visit)
      }
    }
  }
}

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

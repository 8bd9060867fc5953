import Clicks
import Runs

// Whether sealed months are what was sealed, for checks that change nothing.

extension Version {
  /// What is wrong with the sealed months of `state`, in words; none where each is as it was sealed. `key`: the ad of a
  /// code. Throws `FormatError` where a file is damaged.
  package func sealFaults(
    _ state: ManifestState, key: @escaping (UInt32) -> AdKey?
  ) throws -> [String] {
    var faults: [String] = []
    for seal in state.seals {
      var found: [String] = []
      do {
        let now = try self.seal(seal.month, at: seal.time, state, key: key)
        if now.days != seal.days {
          found.append("\(seal.month) was sealed with \(seal.clicks) clicks and has \(now.clicks), or others, by day")
        }
        let isKept = state.minutesFrom <= seal.month.minutes.lowerBound
        if isKept, seal.minutes != MonthSeal.noMinutes, now.minutes != seal.minutes {
          found.append("\(seal.month) was sealed with \(seal.rows) minute rows and has \(now.rows), or others")
        }
      } catch let error as UnevenRows {
        found.append("\(seal.month), which is sealed: \(error.reason)")
      }
      faults += found.map { "\($0); \(SealCheck.remedy(seal.month))" }
    }
    let sealed = SealedMonths(state.seals)
    for file in corrections {
      try file.forEachRow { row in
        let minute = row.bucket * Int64(row.bucketSeconds) / 60
        if row.isCredit, !sealed.contains(minute: minute) {
          faults.append("ad code \(row.code) has a credit in minute \(minute), whose month is not sealed")
        }
        // A recount puts back what was damaged, and only what was sealed.
        guard !row.isCredit, row.reason != .damage, sealed.contains(minute: minute),
          let seal = state.seal(of: Month(containing: Minute(index: minute))), row.run.time > seal.time
        else { return }
        faults.append("ad code \(row.code): a row of \(seal.month) was changed after it had been sealed")
      }
    }
    return faults
  }
}

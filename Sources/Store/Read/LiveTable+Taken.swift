import Clicks
import Minutes

// What memory has of ads at one moment, with the version that has the rest. Few ads are looked at under the lock. Of many the numbers
// are looked up before, a few at a time, and the maps of open minutes are taken along at the moment:
//
//     lock │ numbers of ads 0…255 │ … │ maps, position, version │         clicks of ad 0 │ of ad 1 │ …
//          └ clicks go on between ┘   └── the moment ──────────┘

extension LiveTable {
  /// What holds of every ad at one moment, or says what does.
  struct Standing {
    var position: UInt64
    var closedThrough: Int64
    var mark: RecountMark
    var changed: ChangedRows
    var seals: SealedMonths

    /// What is said of an ad whose clicks in memory are `points`.
    func series(
      of code: UInt32?, _ points: [(minute: Minute, clicks: UInt64)], from: Minute, to: Minute
    ) -> Series {
      var series = Series(points: points, asOf: position, closedThrough: Minute(index: closedThrough))
      series.recountedThrough = Minute(index: mark.through)
      series.split(by: seals)
      if from < to {
        series.isChangeUnknown = changed.isFull
        series.changed = recounted(code, from.index..<to.index, live: series.points)
      }
      return series
    }

    /// The minutes of an ad that a click has changed since their recount, where `live` are its clicks in memory.
    private func recounted(
      _ code: UInt32?, _ range: Range<Int64>, live: [(minute: Minute, clicks: UInt64)]
    ) -> [Minute] {
      guard let code else { return [] }
      let late = live.lazy.map(\.minute.index).filter { $0 < mark.through }
      let known = changed.minutes(of: code, in: range)
      if known.isEmpty, late.isEmpty { return [] }
      return Set(late).union(known).sorted().map { Minute(index: $0) }
    }
  }

  /// The ad's clicks in `from ..< to` that no run holds, and the version that holds the others, at one moment.
  func taken(of ad: AdKey, from: Minute, to: Minute) -> (live: Series, code: UInt32?, version: Version) {
    let taken = taken(of: [ad], from: from, to: to)
    return (taken.entries[0].live, taken.entries[0].code, taken.version)
  }

  /// The same of several ads, all at one moment; with `verdicts` also what they met.
  func taken(
    of ads: [AdKey], from: Minute, to: Minute, verdicts hasVerdicts: Bool = false
  ) -> Taken {
    let range = from.index..<max(from.index, to.index)
    let wanted = hasVerdicts ? VerdictCounts.Wanted(ads) : nil
    func met() -> VerdictCounts.Reading { wanted.map { verdicts.read($0, range) } ?? VerdictCounts.Reading() }
    if ads.count <= Self.adsAtOnce {
      return state.withLock { state in
        Taken(
          entries: ads.map { state.taken(of: $0, from: from, to: to) }, version: state.version,
          other: hasVerdicts ? state.minutes.ads.code(of: VerdictCounts.other) : nil, verdicts: met())
      }
    }
    // A number that an ad was given stays, so most is looked up before the moment, and clicks go on between.
    var codes: [UInt32?] = []
    codes.reserveCapacity(ads.count)
    var known: Int?
    for start in stride(from: 0, to: ads.count, by: Self.codesAtOnce) {
      state.withLock { state in
        known = known ?? state.minutes.ads.count
        for ad in ads[start..<min(start + Self.codesAtOnce, ads.count)] { codes.append(state.minutes.ads.code(of: ad)) }
      }
    }
    let moment = state.withLock { state in
      if state.minutes.ads.count != known {
        for i in codes.indices where codes[i] == nil { codes[i] = state.minutes.ads.code(of: ads[i]) }
      }
      return (
        standing: state.standing, version: state.version, live: state.minutes.maps(from: from, to: to),
        frozen: state.frozen?.maps(from: from, to: to) ?? [],
        other: hasVerdicts ? state.minutes.ads.code(of: VerdictCounts.other) : nil, verdicts: met()
      )
    }
    func points(_ code: UInt32, _ maps: [(minute: Int64, map: MinuteMap)]) -> [(minute: Minute, clicks: UInt64)] {
      var points: [(minute: Minute, clicks: UInt64)] = []
      for (minute, map) in maps {
        let clicks = map.count(code)
        if clicks > 0 { points.append((Minute(index: minute), UInt64(clicks))) }
      }
      return points
    }
    let entries = codes.map { code -> (live: Series, code: UInt32?) in
      let clicks = code.map { Self.sum(points($0, moment.live), points($0, moment.frozen)) } ?? []
      return (moment.standing.series(of: code, clicks, from: from, to: to), code)
    }
    return Taken(entries: entries, version: moment.version, other: moment.other, verdicts: moment.verdicts)
  }

  /// Ads that are read under the lock. Of more the maps are taken along, which costs the next click of each minute a copy.
  private static let adsAtOnce = 16
  /// Ads whose numbers are looked up in one hold of the lock.
  private static let codesAtOnce = 256

  /// Several ads at one moment.
  struct Taken {
    var entries: [(live: Series, code: UInt32?)]
    var version: Version
    /// The code of what stands for ads that found no room.
    var other: UInt32?
    var verdicts: VerdictCounts.Reading
  }
}

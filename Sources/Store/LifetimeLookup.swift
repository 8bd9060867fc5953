import ClickLog
import Clicks
import Platform
import Segments

// Exact over the lifetime (K2, R5). The dedup index knows the clicks of the horizon, and every click that is not in a segment
// yet. Whether an older click was counted already, the segments say:
//
//   version 7 id              looked for in the segments received since its minting; none where all those clicks are in
//                             the index still, which is so for nearly every browser
//   other id, of a batch      looked for in every segment: a feed is sent again after hours, or days
//   other id, from /click     not looked for: the horizon is its rule, and the recount finds what is beyond
//
// An impression is not clicked before it is minted, but clocks differ: a click may have been received up to the mint tolerance
// before the minting time in its id, and where its event time was in the future, by so much more. What has retired is
// not found, so all this is exact as far back as raw clicks are kept.

/// Looks up a batch's clicks in the segments.
struct LifetimeLookup {
  /// What the segments say of one click.
  enum Earlier: Equatable {
    /// It is in none.
    case none
    /// It was counted under this event time.
    case counted(Int64)
    /// Something could not be read: nobody knows.
    case unreadable
  }

  private struct Wanted {
    var key: SegmentKey
    /// An earlier copy was not received before this.
    var since: Int64
    var isFound = false
  }

  /// For each click of the batch; empty where none was looked up.
  private(set) var earlier: [Earlier] = []
  /// Clicks looked up, those found, and pages of failures, since the start.
  private(set) var lookups: UInt64 = 0
  private(set) var hits: UInt64 = 0
  private(set) var failures: UInt64 = 0

  private let slack: Int64
  // Reused from batch to batch.
  private var wanted: [Wanted] = []
  private var keys: [SegmentKey] = []

  /// Event times may be `maxFuture` ms ahead of the clock.
  init(maxFuture: Int64) { slack = max(maxFuture, EventTimeLimits().maxFuture) + EventTimeLimits.mintTolerance }

  /// Looks for those clicks of `batch` that may have been counted before the position `known`, from which on the index knows
  /// every click; those below it were received at `knownTime` or before.
  mutating func run(
    _ batch: Span<ClickRequest>, _ live: LiveTable, _ segments: [Segment], known: UInt64, knownTime: Int64
  ) {
    earlier.removeAll(keepingCapacity: true)
    guard let first = segments.first, first.summary.positions.lowerBound < known else { return }
    if sabotaged(.skipLookups) { return }
    wanted.removeAll(keepingCapacity: true)
    for i in 0..<batch.count {
      guard let since = since(batch[i]), since <= knownTime else { continue }
      wanted.append(Wanted(key: SegmentKey(impression: batch[i].identity.impression, code: 0, tag: i), since: since))
    }
    guard !wanted.isEmpty else { return }
    // An ad without a code has no click that is sealed.
    let codes = live.codes(of: wanted.map { batch[$0.key.tag].identity.ad })
    for (i, code) in codes.enumerated() {
      wanted[i].key.code = code ?? 0
      wanted[i].isFound = code == nil
    }
    wanted.removeAll { $0.isFound }
    wanted.sort { SegmentKey.precedes($0.key, $1.key) }
    earlier.append(contentsOf: repeatElement(.none, count: batch.count))
    lookups += UInt64(wanted.count)
    for segment in segments where segment.summary.positions.lowerBound < known { search(segment) }
  }

  /// The least receive time that an earlier copy of the click can have; nil where it is not looked for.
  private func since(_ request: ClickRequest) -> Int64? {
    if let minted = request.identity.impression.mintedAt { return minted - slack }
    return request.isBrowsers ? nil : .min
  }

  private mutating func search(_ segment: Segment) {
    keys.removeAll(keepingCapacity: true)
    let newest = segment.summary.receiveTimes.upperBound
    for one in wanted where !one.isFound && one.since <= newest && Self.mayHold(segment, one.key.impression) {
      keys.append(one.key)
    }
    guard !keys.isEmpty else { return }
    do {
      try segment.find(keys) { tag, row in earlier[tag] = .counted(row.eventTime) }
    } catch {
      // Damage is named in full by the next check of the files; here nobody knows of these clicks.
      failures += 1
      for key in keys where earlier[key.tag] == .none { earlier[key.tag] = .unreadable }
    }
    for i in wanted.indices where !wanted[i].isFound {
      guard case .counted = earlier[wanted[i].key.tag] else { continue }
      wanted[i].isFound = true
      hits += 1
    }
  }

  private static func mayHold(_ segment: Segment, _ impression: ImpressionID) -> Bool {
    guard let minted = impression.mintedAt else { return true }
    return segment.summary.mintingTimes?.contains(minted) ?? false
  }
}

extension ClickRequest {
  /// Whether it came from `GET /click`.
  var isBrowsers: Bool { source == Click.Source.browser.rawValue }
}

import Clicks

// When an ad turns hot and when it turns cold: from what the threads report, without a deed.
//
//     cold ─ rate ≥ threshold in two looks running ─▶ hot
//     hot  ─ rate < threshold / 2 for a minute ─────▶ cold
//
// Between the two bounds an ad stays what it is, so one that wavers around the threshold does not begin an interval each
// second.

/// What makes an ad hot.
package struct HotPolicy: Sendable {
  /// Clicks a second from which an ad is spread over all shards; 0: none ever is.
  package var threshold: Double
  /// An ad turns cold once it has had fewer than half the threshold for so long, ms.
  package var coolDown: Int64 = 60_000
  /// Looks running with the threshold reached.
  package var looks = 2
  /// Most ads that are hot at once.
  package var limit = 1_024

  package static let defaultThreshold = 1_000.0

  package init(threshold: Double = Self.defaultThreshold) { self.threshold = threshold }

  /// Below this an ad begins to cool down.
  package var lower: Double { threshold / 2 }
}

/// The rates of busy ads, and which of them are hot.
package struct HotJudge: Sendable {
  /// What is known of an ad that is or may become hot.
  private struct Case: Sendable {
    var rate = 0.0
    var isHot = false
    /// Looks running at or above the threshold.
    var looks = 0
    /// Since when the rate has been below the lower bound, ms; nil while it is not.
    var coolSince: Int64?
  }

  package let policy: HotPolicy
  private var cases: [AdKey: Case] = [:]

  /// A judge to whom `hot` are hot already.
  package init(_ policy: HotPolicy, hot: [AdKey] = []) {
    self.policy = policy
    for ad in hot { cases[ad] = Case(isHot: true) }
  }

  /// Ads that turn.
  package struct Turn: Equatable, Sendable {
    package var hot: [AdKey] = []
    package var cold: [AdKey] = []
    package var isEmpty: Bool { hot.isEmpty && cold.isEmpty }

    package init(hot: [AdKey] = [], cold: [AdKey] = []) {
      self.hot = hot
      self.cold = cold
    }
  }

  /// The rate of each ad that was mentioned last, clicks a second, and whether it is hot.
  package var rates: [(ad: AdKey, rate: Double, isHot: Bool)] {
    cases.map { ($0.key, $0.value.rate, $0.value.isHot) }.sorted {
      ($1.rate, $0.ad.rawValue) < ($0.rate, $1.ad.rawValue)
    }
  }

  /// Looks at the rates at the time `now`, ms; ads that are not mentioned have none. Returns which ads should turn: the caller
  /// says with `turned` which of them did.
  package mutating func look(_ rates: [AdKey: Double], now: Int64) -> Turn {
    var turn = Turn()
    guard policy.threshold > 0 else {
      turn.cold = cases.filter(\.value.isHot).keys.sorted { $0.rawValue < $1.rawValue }
      return turn
    }
    for (ad, rate) in rates where rate >= policy.lower && cases[ad] == nil { cases[ad] = Case() }
    var hot = cases.values.count { $0.isHot }
    for ad in cases.keys.sorted(by: { $0.rawValue < $1.rawValue }) {
      var found = cases[ad]!
      found.rate = rates[ad] ?? 0
      found.looks = found.rate >= policy.threshold ? found.looks + 1 : 0
      if found.rate >= policy.lower { found.coolSince = nil } else { found.coolSince = found.coolSince ?? now }
      if found.isHot {
        if let since = found.coolSince, now - since >= policy.coolDown { turn.cold.append(ad) }
      } else if found.looks >= policy.looks, hot < policy.limit {
        turn.hot.append(ad)
        hot += 1
      }
      // A cold ad that is far from hot is forgotten.
      cases[ad] = found.isHot || found.rate >= policy.lower ? found : nil
    }
    return turn
  }

  /// These ads have turned.
  package mutating func turned(_ turn: Turn) {
    for ad in turn.hot { cases[ad, default: Case()].isHot = true }
    for ad in turn.cold { cases[ad] = nil }
  }
}

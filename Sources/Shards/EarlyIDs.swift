import Clicks
import Platform

// The early ids of a store (R21): identities whose time in the bits lay at or behind what was decided when they were counted, in
// the home of their ad. Once that time has come it may lie in a hot interval of the ad; the list says that they go home all the
// same, where their first copy is.

/// Which identities stay at home although their time lies in a hot interval. A value: a snapshot is cheap, and taken by every
/// thread that routes.
package struct EarlyIDs: Sendable {
  /// The most of a store.
  package static let limit = 65_536

  private var settled: Set<ClickIdentity>
  /// The last ones, few: copying the others for each new one would cost more with each.
  private var recent: [ClickIdentity] = []
  private var times: (least: Int64, greatest: Int64) = (.max, .min)

  private static let recentLimit = 64

  package init(_ identities: some Sequence<ClickIdentity> = []) {
    settled = Set(identities)
    for identity in settled { widen(identity) }
  }

  package var count: Int { settled.count + recent.count }

  /// Whether the identity, which has `time` in its bits, is one of them.
  package func contains(_ identity: ClickIdentity, _ time: Int64) -> Bool {
    guard time >= times.least, time <= times.greatest, !sabotaged(.earlyNotAsked) else { return false }
    return settled.contains(identity) || recent.contains(identity)
  }

  /// Adds one that is not there.
  mutating func insert(_ identity: ClickIdentity) {
    recent.append(identity)
    widen(identity)
    guard recent.count > Self.recentLimit else { return }
    settled.formUnion(recent)
    recent.removeAll(keepingCapacity: true)
  }

  private mutating func widen(_ identity: ClickIdentity) {
    guard let time = identity.impression.timeInBits else { return }
    times = (min(times.least, time), max(times.greatest, time))
  }
}

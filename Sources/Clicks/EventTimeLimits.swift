/// Which event times a click may have. The judgement is a pure function of three times, so every door gives the same one:
///
///     future                                     event time > now + maxFuture                         in-future
///     age                                        event time < now − maxLateness, or before 1970       too-old
///     minting, for ids that carry it             minted < event time − impressionLifetime,
///                                                or minted > event time + mintTolerance               expired
///
/// For `GET /click` the event time is the time of receipt, so only `expired` can come of it. `now` is the store's logical
/// clock: a wall clock that jumps refuses nothing.
package struct EventTimeLimits: Equatable, Sendable {
  /// What becomes of a click because of its times.
  package enum Judgement: Equatable, Sendable {
    case accept
    /// Older than the maximum lateness.
    case tooOld
    /// Further in the future than clocks differ.
    case inFuture
    /// Its impression was minted longer before the click than impressions live, or after it.
    case expired
  }

  /// A click is taken until this long after it happened, ms. What is older comes in as history only.
  package var maxLateness: Int64 = 48 * 3_600_000
  /// Clocks of other machines may be ahead by this much, ms.
  package var maxFuture: Int64 = 5 * 60_000
  /// An impression is good for this long after its minting, ms.
  package var impressionLifetime: Int64 = 24 * 3_600_000
  /// Whether clicks older than `maxLateness` are taken, as history.
  package var admitsHistory = false

  /// Clocks of minting machines may be ahead of ours by this much, ms.
  package static let mintTolerance: Int64 = 60_000
  /// How far ahead of its receive time, ms, a minting time can be where event times may be `maxFuture` ahead; at least what the
  /// default allows, so that a shorter setting forgets no click from before.
  package static func ahead(maxFuture: Int64) -> Int64 { max(maxFuture, EventTimeLimits().maxFuture) + mintTolerance }
  /// The least event time that is ever taken: 1970.
  package static let earliest: Int64 = 0

  package init() {}

  /// Ahead of its clock by more than this, ms, a door believes no minting time: the id is one of any 128 bits.
  package static let plausibleAhead: Int64 = 86_400_000

  /// What becomes of a click. Times in ms since 1970; `minted` is what the spelling of its impression claims
  /// (`ImpressionID.claimedMinting`), which is believed from 2020 to a day ahead of `now`, the door's clock.
  @inlinable
  package func judge(eventTime: Int64, minted: Int64?, now: Int64) -> Judgement {
    if eventTime > now &+ maxFuture { return .inFuture }
    if eventTime < Self.earliest || !admitsHistory && eventTime < now &- maxLateness { return .tooOld }
    guard let minted, minted >= ImpressionID.earliestMinting, minted <= now &+ Self.plausibleAhead else {
      return .accept
    }
    // Event times are at least 0 here and not far above now, so nothing overflows.
    return minted < eventTime &- impressionLifetime || minted > eventTime &+ Self.mintTolerance ? .expired : .accept
  }
}

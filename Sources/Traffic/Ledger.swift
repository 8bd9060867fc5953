import Clicks
import Platform
import Synchronization

/// The clients' own book: every send, every outcome, and from these alone what each (ad, minute) must count.
///
/// Nothing in it comes from the server but its answers, so a server that loses, doubles or invents a click is found
/// either by the answers (a `Violation`) or by the table (a `Difference`). An impression whose answer was lost may
/// count 0 or 1 times; a retry settles it. Safe from any thread; about 100 bytes an impression.
package final class Ledger: Sendable {
  /// An impression's number in this ledger.
  package struct Reference: Hashable, Sendable {
    /// From 0 on; those of impressions that were forgotten are used again.
    package let index: Int32
  }

  /// An ad's number in this ledger.
  package struct Ad: Hashable, Sendable {
    let index: Int32
  }

  private struct Inside {
    var state = LedgerState()
    var file: LedgerFile?
  }

  private let inside: Mutex<Inside>
  private let time: any TimeSource

  /// - Parameters:
  ///   - time: the wall clock that sends and answers are noted by.
  ///   - file: where each event is also written, sends before they happen.
  package init(time: any TimeSource, file: LedgerFile? = nil) {
    self.time = time
    inside = Mutex(Inside(file: file))
  }

  /// The number of an ad, the same one for the same id.
  package func ad(_ id: AdID) -> Ad { inside.withLock { Ad(index: $0.state.ad(id)) } }

  /// Notes a showing. To be called once for an (ad, impression).
  package func add(_ impression: ImpressionID, ad: Ad) -> Reference {
    inside.withLock { Reference(index: $0.state.add(impression, ad: ad.index)) }
  }

  /// Notes a showing whose click counts in the minute of `eventTime`, ms, however often it is sent: it came by another way
  /// than a browser's, whose sender sees to it that it settles.
  package func settled(_ impression: ImpressionID, ad: Ad, at eventTime: Int64) {
    inside.withLock { inside in
      let index = inside.state.add(impression, ad: ad.index)
      inside.state.settle(index, at: eventTime)
    }
  }

  /// The impression and its ad.
  package func impression(_ reference: Reference) -> (id: ImpressionID, ad: Ad) {
    inside.withLock {
      let one = $0.state.impressions[Int(reference.index)]
      return (one.id, Ad(index: one.ad))
    }
  }

  /// Notes a send; to be called before it happens. The result is the tag to finish it with.
  package func sent(_ reference: Reference, _ intent: Intent) -> UInt64 {
    let now = time.wall()
    return inside.withLock { inside in
      let number = inside.state.sent(reference.index, intent, at: now)
      if inside.file != nil {
        let one = inside.state.impressions[Int(reference.index)]
        inside.file?.sent(number, one.id, inside.state.ads[Int(one.ad)], intent, at: now)
      }
      return UInt64(number)
    }
  }

  /// Notes how a send ended, exactly once for each. Returns what it was, and whether the impression is still unsettled by
  /// it: to be sent again by whoever wants to know.
  @discardableResult
  package func finished(_ tag: UInt64, _ outcome: Outcome) -> (of: Reference, intent: Intent, needsRetry: Bool) {
    let now = time.wall()
    return inside.withLock { inside in
      let send = inside.state.finished(Int32(tag), outcome, at: now)
      inside.file?.finished(Int32(tag), outcome, at: now)
      let one = inside.state.impressions[Int(send.impression)]
      let needsRetry = send.intent.counts && !one.isSettled && one.unknown > 0 && one.inFlight == 0
      return (Reference(index: send.impression), send.intent, needsRetry)
    }
  }

  /// The impressions whose end is unknown and that have nothing in flight: sent again, all of them settle.
  package func retryUnknown() -> [Reference] {
    inside.withLock { $0.state.unsettled.map { Reference(index: $0) } }
  }

  /// What became of an impression that is never sent again.
  package enum Fate: Equatable, Sendable {
    /// It counts once, at this event time, ms.
    case counted(at: Int64)
    /// It does not count.
    case uncounted
    /// Nobody can tell: an answer is missing, or named no time.
    case uncertain
  }

  /// Ends the account of an impression that is never sent again and has nothing in flight. Its room is used for others, and
  /// `expectation` knows of it no more, so that the ledger of traffic without end stays small.
  @discardableResult
  package func forget(_ reference: Reference) -> Fate { inside.withLock { $0.state.forget(reference.index) } }

  /// What the table must say now.
  package func expectation() -> Expectation {
    let now = time.wall()
    return inside.withLock { Expectation($0.state, now: now) }
  }

  /// Where the table is not what the clients saw.
  package func compare(_ actual: [AdMinute: Int]) -> [Difference] { expectation().differences(from: actual) }

  /// The answers that no honest server gives: the first hundred, and how many there are. To be read when all sends have
  /// finished: a duplicate of what was refused shows only then.
  package func violations() -> (first: [Violation], count: Int) {
    inside.withLock {
      $0.state.checkAll()
      return ($0.state.violations, $0.state.violationCount)
    }
  }

  /// Every ad noted so far.
  package var ads: [AdID] { inside.withLock { $0.state.ads } }

  /// Writes out what the file still holds back. Throws the first error the file met.
  package func close() throws(SystemError) {
    let failure = inside.withLock { inside -> SystemError? in
      inside.file?.flush()
      return inside.file?.failure
    }
    if let failure { throw failure }
  }
}

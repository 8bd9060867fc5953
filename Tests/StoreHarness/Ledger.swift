import Clicks
import Platform
import Store

/// What a client knows: which clicks it was told are counted, and which it cannot know about. The oracle's other half; it
/// shares no code with the store.
package struct ClientLedger: Sendable {
  /// Told counted, with the event time under which.
  package private(set) var counted: [ClickIdentity: Int64] = [:]
  /// Those that were answered `valid`; a repeat may be answered before its first copy, but not be counted beside it.
  private var answeredValid: Set<ClickIdentity> = []
  /// Sent, and not known to be counted or refused.
  package private(set) var open: Set<ClickIdentity> = []
  /// Time that has passed since the first click, ms, over all runs.
  private var elapsed: Int64 = 0
  private var firstSent: [ClickIdentity: Int64] = [:]
  /// What was captured when the click was sent.
  private var capturing: [ClickIdentity: Set<CaptureSet>] = [:]
  /// Every click ever sent, in order.
  package private(set) var sent: [ClickIdentity] = []
  /// What contradicts a promise.
  package private(set) var violations: [String] = []

  /// Whether a repeat may come after the horizon and be answered `valid` once more, until a recount takes it away.
  private let allowsLateRepeats: Bool

  package init(allowsLateRepeats: Bool = false) { self.allowsLateRepeats = allowsLateRepeats }

  /// Time passes.
  mutating func pass(_ milliseconds: Int64) { elapsed += milliseconds }

  /// Whether the dedup horizon still knows the click for sure: only then may it be sent again.
  func isRecent(_ identity: ClickIdentity) -> Bool {
    elapsed - (firstSent[identity] ?? elapsed) < Scenario.horizon - 60_000
  }

  /// Records that the clicks are on their way.
  mutating func send(_ identities: [ClickIdentity], capturing set: CaptureSet = []) {
    sent += identities
    for identity in identities { capturing[identity, default: []].insert(set) }
    for identity in identities where firstSent[identity] == nil { firstSent[identity] = elapsed }
    for identity in identities where counted[identity] == nil { open.insert(identity) }
  }

  /// Records an answer; an answer that left cannot be taken back, so only the first counts.
  mutating func receive(_ answer: ClickAnswer, for identity: ClickIdentity, earlierOpen: Bool) {
    switch answer.verdict {
    case .valid:
      if !answeredValid.insert(identity).inserted {
        if allowsLateRepeats { return }
        violations.append("double: \(name(identity)) answered valid twice")
      }
      counted[identity] = answer.eventTime
      open.remove(identity)
    case .duplicate:
      if let time = counted[identity] {
        if time != answer.eventTime, !allowsLateRepeats { violations.append("time of \(name(identity)) changed") }
      } else if !earlierOpen {
        violations.append("false duplicate: \(name(identity)) was never sent before")
      }
      if counted[identity] == nil || !allowsLateRepeats { counted[identity] = answer.eventTime }
      open.remove(identity)
    case .unrecorded:
      if counted[identity] == nil, !earlierOpen { open.remove(identity) }
    case .unknown: break
    default: violations.append("verdict \(answer.verdict.name) from the committer")
    }
  }

  /// The counted clicks folded, without any of the store's code.
  package func fold() -> [Row: UInt64] {
    var rows: [Row: UInt64] = [:]
    for (identity, time) in counted { rows[Row(ad: identity.ad, minute: Minute(containing: time)), default: 0] += 1 }
    return rows
  }

  /// Checks what a recovered store holds: every counted click once and at its time, nothing that was not sent, and a
  /// table that is the fold of it. Raw clicks that have retired are known by the rows they left: there must be so many counted
  /// clicks in each that are not in the log any more.
  package func check(_ logged: [Click], _ table: [Row: UInt64], retired: [Row: UInt64] = [:]) -> [String] {
    var faults: [String] = []
    var seen: [ClickIdentity: Int64] = [:]
    var rows = retired
    var gone = retired
    for click in logged {
      if seen.updateValue(click.eventTime, forKey: click.identity) != nil {
        faults.append("double: \(name(click.identity)) is in the log twice")
      }
      if counted[click.identity] == nil, !open.contains(click.identity) {
        faults.append("phantom: \(name(click.identity)) is in the log, but was refused or never sent")
      }
      rows[Row(ad: click.ad, minute: click.minute), default: 0] += 1
    }
    for (identity, time) in counted {
      guard let found = seen[identity] else {
        let row = Row(ad: identity.ad, minute: Minute(containing: time))
        if let left = gone[row], left > 0 {
          gone[row] = left - 1
          continue
        }
        faults.append("lost: \(name(identity)) was answered counted and is gone")
        continue
      }
      if found != time { faults.append("time of \(name(identity)): told \(time), logged \(found)") }
    }
    if rows != table { faults.append("the table differs from the fold of the log") }
    return faults
  }

  /// Checks that each click has the strings that it came with.
  func check(_ strings: [[CapturedColumn: [UInt8]]], of logged: [Click]) -> [String] {
    var faults: [String] = []
    for (click, found) in zip(logged, strings) where faults.count < 5 {
      guard !Captures.areRight(found, of: click.identity, sets: capturing[click.identity] ?? []) else { continue }
      let words = found.sorted { $0.key.rawValue < $1.key.rawValue }.map { String(decoding: $0.value, as: UTF8.self) }
      faults.append("\(name(click.identity)) has the strings \(words)")
    }
    return faults
  }

  private func name(_ identity: ClickIdentity) -> String { "\(identity.ad)/\(identity.impression)" }
}

/// The key of the table.
package struct Row: Hashable, Sendable {
  package var ad: AdKey
  package var minute: Minute

  package init(ad: AdKey, minute: Minute) {
    self.ad = ad
    self.minute = minute
  }
}

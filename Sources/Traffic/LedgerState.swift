import Clicks

/// The ledger's facts and rules, as a value: sends and outcomes in, violations and bounds out.
///
/// Of an impression it keeps how many of its countable sends are in flight, how many have an unknown end, and, once an
/// answer said `valid` or `duplicate`, in which stretch of time it is counted. That is enough:
///
///     settled                      counts exactly 1, at the event time its answers name
///     not settled, unknown > 0     counts 0 or 1, in any minute from the first unknown send on
///     not settled, unknown = 0     counts 0
struct LedgerState {
  /// Clock readings of client and server may differ by this much, ms.
  static let tolerance: Int64 = 1000
  /// Violations spelled out; further ones are counted only.
  static let spelledOut = 100

  struct Impression {
    var id: ImpressionID
    var ad: Int32
    /// Countable sends that are owed an answer.
    var inFlight: UInt16 = 0
    /// Countable sends that were never answered, or whose answer leaves open whether they count.
    var unknown: UInt16 = 0
    var valid: UInt8 = 0
    var duplicate: UInt16 = 0
    var reportedDuplicate = false
    /// First countable send, and the first of those with an unknown end, ms.
    var firstSend = Int64.max
    var firstUnknown = Int64.max
    /// The stretch, ms, that holds its event time; one point where an answer named it. `to` is the least value before.
    var countedFrom = Int64.min
    var countedTo = Int64.min

    var isSettled: Bool { countedTo != .min }
  }

  struct Send {
    var impression: Int32
    var intent: Intent
    /// Whether an answer had settled the impression before this was sent.
    var afterSettled: Bool
    var isLive: Bool
    var at: Int64
  }

  private(set) var ads: [AdID] = []
  private var adNumbers: [AdID: Int32] = [:]
  private(set) var impressions: [Impression] = []
  private var sends: [Send] = []
  private var freeSends: [Int32] = []
  private var freeImpressions: [Int32] = []
  private(set) var violations: [Violation] = []
  private(set) var violationCount = 0

  mutating func ad(_ id: AdID) -> Int32 {
    if let number = adNumbers[id] { return number }
    ads.append(id)
    adNumbers[id] = Int32(ads.count - 1)
    return Int32(ads.count - 1)
  }

  mutating func add(_ id: ImpressionID, ad: Int32) -> Int32 {
    if let free = freeImpressions.popLast() {
      impressions[Int(free)] = Impression(id: id, ad: ad)
      return free
    }
    impressions.append(Impression(id: id, ad: ad))
    return Int32(impressions.count - 1)
  }

  /// The impression counts at this time, whatever its sends say.
  mutating func settle(_ impression: Int32, at time: Int64) {
    impressions[Int(impression)].countedFrom = time
    impressions[Int(impression)].countedTo = time
  }

  /// Ends the account of an impression; its number is free afterwards, and what stands there says of nothing that it counts.
  mutating func forget(_ number: Int32) -> Ledger.Fate {
    let one = impressions[Int(number)]
    precondition(one.inFlight == 0, "impression \(one.id) is forgotten before its answer")
    checkRepeats(Int(number))
    impressions[Int(number)] = Impression(id: one.id, ad: one.ad)
    freeImpressions.append(number)
    guard one.isSettled else { return one.unknown == 0 ? .uncounted : .uncertain }
    return one.countedFrom == one.countedTo ? .counted(at: one.countedTo) : .uncertain
  }

  /// Notes a send before it happens; returns its number, which is free again once it has finished.
  mutating func sent(_ impression: Int32, _ intent: Intent, at time: Int64) -> Int32 {
    let i = Int(impression)
    let send = Send(
      impression: impression, intent: intent, afterSettled: impressions[i].isSettled, isLive: true, at: time)
    if intent.counts {
      impressions[i].inFlight += 1
      impressions[i].firstSend = min(impressions[i].firstSend, time)
    }
    if let free = freeSends.popLast() {
      sends[Int(free)] = send
      return free
    }
    sends.append(send)
    return Int32(sends.count - 1)
  }

  /// Notes how a send ended; returns what it was.
  mutating func finished(_ number: Int32, _ outcome: Outcome, at time: Int64) -> Send {
    let send = sends[Int(number)]
    precondition(send.isLive, "send \(number) ended twice")
    sends[Int(number)].isLive = false
    freeSends.append(number)
    let i = Int(send.impression)
    if let verdict = outcome.verdict { checkForm(send, verdict, outcome.status) }
    guard send.intent.counts else { return send }
    impressions[i].inFlight -= 1

    switch outcome.verdict {
    case .valid:
      if impressions[i].valid > 0 {
        violate(.countedTwice, i, "two answers said valid")
      } else if send.afterSettled {
        violate(.countedTwice, i, "valid, sent after an answer that it was counted already")
      }
      impressions[i].valid = min(impressions[i].valid, 254) + 1
      settle(i, outcome, from: send.at, to: time)
    case .duplicate:
      let one = impressions[i]
      if one.valid == 0, one.unknown == 0, one.inFlight == 0, !one.isSettled {
        impressions[i].reportedDuplicate = true
        violate(.duplicateOfNothing, i, "no other send of it can have been counted")
      }
      impressions[i].duplicate = min(one.duplicate, .max - 1) + 1
      settle(i, outcome, from: one.firstSend, to: time)
    case .unknown:
      noteUnknown(i, send)
    case nil where !(400..<500 ~= outcome.status):
      // No answer, an answer without a verdict, or a gateway's error: the server may have counted it.
      noteUnknown(i, send)
    default: break
    }
    return send
  }

  private mutating func noteUnknown(_ i: Int, _ send: Send) {
    impressions[i].unknown = min(impressions[i].unknown, .max - 1) + 1
    impressions[i].firstUnknown = min(impressions[i].firstUnknown, send.at)
  }

  private mutating func checkForm(_ send: Send, _ verdict: Verdict, _ status: Int) {
    let i = Int(send.impression)
    if verdict == .valid && !send.intent.counts {
      violate(.countedWrongly, i, "valid, answered to \(send.intent)")
    } else if !send.intent.allows(verdict) {
      violate(.wrongVerdict, i, "\(verdict.name), answered to \(send.intent)")
    }
    if !verdict.allows(status: status) { violate(.wrongStatus, i, "\(verdict.name) came with status \(status)") }
  }

  /// The impression is counted, at the time the answer names or else somewhere between `from` and `to`.
  private mutating func settle(_ i: Int, _ outcome: Outcome, from: Int64, to: Int64) {
    let earliest = from - Self.tolerance
    let latest = to + Self.tolerance
    guard let time = outcome.eventTime else {
      violate(.timeMissing, i, "the answer has no event time")
      if !impressions[i].isSettled {
        impressions[i].countedFrom = earliest
        impressions[i].countedTo = latest
      }
      return
    }
    if !(earliest...max(earliest, latest) ~= time) {
      violate(
        .timeOutside, i,
        "\(Timestamp.format(time)), sent \(Timestamp.format(from)), answered \(Timestamp.format(to))")
    }
    if impressions[i].isSettled, impressions[i].countedFrom == impressions[i].countedTo {
      if impressions[i].countedTo != time {
        let before = Timestamp.format(impressions[i].countedTo)
        violate(.timeDiffers, i, "\(before) in an earlier answer, now \(Timestamp.format(time))")
      }
      return
    }
    impressions[i].countedFrom = time
    impressions[i].countedTo = time
  }

  /// What shows only when all answers are in: a duplicate whose other sends were refused after it.
  mutating func checkAll() {
    for i in impressions.indices { checkRepeats(i) }
  }

  private mutating func checkRepeats(_ i: Int) {
    let one = impressions[i]
    guard one.duplicate > 0, one.valid == 0, one.unknown == 0, one.inFlight == 0, !one.reportedDuplicate else { return }
    impressions[i].reportedDuplicate = true
    violate(.duplicateOfNothing, i, "every other send of it was refused")
  }

  /// Impressions that may or may not be counted and have nothing in flight.
  var unsettled: [Int32] {
    impressions.indices.filter {
      !impressions[$0].isSettled && impressions[$0].unknown > 0 && impressions[$0].inFlight == 0
    }.map { Int32($0) }
  }

  private mutating func violate(_ kind: Violation.Kind, _ i: Int, _ detail: String) {
    violationCount += 1
    guard violations.count < Self.spelledOut else { return }
    let one = impressions[i]
    violations.append(Violation(kind: kind, ad: ads[Int(one.ad)], impression: one.id, detail: detail))
  }
}

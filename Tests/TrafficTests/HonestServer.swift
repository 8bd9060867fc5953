import Clicks
import Synchronization
import Traffic

/// Tally in forty lines: the catalog, the signature, a dictionary. Safe from any thread.
final class HonestServer: Sendable {
  /// What makes it dishonest.
  enum Fault: CaseIterable, Sendable {
    /// A repeat is counted again, and says so.
    case countsRepeats
    /// A repeat is counted again behind a `duplicate`.
    case countsRepeatsSilently
    /// A click is answered `valid` and lost.
    case losesCounted
    case countsHeads
    case countsHeadsSilently
    case countsPrefetches
    case countsRobotsSilently
    case countsForgeries
    case countsPausedSilently
    /// A first click is answered `duplicate`.
    case callsFirstDuplicate
    /// A click is counted in the minute after the one it names.
    case wrongMinute
    /// A repeat names its own time instead of the first one's.
    case wrongTimeOfDuplicate
  }

  private struct State {
    var counted: [Pair: Int64] = [:]
    /// When it was counted last: again behind the horizon.
    var latest: [Pair: Int64] = [:]
    /// Repeats that stand in the table until a recount.
    var repeats: [AdMinute] = []
    var table: [AdMinute: Int] = [:]
    var decisions = 0
    var faults = 0
    let key: SigningKey

    init(_ secret: [UInt8]) { key = SigningKey(id: "", secret: secret) }
  }

  private struct Pair: Hashable {
    var ad: AdID
    var impression: ImpressionID
  }

  private let ads: [AdID: Bool]
  private let fault: Fault?
  private let horizon: Int64
  private let state: Mutex<State>

  init(secret: [UInt8], catalog: [AdEntry], fault: Fault? = nil) {
    state = Mutex(State(secret))
    ads = Dictionary(uniqueKeysWithValues: catalog.map { ($0.id, $0.isPaused) })
    self.fault = fault
    horizon = .max
  }

  /// One that knows an id without a minting time for `horizon` ms alone, until it recounts.
  init(secret: [UInt8], ads: [AdID], horizon: Int64, fault: Fault? = nil) {
    state = Mutex(State(secret))
    self.ads = Dictionary(uniqueKeysWithValues: ads.map { ($0, false) })
    self.fault = fault
    self.horizon = horizon
  }

  /// Takes away every repeat that was counted.
  func recount() {
    state.withLock { state in
      for repeated in state.repeats { state.table[repeated]! -= 1 }
      state.repeats = []
    }
  }

  var table: [AdMinute: Int] { state.withLock { $0.table } }
  /// How often the fault has struck.
  var faults: Int { state.withLock { $0.faults } }

  /// Decides one request, as of `now`, ms.
  func answer(
    isHead: Bool, isPrefetch: Bool, isRobot: Bool = false, target: String, at now: Int64
  ) -> Outcome {
    guard target.hasPrefix("/click?") else { return Outcome(status: 404) }
    var values: [Substring: String] = [:]
    for part in target.dropFirst(7).split(separator: "&") {
      let pair = part.split(separator: "=", maxSplits: 1)
      if pair.count == 2 { values[pair[0]] = String(pair[1]) }
    }
    guard let adText = values["adId"], let ad = AdID(adText), let idText = values["impressionId"],
      let impression = ImpressionID(idText), let signature = values["signature"], signature.utf8.count == 64
    else { return Outcome(status: 400, verdict: .malformed) }
    let right = state.withLock { $0.key.sign(ad: adText, impression: idText).description }
    let pair = Pair(ad: ad, impression: impression)
    guard right == signature.lowercased() || strikes(.countsForgeries) else {
      return Outcome(status: 403, verdict: .badSignature)
    }
    guard let isPaused = ads[ad] else { return Outcome(status: 404, verdict: .unknownAd) }
    if isPaused {
      if strikes(.countsPausedSilently) { _ = count(pair, now) }
      return Outcome(status: 410, verdict: .paused)
    }
    if isPrefetch && !strikes(.countsPrefetches) { return Outcome(status: 503, verdict: .prefetch) }
    if isHead && !strikes(.countsHeads) {
      if strikes(.countsHeadsSilently) { _ = count(pair, now) }
      return Outcome(status: 302, verdict: .head)
    }
    if isRobot {
      if strikes(.countsRobotsSilently) { _ = count(pair, now) }
      return Outcome(status: 302, verdict: .bot)
    }
    return count(pair, now)
  }

  private func count(_ pair: Pair, _ now: Int64) -> Outcome {
    state.withLock { state in
      state.decisions += 1
      func strikes(_ which: Fault) -> Bool {
        guard fault == which, state.decisions % 7 == 0 else { return false }
        state.faults += 1
        return true
      }
      if let latest = state.latest[pair], now - latest > horizon, pair.impression.minting(by: now) == nil {
        state.latest[pair] = now
        state.repeats.append(AdMinute(pair.ad, Minute(containing: now)))
        state.table[AdMinute(pair.ad, Minute(containing: now)), default: 0] += 1
        return Outcome(status: 302, verdict: .valid, eventTime: now)
      }
      if let before = state.counted[pair] {
        if fault == .countsRepeats {
          state.faults += 1
          state.table[AdMinute(pair.ad, Minute(containing: now)), default: 0] += 1
          return Outcome(status: 302, verdict: .valid, eventTime: now)
        }
        if fault == .countsRepeatsSilently {
          state.faults += 1
          state.table[AdMinute(pair.ad, Minute(containing: now)), default: 0] += 1
        }
        if fault == .wrongTimeOfDuplicate, before != now {
          state.faults += 1
          return Outcome(status: 302, verdict: .duplicate, eventTime: now)
        }
        return Outcome(status: 302, verdict: .duplicate, eventTime: before)
      }
      if strikes(.callsFirstDuplicate) { return Outcome(status: 302, verdict: .duplicate, eventTime: now) }
      state.counted[pair] = now
      state.latest[pair] = now
      if strikes(.losesCounted) { return Outcome(status: 302, verdict: .valid, eventTime: now) }
      let minute = Minute(containing: now + (strikes(.wrongMinute) ? 60_000 : 0))
      state.table[AdMinute(pair.ad, minute), default: 0] += 1
      return Outcome(status: 302, verdict: .valid, eventTime: now)
    }
  }

  private func strikes(_ which: Fault) -> Bool {
    guard fault == which else { return false }
    state.withLock { $0.faults += 1 }
    return true
  }
}

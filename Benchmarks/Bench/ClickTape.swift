import Clicks
import Platform
import Traffic

/// Click targets written down before the run, each once: distinct impressions, all validly signed. Playing them costs the
/// generator a copy, so that the machine's time is left to the server.
final class ClickTape: RequestSource {
  private var bytes: [UInt8] = []
  private var ends: [Int] = [0]
  private var played = 0

  /// Writes `count` targets on the ads in turn.
  init(_ count: Int, minter: LinkMinter, ads: [[UInt8]]) {
    bytes.reserveCapacity(count * 192)
    ends.reserveCapacity(count + 1)
    for i in 0..<count {
      minter.append(ad: ads[i % ads.count], impression: minter.impression(), to: &bytes)
      ends.append(bytes.count)
    }
  }

  func next(into plan: inout RequestPlan) -> Supply {
    guard played + 1 < ends.count else { return .done }
    plan.target.append(contentsOf: bytes[ends[played]..<ends[played + 1]])
    played += 1
    return .ready
  }
}

/// What the answers came to.
final class AnswerCount: Observer {
  private(set) var redirects = 0
  private(set) var others = 0
  private(set) var latency = LatencyHistogram()

  func finished(tag: UInt64, outcome: Outcome, latency nanoseconds: Int64) {
    if outcome.status == 302 { redirects += 1 } else { others += 1 }
    latency.record(nanoseconds)
  }
}

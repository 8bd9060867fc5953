import Clicks
import Shards
import Store

/// Verdicts of known ads that are not counted clicks, on their way from one thread to the shards (R17). They reach the
/// shards' memory after a second at the latest, if their owner calls `handOver` so often.
struct VerdictTally {
  private var counts: [VerdictCounts.Key: UInt64] = [:]
  private var handed: Int64 = 0

  /// Nanoseconds that a verdict may wait.
  static let interval: Int64 = 1_000_000_000
  /// Keys beyond which nothing waits.
  private static let most = 4_096

  var isEmpty: Bool { counts.isEmpty }

  mutating func note(_ verdict: Verdict, _ ad: AdKey, minute: Int64) {
    counts[VerdictCounts.Key(ad: ad, minute: minute, verdict: verdict), default: 0] += 1
  }

  /// Gives the shards what is due at `now`, monotonic nanoseconds.
  mutating func handOver(_ context: ServiceContext, _ routes: RouteTable, _ now: Int64, all: Bool = false) {
    guard !counts.isEmpty, all || now - handed >= Self.interval || counts.count >= Self.most else { return }
    handed = now
    var parts = [[VerdictCounts.Key: UInt64]](repeating: [:], count: context.cores.count)
    for (key, count) in counts {
      // The home of the ad: which impression it was plays no part.
      parts[routes.home(of: key.ad)][key] = count
    }
    for (core, part) in zip(context.cores, parts) where !part.isEmpty { core.verdicts.add(part) }
    counts.removeAll(keepingCapacity: true)
  }
}

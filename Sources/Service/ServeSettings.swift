import HTTP
import Store

/// Everything `serve` can be told. Durations are nanoseconds unless a name says otherwise, sizes bytes.
package struct ServeSettings: Sendable {
  package enum OnBadSignature: Sendable { case reject, redirect }
  package enum OnLogFailure: Sendable { case redirect, exit }
  package var dataDirectory = "./data"
  package var listen = "127.0.0.1:8080"
  package var adminListen = "127.0.0.1:8081"
  package var shards = 1
  package var loops = 1
  package var commitInterval: Int64 = 1_000_000
  package var commitDeadline: Int64 = 1_000_000_000
  /// ms
  package var impressionLifetime: Int64 = 86_400_000
  package var onBadSignature = OnBadSignature.reject
  package var unknownAdURL: String?
  package var onLogFailure = OnLogFailure.redirect
  package var maxBody = 64 << 20
  package var drainTimeout: Int64 = 10_000_000_000
  package var verdictHeader = false
  package var catalogCache = 64 << 20
  package var shardOptions = ShardOptions()
  package var loopSettings = LoopSettings()
  package init() {}
}

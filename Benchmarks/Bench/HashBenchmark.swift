import Bytes
import Clicks
import Platform

/// The three hashes that each click pays for: the identity's place in the dedup index, the ad's key, and the signature.
package struct HashBenchmark: Sendable {
  /// Hashes of each kind.
  package let rounds: Int

  package init(rounds: Int) { self.rounds = rounds }

  /// `siphash`: 24 bytes; `ad-key`: SHA-256 of a 10-character ad id; `verify`: reading 64 hex digits, HMAC-SHA256 of ad id
  /// and UUID (47 bytes), and the comparison. All in ns.
  package func run(_ time: any TimeSource) -> [Measurement] {
    [
      Measurement("siphash", "ns", each(time) { siphash() }),
      Measurement("ad-key", "ns", each(time) { adKeys() }),
      Measurement("verify", "ns", each(time) { verifications() }),
    ]
  }

  private func each(_ time: any TimeSource, _ body: () -> UInt64) -> Double {
    Double(elapsed(time) { keep(body()) }) / Double(rounds)
  }

  private func siphash() -> UInt64 {
    let hasher = SipHash(key: (1, 2))
    var sum: UInt64 = 0
    // Each hash feeds the next, so that none is computed ahead: this is latency, not throughput.
    for i in 0..<UInt64(rounds) { sum = hasher.hash(i, sum, 7) }
    return sum
  }

  private func adKeys() -> UInt64 {
    let hasher = SHA256()
    var id = Array("ad-0000000".utf8)
    var sum: UInt64 = 0
    for i in 0..<rounds {
      id[9] = 0x30 + UInt8(i % 10)
      sum ^= unsafe id.withUnsafeBytes { unsafe hasher.first64($0) }
    }
    return sum
  }

  private func verifications() -> UInt64 {
    let key = SigningKey(id: "bench", secret: Array("a secret of thirty-two characters".utf8))
    let ad = Array("ad-0000000".utf8)
    let impression = Array("0197a3c5-7d1e-7abc-8def-0123456789ab".utf8)
    let text = Array(
      key.sign(ad: "ad-0000000", impression: String(decoding: impression, as: UTF8.self)).description.utf8)
    var good: UInt64 = 0
    for _ in 0..<rounds {
      unsafe ad.withUnsafeBytes { ad in
        unsafe impression.withUnsafeBytes { impression in
          guard let claimed = unsafe text.withUnsafeBytes({ unsafe Signature($0) }) else { return }
          if unsafe key.sign(ad: ad, impression: impression).equals(claimed) { good += 1 }
        }
      }
    }
    precondition(good == UInt64(rounds), "a good signature was refused")
    return good
  }
}

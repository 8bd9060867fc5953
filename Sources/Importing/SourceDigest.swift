import Clicks
import Store

/// The running digest of the text that was read of a source, from its first byte on. One thread's.
package final class SourceDigest {
  private let hasher = SHA256()
  /// Bytes so far.
  package private(set) var bytes: UInt64 = 0

  package init() { hasher.begin() }

  /// Takes the next bytes in.
  package func add(_ more: UnsafeRawBufferPointer) {
    unsafe hasher.add(more)
    bytes += UInt64(more.count)
  }

  /// The first half of the SHA-256 of all bytes so far.
  package var value: SourceKey {
    let (high, low) = hasher.first128SoFar()
    return SourceKey(high: high, low: low)
  }
}

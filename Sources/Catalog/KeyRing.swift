import Clicks

/// The active signing keys as one event loop uses them, newest first. Each loop builds its own from the same list and
/// replaces it when a key is added or retired.
package final class KeyRing {
  private let keys: [(kid: [UInt8], key: SigningKey)]

  /// A ring of `keys`, which are newest first.
  package init(_ keys: [ActiveKey]) {
    self.keys = keys.map { (Array($0.kid.utf8), SigningKey(id: $0.kid, secret: $0.secret.bytes)) }
  }

  /// The key that signs; nil where none is active.
  package var newest: SigningKey? { keys.first?.key }

  /// Whether `signature` (64 hex digits of either case) was made of `ad` and `impression`, as they stand in the query
  /// after percent-decoding, by an active key: by the one named `kid`, or without a name by any. A kid that is unknown or
  /// retired verifies nothing.
  package func verify(
    ad: UnsafeRawBufferPointer, impression: UnsafeRawBufferPointer, signature: UnsafeRawBufferPointer,
    kid: UnsafeRawBufferPointer? = nil
  ) -> Bool {
    guard let signature = unsafe Signature(signature) else { return false }
    return unsafe verify(ad: ad, impression: impression, signature: signature, kid: kid)
  }

  /// The same for a signature that was read before.
  package func verify(
    ad: UnsafeRawBufferPointer, impression: UnsafeRawBufferPointer, signature: Signature,
    kid: UnsafeRawBufferPointer? = nil
  ) -> Bool {
    for index in keys.indices {
      if let kid = unsafe kid, unsafe !kid.elementsEqual(keys[index].kid) { continue }
      if unsafe keys[index].key.sign(ad: ad, impression: impression).equals(signature) { return true }
    }
    return false
  }
}

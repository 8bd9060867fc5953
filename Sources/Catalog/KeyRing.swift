import Clicks

/// What a signature proves.
package enum Signed: Hashable, Sendable {
  /// Nothing: no active key has made it.
  case byNobody
  /// That an ad server wants the link, whosever ad it is of.
  case forAll
  /// The same for ads of one advertiser alone, to which the key is bound.
  case forAdvertiser(String)

  /// Whether an active key has made it.
  package var isMade: Bool { self != .byNobody }

  /// Whether it is good for an ad of this advertiser.
  package func covers(_ advertiserID: String) -> Bool {
    switch self {
    case .byNobody: false
    case .forAll: true
    case .forAdvertiser(let own): own == advertiserID
    }
  }
}

/// The active signing keys as one event loop uses them, newest first. Each loop builds its own from the same list and
/// replaces it when a key is added or retired.
package final class KeyRing {
  private let keys: [(kid: [UInt8], key: SigningKey, signed: Signed)]

  /// A ring of `keys`, which are newest first.
  package init(_ keys: [ActiveKey]) {
    self.keys = keys.map {
      (
        Array($0.kid.utf8), SigningKey(id: $0.kid, secret: $0.secret.bytes),
        $0.advertiserID.map { .forAdvertiser($0) } ?? .forAll
      )
    }
  }

  /// The key that signs; nil where none is active.
  package var newest: SigningKey? { keys.first?.key }

  /// What `signature` (64 hex digits of either case) proves if it was made of `ad` and `impression`, as they stand in the query
  /// after percent-decoding, by an active key: by the one named `kid`, or without a name by any, of which the newest decides. A
  /// kid that is unknown or retired verifies nothing.
  package func verify(
    ad: UnsafeRawBufferPointer, impression: UnsafeRawBufferPointer, signature: UnsafeRawBufferPointer,
    kid: UnsafeRawBufferPointer? = nil
  ) -> Signed {
    guard let signature = unsafe Signature(signature) else { return .byNobody }
    return unsafe verify(ad: ad, impression: impression, signature: signature, kid: kid)
  }

  /// The same for a signature that was read before.
  package func verify(
    ad: UnsafeRawBufferPointer, impression: UnsafeRawBufferPointer, signature: Signature,
    kid: UnsafeRawBufferPointer? = nil
  ) -> Signed {
    for index in keys.indices {
      if let kid = unsafe kid, unsafe !kid.elementsEqual(keys[index].kid) { continue }
      if unsafe keys[index].key.sign(ad: ad, impression: impression).equals(signature) { return keys[index].signed }
    }
    return .byNobody
  }
}

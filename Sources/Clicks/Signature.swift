import Bytes
import COpenSSL

/// One HMAC-SHA256 key (RFC 2104) with its states computed once: signing costs two or three compressions. One instance for each
/// thread; the secret itself is not kept in a readable form here.
///
/// A link's signature is `hex(HMAC-SHA256(secret, adId + ":" + impressionId))` over the text exactly as it stands in the
/// query after percent-decoding.
@safe package final class SigningKey {
  /// The key's name in links and in the catalog.
  package let id: String
  private let context: OpaquePointer
  private let states: KeyedDigest

  /// Bytes of a signature.
  package static let signatureBytes = 32

  /// A key from the secret's text as bytes, 1 to 4,096 of them.
  package init(id: String, secret: [UInt8]) {
    precondition(1...4096 ~= secret.count, "secret of \(secret.count) bytes")
    self.id = id
    states = KeyedDigest(key: secret)
    guard let algorithm = unsafe EVP_MAC_fetch(nil, "HMAC", nil), let context = unsafe EVP_MAC_CTX_new(algorithm)
    else { fatalError("OpenSSL has no HMAC") }
    unsafe EVP_MAC_free(algorithm)
    var name = Array("SHA256".utf8CString)
    let ready = unsafe name.withUnsafeMutableBufferPointer { name in
      let parameters = unsafe [
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.baseAddress, 0), OSSL_PARAM_construct_end(),
      ]
      return unsafe EVP_MAC_init(context, secret, secret.count, parameters)
    }
    precondition(ready == 1, "HMAC key refused")
    unsafe self.context = context
  }

  deinit { unsafe EVP_MAC_CTX_free(context) }

  /// The HMAC of `adId + ":" + impressionId`.
  package func sign(ad: UnsafeRawBufferPointer, impression: UnsafeRawBufferPointer) -> Signature {
    var mac = Signature()
    if ad.count + 1 + impression.count <= DigestBlocks.most {
      var blocks = DigestBlocks()
      unsafe blocks.add(ad)
      blocks.add(UInt8(ascii: ":"))
      unsafe blocks.add(impression)
      let code = states.code(&blocks)
      mac.words = (code.0.bigEndian, code.1.bigEndian, code.2.bigEndian, code.3.bigEndian)
      return mac
    }
    // Longer texts, which no ad id and no impression id make.
    var colon: UInt8 = 0x3A
    let ok = unsafe withUnsafeMutableBytes(of: &mac.words) { out in
      var length = 0
      return unsafe EVP_MAC_init(context, nil, 0, nil) == 1
        && EVP_MAC_update(context, ad.baseAddress?.assumingMemoryBound(to: UInt8.self), ad.count) == 1
        && EVP_MAC_update(context, &colon, 1) == 1
        && EVP_MAC_update(context, impression.baseAddress?.assumingMemoryBound(to: UInt8.self), impression.count) == 1
        && EVP_MAC_final(context, out.baseAddress?.assumingMemoryBound(to: UInt8.self), &length, out.count) == 1
        && length == Self.signatureBytes
    }
    precondition(ok, "HMAC failed")
    return mac
  }

  /// The same over strings.
  package func sign(ad: String, impression: String) -> Signature {
    var ad = ad
    var impression = impression
    return ad.withUTF8 { ad in
      impression.withUTF8 { impression in
        unsafe sign(ad: UnsafeRawBufferPointer(ad), impression: UnsafeRawBufferPointer(impression))
      }
    }
  }
}

/// The 256 bits of an HMAC-SHA256.
package struct Signature: Sendable, CustomStringConvertible {
  fileprivate var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

  fileprivate init() {}

  /// Reads 64 hex digits of either case. Nil for anything else.
  package init?(_ text: UnsafeRawBufferPointer) {
    guard text.count == 64 else { return nil }
    let ok = unsafe withUnsafeMutableBytes(of: &words) { out in
      for i in 0..<8 {
        let digits = unsafe text.loadUnaligned(fromByteOffset: 8 * i, as: UInt64.self)
        guard let word = Hex.word(UInt64(littleEndian: digits)) else { return false }
        unsafe out.storeBytes(of: word.bigEndian, toByteOffset: 4 * i, as: UInt32.self)
      }
      return true
    }
    guard ok else { return nil }
  }

  /// Whether both are equal, in a time that does not depend on where they differ.
  package func equals(_ other: Signature) -> Bool {
    (words.0 ^ other.words.0) | (words.1 ^ other.words.1) | (words.2 ^ other.words.2) | (words.3 ^ other.words.3) == 0
  }

  /// 64 lower-case hex digits.
  package var description: String {
    unsafe withUnsafeBytes(of: words) { Hex.encode(unsafe Array($0)) }
  }
}

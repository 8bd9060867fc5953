import Bytes
import Clicks
import Platform

/// What is wrong with a link, on purpose.
package enum LinkFault: UInt8, CaseIterable, Sendable {
  /// Nothing: it verifies.
  case none
  /// One hex digit of the signature is another one.
  case forgedSignature
  /// The signature lacks its last digits, 1 to 63 of them.
  case truncatedSignature
  /// Signed by a key that the server has never seen.
  case wrongKey
  /// The parameter is not there.
  case missingAd
  case missingImpression
  case missingSignature
}

/// How an impression id is written; both spell the same 128 bits, and the signature is over the text.
package enum IdentityForm: Sendable {
  /// With hyphens, lower case.
  case uuid
  /// 32 digits, upper case.
  case plain
}

/// An ad server: mints impression ids and signs click targets,
/// `/click?adId=…&impressionId=…&signature=…[&kid=…]`. One instance for each thread.
package final class LinkMinter {
  private let key: SigningKey
  private let strangeKey: SigningKey
  private let kid: [UInt8]
  private let time: any TimeSource
  private var generator: SplitMix64
  private var identity: [UInt8] = []
  private var digits: [UInt8] = []

  /// - Parameters:
  ///   - kid: the key id that links name; nil leaves `kid` out of them, and the server tries its keys.
  ///   - secret: the key's text as bytes.
  ///   - time: the minting time of impression ids.
  ///   - seed: decides the random part of the ids and the forgeries.
  package init(kid: String? = nil, secret: [UInt8], time: any TimeSource, seed: UInt64) {
    key = SigningKey(id: kid ?? "", secret: secret)
    strangeKey = SigningKey(id: "strange", secret: secret + Array(".strange".utf8))
    self.kid = kid.map { Array("&kid=\($0)".utf8) } ?? []
    self.time = time
    generator = SplitMix64(seed: seed)
    identity.reserveCapacity(36)
    digits.reserveCapacity(64)
  }

  /// A fresh impression: a version 7 UUID minted now.
  package func impression() -> ImpressionID {
    ImpressionID.version7(at: time.wall(), random: (generator.next(), generator.next()))
  }

  /// A fresh impression that was minted at `time`, ms since 1970.
  package func impression(at time: Int64) -> ImpressionID {
    ImpressionID.version7(at: time, random: (generator.next(), generator.next()))
  }

  /// A fresh impression of another ad server: 128 random bits, of which one in 64 look like a UUID of version 7. Those few
  /// (one in 100,000) that would also have a plausible minting time are drawn again: with hyphens they would rightly be `expired`.
  package func randomImpression() -> ImpressionID {
    let latest = time.wall() + 2 * EventTimeLimits.plausibleAhead
    while true {
      let id = ImpressionID(high: generator.next(), low: generator.next())
      if id.minting(by: latest) == nil { return id }
    }
  }

  /// Appends the target to `target`, without allocating once the buffer is large enough.
  package func append(
    ad: [UInt8], impression: ImpressionID, form: IdentityForm = .uuid, fault: LinkFault = .none,
    to target: inout [UInt8]
  ) {
    spell(impression, form)
    let signer = fault == .wrongKey ? strangeKey : key
    let signature = unsafe ad.withUnsafeBytes { ad in
      unsafe identity.withUnsafeBytes { unsafe signer.sign(ad: ad, impression: $0) }
    }
    digits.removeAll(keepingCapacity: true)
    unsafe withUnsafeBytes(of: signature) { bytes in
      for i in 0..<SigningKey.signatureBytes {
        unsafe digits.append(Hex.digit(bytes[i] >> 4))
        unsafe digits.append(Hex.digit(bytes[i] & 15))
      }
    }
    switch fault {
    case .forgedSignature:
      let place = generator.below(digits.count)
      let value = Hex.value(of: digits[place]) ?? 0
      digits[place] = Hex.digit(value ^ UInt8(1 + generator.below(15)))
    case .truncatedSignature: digits.removeLast(1 + generator.below(digits.count - 1))
    default: break
    }
    var separator = Part.question
    func parameter(_ name: [UInt8], _ value: [UInt8]) {
      target.append(separator)
      separator = Part.ampersand
      target.append(contentsOf: name)
      target.append(contentsOf: value)
    }
    target.append(contentsOf: Part.path)
    if fault != .missingAd { parameter(Part.ad, ad) }
    if fault != .missingImpression { parameter(Part.impression, identity) }
    if fault != .missingSignature { parameter(Part.signature, digits) }
    target.append(contentsOf: kid)
  }

  /// The target as text, for people and tests.
  package func target(
    ad: AdID, impression: ImpressionID, form: IdentityForm = .uuid, fault: LinkFault = .none
  ) -> String {
    var bytes: [UInt8] = []
    append(ad: Array(ad.text.utf8), impression: impression, form: form, fault: fault, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The signature of an impression id as it is written, in 64 hex digits; of the faults only a forged one and a strange key
  /// apply.
  package func signature(ad: [UInt8], identity: [UInt8], fault: LinkFault = .none) -> String {
    let signer = fault == .wrongKey ? strangeKey : key
    let signature = unsafe ad.withUnsafeBytes { ad in
      unsafe identity.withUnsafeBytes { unsafe signer.sign(ad: ad, impression: $0) }
    }
    guard fault == .forgedSignature else { return "\(signature)" }
    let text = "\(signature)"
    return (text.hasPrefix("0") ? "1" : "0") + text.dropFirst()
  }

  private func spell(_ id: ImpressionID, _ form: IdentityForm) {
    identity.removeAll(keepingCapacity: true)
    for i in 0..<32 {
      let word = i < 16 ? id.high : id.low
      let digit = Hex.digit(UInt8(word >> UInt64(60 - 4 * (i & 15)) & 15))
      switch form {
      case .uuid:
        if i == 8 || i == 12 || i == 16 || i == 20 { identity.append(0x2D) }
        identity.append(digit)
      case .plain: identity.append(digit >= 0x61 ? digit - 0x20 : digit)
      }
    }
  }

  private enum Part {
    static let question = UInt8(ascii: "?")
    static let ampersand = UInt8(ascii: "&")
    static let path = Array("/click".utf8)
    static let ad = Array("adId=".utf8)
    static let impression = Array("impressionId=".utf8)
    static let signature = Array("signature=".utf8)
  }
}

import Bytes
import Clicks
import Testing

@Suite struct IdentifierTests {
  @Test func impressionIdsAreReadInBothForms() throws {
    let plain = try #require(ImpressionID("0190163D8694739Baea5966c26f8ad91"))
    let uuid = try #require(ImpressionID("0190163d-8694-739b-aea5-966c26f8ad91"))
    #expect(plain == uuid)
    #expect(uuid.description == "0190163d-8694-739b-aea5-966c26f8ad91")
    #expect(uuid.timeInBits == 0x0190_163D_8694)
  }

  @Test(arguments: [
    "", "0190163d-8694-739b-aea5-966c26f8ad9", "0190163d-8694-739b-aea5-966c26f8ad911",
    "0190163d08694-739b-aea5-966c26f8ad91",
    "g190163d8694739baea5966c26f8ad91", "0190163d8694739baea5966c26f8ad9\u{e9}", "--------------------------------",
  ])
  func otherTextIsNoImpressionId(text: String) {
    #expect(ImpressionID(text) == nil)
  }

  @Test func onlyVersionSevenCarriesATime() {
    let minted = ImpressionID.version7(at: 1_700_000_000_123, random: (.max, .max))
    #expect(minted.timeInBits == 1_700_000_000_123)
    var other = minted
    other.high ^= 0x3000
    #expect(other.timeInBits == nil)
    other = minted
    other.low ^= 1 << 63
    #expect(other.timeInBits == nil)
  }

  @Test func adKeysAreTheFirstDigitsOfSha256() throws {
    // printf 42 | sha256sum
    #expect(AdKey(try #require(AdID("42"))).description == "73475cb40a568e8d")
    #expect(AdID("") == nil)
    #expect(AdID(String(repeating: "x", count: 65)) == nil)
    #expect(AdID(String(repeating: "x", count: 64)) != nil)
    #expect(AdID("a b") == nil)
    #expect(AdID("ä") == nil)
    #expect(AdID("A-z_0.9") != nil)
  }
}

/// Short texts take another way to their digest than long ones: both are what the standards say.
@Suite struct ShortDigestTests {
  private let hasher = SHA256()

  /// By OpenSSL's interface for digests of any length.
  private func digest(_ text: [UInt8]) -> [UInt8] {
    hasher.begin()
    hasher.add(text)
    return hasher.finish()
  }

  private func text(_ count: Int, _ seed: UInt8) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 151) ^ seed &* 29 }
  }

  @Test func textsOfEveryLengthHaveTheirDigest() {
    for count in 0...300 {
      let text = text(count, UInt8(truncatingIfNeeded: count))
      let first = digest(text).prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      #expect(unsafe text.withUnsafeBytes { unsafe hasher.first64($0) } == first, "\(count) bytes")
    }
  }

  /// RFC 2104 by its definition.
  private func mac(_ key: [UInt8], _ text: [UInt8]) -> [UInt8] {
    let short = key.count <= 64 ? key : digest(key)
    func padded(_ pad: UInt8) -> [UInt8] { (0..<64).map { ($0 < short.count ? short[$0] : 0) ^ pad } }
    return digest(padded(0x5C) + digest(padded(0x36) + text))
  }

  @Test(arguments: [1, 31, 32, 63, 64, 65, 100, 4096])
  func textsOfEveryLengthAreSigned(keyBytes: Int) throws {
    let secret = text(keyBytes, 7)
    let key = SigningKey(id: "k", secret: secret)
    for count in 0...180 {
      let (ad, impression) = (text(count / 3, 1), text(count - count / 3, 2))
      let made = unsafe ad.withUnsafeBytes { ad in
        unsafe impression.withUnsafeBytes { unsafe key.sign(ad: ad, impression: $0) }
      }
      #expect(made.description == Hex.encode(mac(secret, ad + [0x3A] + impression)), "\(count) bytes")
    }
  }
}

@Suite struct SignatureTests {
  @Test func itIsHmacSha256OverAdColonImpression() throws {
    // printf '42:0190163d8694739baea5966c26f8ad91' | openssl dgst -sha256 -hmac secret
    let key = SigningKey(id: "k", secret: Array("secret".utf8))
    let made = key.sign(ad: "42", impression: "0190163d8694739baea5966c26f8ad91")
    #expect(made.description == "eb5bf139bf33ad1e653d2d5a56840d3e9b1c03fb514efdf64ebdd304781582cd")
    // The context is used again and again.
    #expect(key.sign(ad: "42", impression: "0190163d8694739baea5966c26f8ad91").equals(made))
    #expect(!key.sign(ad: "43", impression: "0190163d8694739baea5966c26f8ad91").equals(made))
  }

  @Test func textFormsAreReadInEitherCase() throws {
    let key = SigningKey(id: "k", secret: [0])
    let made = key.sign(ad: "a", impression: "b")
    for text in [made.description, made.description.uppercased()] {
      let read = try #require(signature(text))
      #expect(read.equals(made))
    }
    #expect(signature("zz") == nil)
    #expect(signature(made.description.dropLast() + "g") == nil)
  }

  private func signature(_ text: String) -> Signature? {
    var text = text
    return text.withUTF8 { unsafe Signature(UnsafeRawBufferPointer($0)) }
  }
}

@Suite struct TimeTests {
  @Test func minutesRoundDown() {
    #expect(Minute(containing: 59_999).index == 0)
    #expect(Minute(containing: 60_000).index == 1)
    #expect(Minute(containing: -1).index == -1)
    #expect(Minute(containing: -60_000).index == -1)
  }

  @Test(
    arguments: [
      ("1970-01-01T00:00:00Z", 0), ("2026-11-23T17:00:00Z", 1_795_453_200_000),
      ("2000-02-29T23:59:59.5Z", 951_868_799_500),
      ("2026-11-23T18:00:00.123456+01:00", 1_795_453_200_123), ("1969-12-31T23:59:59.999Z", -1),
      ("2026-11-23t11:30:00.07-05:30", 1_795_453_200_070), ("2016-12-31T23:59:60Z", 1_483_228_799_000),
    ] as [(String, Int64)])
  func timestampsAreRead(text: String, expected: Int64) {
    #expect(Timestamp.parse(text) == expected)
  }

  @Test(arguments: [
    "", "2026-11-23", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-23T24:00:00Z", "2026-11-23T17:00:00",
    "2026-11-23T17:00:00.Z", "2026-11-23T17:00:00+0100", "2026-11-23 17:00:00Z", "2026-11-23T17:00:00Zx",
    "2026-00-10T00:00:00Z", "2026-11-23T12:34:60Z", "2016-12-30T23:59:60Z",
  ])
  func otherTextIsNoTimestamp(text: String) {
    #expect(Timestamp.parse(text) == nil)
  }

  @Test func everyDayGoesThereAndBack() {
    for day in stride(from: Int64(-800_000), through: 800_000, by: 37) {
      let (year, month, dayOfMonth) = Timestamp.civil(fromDays: day)
      #expect(Timestamp.days(fromCivil: year, month, dayOfMonth) == day)
    }
    #expect(Timestamp.format(1_795_453_200_123) == "2026-11-23T17:00:00.123Z")
    #expect(Timestamp.format(-1) == "1969-12-31T23:59:59.999Z")
  }
}

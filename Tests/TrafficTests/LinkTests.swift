import Clicks
import Testing
import Traffic

@Suite struct LinkTests {
  private let secret = Array("s".utf8)

  private func parameters(_ target: String) -> [Substring: String] {
    #expect(target.hasPrefix("/click?"))
    var values: [Substring: String] = [:]
    for part in target.dropFirst(7).split(separator: "&") {
      let pair = part.split(separator: "=", maxSplits: 1)
      values[pair[0]] = String(pair[1])
    }
    return values
  }

  @Test func linksVerifyInBothSpellings() throws {
    let time = TestTime()
    let minter = LinkMinter(kid: "2026", secret: secret, time: time, seed: 1)
    let key = SigningKey(id: "", secret: secret)
    let id = minter.impression()
    #expect(id.timeInBits == time.wall())
    // Random bits, those that look like a UUID of version 7 among them.
    let random = (0..<2_000).map { _ in minter.randomImpression() }
    #expect(random.contains { $0.timeInBits != nil } && random.allSatisfy { $0.minting(by: time.wall()) == nil })
    let ad = try #require(AdID("summer_sale.1"))
    for (form, text) in [
      (IdentityForm.uuid, id.description), (.plain, id.description.filter { $0 != "-" }.uppercased()),
    ] {
      let values = parameters(minter.target(ad: ad, impression: id, form: form))
      #expect(values["adId"] == "summer_sale.1" && values["impressionId"] == text && values["kid"] == "2026")
      #expect(values["signature"] == key.sign(ad: ad.text, impression: text).description)
      #expect(ImpressionID(text) == id)
    }
    #expect(!LinkMinter(secret: secret, time: time, seed: 1).target(ad: ad, impression: id).contains("kid"))
  }

  @Test func eachFaultIsWhatItSays() throws {
    let minter = LinkMinter(secret: secret, time: TestTime(), seed: 2)
    let ad = try #require(AdID("42"))
    for _ in 0..<200 {
      let id = minter.impression()
      let right = parameters(minter.target(ad: ad, impression: id))
      let signature = try #require(right["signature"])
      func wrong(_ fault: LinkFault) -> [Substring: String] {
        parameters(minter.target(ad: ad, impression: id, fault: fault))
      }
      let forged = try #require(wrong(.forgedSignature)["signature"])
      #expect(forged.count == 64 && zip(forged, signature).filter { $0 != $1 }.count == 1)
      let short = try #require(wrong(.truncatedSignature)["signature"])
      #expect(1..<64 ~= short.count && signature.hasPrefix(short))
      let strange = try #require(wrong(.wrongKey)["signature"])
      #expect(strange.count == 64 && zip(strange, signature).filter { $0 != $1 }.count > 20)
      #expect(Set(wrong(.missingAd).keys) == ["impressionId", "signature"])
      #expect(Set(wrong(.missingImpression).keys) == ["adId", "signature"])
      #expect(Set(wrong(.missingSignature).keys) == ["adId", "impressionId"])
    }
  }
}

import Clicks
import Glibc
import HTTP
import Platform
import Testing

// Every way in which a click can end (interface §2): status, fields, target, and whether it counted.

@Suite struct VerdictTests {
  /// What every answer of `/click` must have, and what this one must be.
  private func expect(
    _ answer: Response, _ verdict: Verdict, _ status: Int, to location: String? = nil,
    at place: SourceLocation = #_sourceLocation
  ) {
    #expect(answer.status == status, sourceLocation: place)
    #expect(answer.verdict == verdict.name, sourceLocation: place)
    #expect(answer.location == location, sourceLocation: place)
    #expect(answer.header("Cache-Control") == "no-store", sourceLocation: place)
    if 300..<400 ~= status {
      #expect(status == 302, sourceLocation: place)
      #expect(answer.header("Referrer-Policy") == "strict-origin-when-cross-origin", sourceLocation: place)
      #expect(answer.header("X-Robots-Tag") == "noindex, nofollow", sourceLocation: place)
      #expect(answer.body.isEmpty, sourceLocation: place)
    } else if status != 503 {
      #expect(answer.header("Content-Type") == "application/problem+json", sourceLocation: place)
    }
  }

  @Test func validAndDuplicate() throws {
    let service = try TestService()
    let id = TestService.impression()
    let before = KernelTime().wall()
    let first = try service.click(id: id)
    expect(first, .valid, 302, to: TestService.landing)
    let time = try #require(first.header("X-Tally-Time").flatMap { Timestamp.parse($0) })
    #expect(before - 1000...KernelTime().wall() + 1000 ~= time)
    let again = try service.click(id: id)
    expect(again, .duplicate, 302, to: TestService.landing)
    #expect(again.header("X-Tally-Time") == first.header("X-Tally-Time"))
    // The other spelling of the same 128 bits is the same impression; another ad's is not.
    let plain = "\(id)".filter { $0 != "-" }.uppercased()
    let target = "/click?adId=active&impressionId=\(plain)&signature=\(TestService.signature("active", plain))"
    expect(try service.request("GET", target), .duplicate, 302, to: TestService.landing)
    expect(try service.click("other", id: id), .valid, 302, to: TestService.otherLanding)
    #expect(try service.total() == 1)
    #expect(try service.total("other") == 1)
  }

  @Test func withoutTheHeaderNoVerdictIsTold() throws {
    let service = try TestService { $0.verdictHeader = false }
    let answers = [
      try service.click(), try service.click("nobody"), try service.click("resting"),
      try service.request("GET", "/click"),
    ]
    for answer in answers {
      #expect(answer.verdict == nil && answer.header("X-Tally-Time") == nil)
      #expect(answer.header("Cache-Control") == "no-store")
    }
    #expect(answers.map(\.status) == [302, 404, 410, 400])
  }

  @Test func expiredOnlyByMintingTime() throws {
    let service = try TestService()
    let day: Int64 = 86_400_000
    for old in [-day - 5_000, -30 * day, 65_000, day - 60_000] {
      let id = TestService.impression(mintedIn: old)
      expect(try service.click(id: id), .expired, 302, to: TestService.landing)
      expect(try service.click(id: id), .expired, 302, to: TestService.landing)
    }
    #expect(try service.total() == 0)
    for good in [-day + 5_000, 0, 55_000] {
      expect(try service.click(id: TestService.impression(mintedIn: good)), .valid, 302, to: TestService.landing)
    }
    // Ids that carry no minting time have no age: other versions, other variants, zero and all ones.
    var id = TestService.impression(mintedIn: -30 * day)
    id.high ^= 0x3000
    expect(try service.click(id: id), .valid, 302, to: TestService.landing)
    id = TestService.impression(mintedIn: -30 * day)
    id.low ^= 1 << 63
    expect(try service.click(id: id), .valid, 302, to: TestService.landing)
    for word: UInt64 in [0, .max] {
      expect(try service.click(id: ImpressionID(high: word, low: word)), .valid, 302, to: TestService.landing)
    }
    #expect(try service.total() == 7)
    // Nor is one as 32 hex digits, nor one whose time is of another age; each counts once in either spelling.
    for (offset, isSpelled) in [(-30 * day, false), (65_000, false), (2 * day, true), (4_000 * 365 * day, true)] {
      id = TestService.impression(mintedIn: offset)
      let plain = id.digits
      let target = "/click?adId=active&impressionId=\(plain)&signature=\(TestService.signature("active", plain))"
      expect(try service.request("GET", target), .valid, 302, to: TestService.landing)
      expect(try service.request("GET", target), .duplicate, 302, to: TestService.landing)
      let spelled = try service.click(id: id)
      expect(spelled, isSpelled ? .duplicate : .expired, 302, to: TestService.landing)
    }
    #expect(try service.total() == 11)
  }

  @Test func prefetchIsSentAwayAndTheRealClickCounts() throws {
    let service = try TestService()
    let id = TestService.impression()
    let fields = [
      ("Sec-Purpose", "prefetch"), ("Sec-Purpose", "prefetch;prerender"), ("sec-purpose", "prerender"),
      ("Sec-Purpose", "prefetch;anonymous-client-ip"), ("Sec-Purpose", "prefetch; prerender"), ("Purpose", "prefetch"),
      ("Purpose", "PREFETCH"), ("X-Purpose", "preview"), ("X-Purpose", "prefetch"), ("X-Moz", "prefetch"),
      ("x-moz", "Prefetch"),
    ]
    for field in fields {
      let answer = try service.request("GET", TestService.link("active", id), [field])
      expect(answer, .prefetch, 503)
      #expect(answer.verdict == "prefetch", "\(field)")
    }
    #expect(try service.total() == 0)
    for field in [("Sec-Purpose", "navigate"), ("Purpose", "prefetching"), ("X-Moz", "")] {
      let answer = try service.request("GET", TestService.link("active", TestService.impression()), [field])
      #expect(answer.verdict == "valid", "\(field)")
    }
    expect(try service.click(id: id), .valid, 302, to: TestService.landing)
    #expect(try service.total() == 4)
  }

  @Test func headLooksAndDoesNotCount() throws {
    let service = try TestService()
    let id = TestService.impression()
    expect(try service.request("HEAD", TestService.link("active", id)), .head, 302, to: TestService.landing)
    #expect(try service.request("HEAD", TestService.link("nobody", id)).status == 404)
    #expect(try service.request("HEAD", TestService.link("resting", id)).status == 410)
    expect(try service.click(id: id), .valid, 302, to: TestService.landing)
    expect(try service.request("HEAD", TestService.link("active", id)), .head, 302, to: TestService.landing)
    #expect(try service.total() == 1)
  }

  @Test func otherMethodsAreRefused() throws {
    let service = try TestService()
    for method in ["PUT", "DELETE", "PATCH", "BREW", "options"] {
      let answer = try service.request(method, TestService.link("active", TestService.impression()))
      expect(answer, .malformed, 405)
      #expect(answer.header("Allow") == "GET, HEAD, POST, OPTIONS")
    }
    #expect(try service.total() == 0)
  }

  @Test func badSignature() throws {
    let service = try TestService()
    let id = TestService.impression()
    let good = TestService.signature("active", "\(id)")
    let flipped = (good.first == "0" ? "1" : "0") + good.dropFirst()
    let wrong = [
      flipped, String(good.dropLast()), "", String(good.reversed()), String(repeating: "g", count: 64),
      TestService.signature("other", "\(id)"), TestService.signature("active", "\(TestService.impression())"),
      TestService.signature("active", "\(id)", kid: "old"), TestService.signature("active", "\(id)", kid: "stranger"),
      TestService.signature("active", "\(id)".uppercased()),
    ]
    for signature in wrong {
      let answer = try service.request("GET", "/click?adId=active&impressionId=\(id)&signature=\(signature)")
      expect(answer, .badSignature, 403)
      #expect(answer.verdict == "bad-signature", "\(signature)")
    }
    #expect(try service.total() == 0)
    let upper = "/click?adId=active&impressionId=\(id)&signature=\(good.uppercased())"
    expect(try service.request("GET", upper), .valid, 302, to: TestService.landing)
  }

  @Test func kidNamesTheKey() throws {
    let service = try TestService()
    func verdict(_ kid: String, signedBy signer: String) throws -> String? {
      let id = TestService.impression()
      return try service.request("GET", TestService.link("active", id, kid: signer) + "&kid=\(kid)").verdict
    }
    for kid in ["first", "second"] {
      #expect(try verdict(kid, signedBy: kid) == "valid")
      // Without a name every active key is tried.
      #expect(
        try service.request("GET", TestService.link("active", TestService.impression(), kid: kid)).verdict == "valid")
    }
    #expect(try verdict("first", signedBy: "second") == "bad-signature")
    #expect(try verdict("old", signedBy: "old") == "bad-signature")
    #expect(try verdict("old", signedBy: "second") == "bad-signature")
    #expect(try verdict("nobody", signedBy: "second") == "bad-signature")
    #expect(try verdict("", signedBy: "second") == "valid")
    #expect(try verdict("First", signedBy: "first") == "bad-signature")
    #expect(try service.total() == 5)
  }

  @Test func keysRotateWhileClicksGoOn() throws {
    let service = try TestService()
    func verdict(_ kid: String, names: Bool) throws -> String? {
      try service.request("GET", TestService.link("active", TestService.impression(), kid: kid, names: names)).verdict
    }
    #expect(try verdict("third", names: false) == "bad-signature")
    let body = "{\"kid\":\"third\",\"secret\":\"\(TestService.secret(of: "third"))\"}"
    #expect(try service.api("POST", "/admin/v1/keys", body, admin: true).status == 201)
    for names in [true, false] {
      #expect(try verdict("third", names: names) == "valid")
      #expect(try verdict("first", names: names) == "valid")
    }
    #expect(try service.api("POST", "/admin/v1/keys/first:retire", admin: true).status == 204)
    for names in [true, false] {
      #expect(try verdict("first", names: names) == "bad-signature")
      #expect(try verdict("second", names: names) == "valid")
      #expect(try verdict("third", names: names) == "valid")
    }
    try service.restart()
    #expect(try verdict("first", names: true) == "bad-signature")
    #expect(try verdict("third", names: true) == "valid")
  }

  @Test func badSignatureRedirects() throws {
    let service = try TestService {
      $0.onBadSignature = .redirect
      $0.unknownAdURL = TestService.fallback
    }
    let signature = String(repeating: "0", count: 64)
    func forged(_ ad: String) throws -> Response {
      let id = TestService.impression()
      return try service.request("GET", "/click?adId=\(ad)&impressionId=\(id)&signature=\(signature)")
    }
    // The first one asks the catalog, the second finds the ad in memory: both end alike.
    for _ in 0..<2 { expect(try forged("active"), .badSignature, 302, to: TestService.landing) }
    #expect(try service.request("HEAD", TestService.link("active", TestService.impression()) + "0").status == 400)
    for _ in 0..<2 { expect(try forged("nobody"), .badSignature, 403) }
    for _ in 0..<2 { expect(try forged("resting"), .badSignature, 403) }
    for _ in 0..<2 { expect(try forged("retreat"), .badSignature, 302, to: TestService.fallback) }
    expect(try service.click(), .valid, 302, to: TestService.landing)
    #expect(try service.total() == 1)
  }

  @Test func pausedAndUnknownAds() throws {
    let service = try TestService()
    for _ in 0..<2 {
      expect(try service.click("resting"), .paused, 410)
      expect(try service.click("retreat"), .paused, 302, to: TestService.fallback)
      expect(try service.click("nobody"), .unknownAd, 404)
    }
    let kinder = try TestService { $0.unknownAdURL = TestService.fallback }
    for _ in 0..<2 { expect(try kinder.click("nobody"), .unknownAd, 302, to: TestService.fallback) }
    expect(try kinder.click("active"), .valid, 302, to: TestService.landing)
  }

  @Test func malformedNamesTheParameter() throws {
    let service = try TestService()
    let id = TestService.impression()
    let signature = TestService.signature("active", "\(id)")
    let whole = ["adId": "active", "impressionId": "\(id)", "signature": signature]
    func answer(_ change: (inout [String: String]) -> Void) throws -> Response {
      var parameters = whole
      change(&parameters)
      let query = parameters.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "&")
      return try service.request("GET", "/click?\(query)")
    }
    func check(_ parameter: String, _ answer: Response, at place: SourceLocation = #_sourceLocation) {
      expect(answer, .malformed, 400, at: place)
      #expect(answer.text.contains("\"parameter\":\"\(parameter)\""), "\(answer.text)", sourceLocation: place)
    }
    for name in whole.keys { check(name, try answer { $0[name] = nil }) }
    for value in ["", String(repeating: "a", count: 65), "a%20b", "a%2Fb", "a+b", "%ff", "%", "%4", "%zz", "a%00"] {
      check("adId", try answer { $0["adId"] = value })
    }
    for value in ["", "42", "\(id)0", String("\(id)".dropLast()), "\(id)".replacing("-", with: "_"), "%g0"] {
      check("impressionId", try answer { $0["impressionId"] = value })
    }
    check("signature", try answer { $0["signature"] = signature + "0" })
    check("kid", try answer { $0["kid"] = String(repeating: "k", count: 65) })
    for name in whole.keys {
      check(name, try service.request("GET", TestService.link("active", id) + "&\(name)=\(whole[name]!)0"))
    }
    check("kid", try service.request("GET", TestService.link("active", id) + "&kid=second&kid=first"))
    check("adId", try service.request("GET", "/click"))
    check("adId", try service.request("GET", "/click?"))
    // A name in other letters is another parameter.
    check("adId", try service.request("GET", TestService.link("active", id).replacing("adId", with: "adid")))
    #expect(try service.total() == 0)
    expect(try service.click(id: id), .valid, 302, to: TestService.landing)
  }

  @Test func percentEncodedParametersMeanTheSame() throws {
    let service = try TestService()
    let id = TestService.impression()
    func every(_ text: String) -> String {
      text.utf8.map { "%" + (String($0, radix: 16).count == 1 ? "0" : "") + String($0, radix: 16) }.joined()
    }
    let names = ["adId", "impressionId", "signature", "kid"]
    let values = ["active", "\(id)", TestService.signature("active", "\(id)"), "second"]
    let encoded = zip(names, values).map { every($0) + "=" + every($1) }.joined(separator: "&")
    expect(try service.request("GET", "/click?" + encoded), .valid, 302, to: TestService.landing)
    expect(try service.click(id: id), .duplicate, 302, to: TestService.landing)
    // What publishers hang on to a link is nobody's business, whatever it looks like.
    let tagged =
      TestService.link("active", TestService.impression()) + "&utm_source=a%zz&utm_source=b&redirectUrl=http://evil&=&"
    expect(try service.request("GET", tagged), .valid, 302, to: TestService.landing)
    #expect(try service.total() == 2)
  }

  @Test func theTargetComesFromTheCatalogAlone() throws {
    let service = try TestService()
    for extra in ["&redirectUrl=https://evil.example/", "&url=https://evil.example/", "&Location=x"] {
      let answer = try service.request("GET", TestService.link("active", TestService.impression()) + extra)
      #expect(answer.location == TestService.landing)
    }
    for field in [("X-Forwarded-Host", "evil.example"), ("Referer", "https://evil.example/")] {
      let answer = try service.request("GET", TestService.link("active", TestService.impression()), [field])
      #expect(answer.location == TestService.landing)
    }
  }
}

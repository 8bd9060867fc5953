import Clicks
import Glibc
import HTTP
import Platform
import Simulation
import Testing

// Links as mail clients, templates and people change them: what can be read in one way counts, the rest is malformed, and
// nothing ever counts for another ad.

@Suite struct LinkReadingTests {
  private struct Link {
    var id = TestService.impression()
    var ad = "active"
    var impression: String { "\(id)" }
    var signature: String { TestService.signature(ad, impression) }
    var pairs: [(String, String)] { [("adId", ad), ("impressionId", impression), ("signature", signature)] }
    func joined(_ mark: String, sign: String = "=") -> String {
      pairs.map { $0 + sign + $1 }.joined(separator: mark)
    }
    var query: String { joined("&") }
  }

  private func encoded(_ text: String, _ marks: String = "&=?#;%\\") -> String {
    text.utf8.map { byte in
      marks.utf8.contains(byte)
        ? "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true) : "\(UnicodeScalar(byte))"
    }.joined()
  }

  @Test func whatCanBeReadInOneWayCounts() throws {
    let service = try TestService()
    typealias Change = (Link) -> String
    let marks = [
      "&amp;", "&amp;amp;", "&AMP;", "&#38;", "&#038;", "&#x26;", "&#X26;", "%26", "%26amp%3B", "%26amp;", "&amp%3B",
      "\\u0026",
      "%5Cu0026", "%2526", ";", "&&", "&amp", "&;", "%26%2338%3B", "&%20",
    ]
    let signs = ["=", "%3D", "&#61;", "&#x3D;", "&equals;", "%253D", "\\u003d"]
    var changes: [(String, Change)] = marks.map { mark in ("mark \(mark)", { $0.joined(mark) }) }
    changes += signs.map { sign in ("sign \(sign)", { $0.joined("&", sign: sign) }) }
    for mark in ["&amp;", "%26", "\\u0026"] {
      for sign in signs.dropFirst() { changes.append(("\(mark) \(sign)", { $0.joined(mark, sign: sign) })) }
    }
    let tails = [
      "%20", ".", ")", ").", ">", "%3E", "\"", "%22", "'", ",", ";", "!", "?", "]", "}", "*", "`", "%C2%A0", "\u{A0}",
      "%E2%80%9D",
      "\u{201D}", "%0D%0A", "+", "/", "#", "#top", ".%20See%20you", ",%20and", "%", "%2", "&amp;", "&gt;", "&quot;",
      "%3C/a%3E", "=",
    ]
    changes += tails.map { tail in ("tail \(tail)", { $0.query + tail }) }
    let inside: [(String, Change)] = [
      ("line end in the signature", { $0.query.prefix($0.query.count - 30) + "%0D%0A" + $0.query.suffix(30) }),
      ("blanks in the signature", { $0.query.prefix($0.query.count - 30) + "%20%E2%80%8B+" + $0.query.suffix(30) }),
      (
        "soft hyphen in the impression",
        {
          "adId=active&impressionId=\($0.impression.prefix(9))%C2%AD\($0.impression.dropFirst(9))&signature=\($0.signature)"
        }
      ),
      ("quotes", { $0.pairs.map { "\($0)=%22\($1)%22" }.joined(separator: "&") }),
      ("brackets", { $0.pairs.map { "\($0)=(\($1))" }.joined(separator: "&") }),
      ("braces", { $0.pairs.map { "\($0)={\($1)}" }.joined(separator: "&") }),
      ("blanks", { $0.pairs.map { "+\($0)+=%20\($1)%20" }.joined(separator: "&") }),
      ("quoted-printable", { $0.joined("&", sign: "=3D") }),
      ("quoted-printable, amp", { $0.joined("&amp;", sign: "=3d") }),
      ("blank kid", { $0.query + "&kid=" }), ("bare kid", { $0.query + "&kid" }),
      ("kid of blanks", { $0.query + "&kid=%20" }), ("kid of quotes", { $0.query + "&kid=%22%22" }),
      ("kid of quotes, amp", { $0.joined("&amp;") + "&amp;kid=%22%22" }),
      ("kid and a bracket", { $0.query + "&kid=second)" }), ("kid and a point", { $0.query + "&kid=second." }),
      ("kid twice, once blank", { "kid=&" + $0.query + "&kid=second" }),
      ("kid with a blank", { $0.query + "&kid=second%20" }),
      ("all twice", { $0.query + "&" + $0.query }),
      ("signature in both cases", { $0.query + "&signature=" + $0.signature.uppercased() }),
      ("blank before", { "adId=&impressionId=&signature=&" + $0.query }), ("question", { "utm=x?" + $0.query }),
      ("two questions", { "?" + $0.query }), ("amp first", { "&amp;" + $0.query }),
      ("bytes", { $0.query + "&utm_campaign=\u{E9}t\u{E9}&x=\"<>\\^`{|}&y=%zz%" }),
      ("bytes first", { "utm=\u{1F600}#&" + $0.query }),
      ("encoded once", { encoded($0.query) }), ("encoded twice", { encoded(encoded($0.query)) }),
      ("encoded three times", { encoded(encoded(encoded($0.query))) }),
      ("encoded amp", { encoded($0.joined("&amp;")) }),
      ("semicolon left", { $0.query + "&amp;utm_source=a&amp;utm_medium=b;" }),
      ("upper case signature", { "adId=active&impressionId=\($0.impression)&signature=\($0.signature.uppercased())" }),
      ("empty pairs", { "&=&" + $0.query + "&=x&&" }),
    ]
    changes += inside
    for (name, change) in changes {
      let link = Link()
      let wire = try Wire(service.address)
      wire.get("/click?" + change(link))
      let answer = wire.answer()
      #expect(answer?.verdict == "valid", "\(name): \(change(link)): \(answer?.text ?? "no answer")")
      #expect(try service.click(id: link.id).verdict == "duplicate", "\(name)")
    }
    #expect(try service.total() == changes.count)
  }

  @Test func whatTwoCouldReadDifferentlyIsMalformed() throws {
    let service = try TestService()
    let link = Link()
    let other = Link(ad: "other")
    let wrong: [(String, String)] = [
      ("adId", link.query + "&adId=other"), ("adId", "adId=other&amp;" + link.joined("&amp;")),
      ("impressionId", link.query + "&impressionId=" + other.impression),
      ("signature", link.query + "&signature=" + other.signature), ("adId", link.query + "&" + other.query),
      ("kid", link.query + "&kid=first&kid=second"), ("signature", link.query + "0"), ("signature", link.query + "x)"),
      ("impressionId", "adId=active&impressionId=\(link.impression)a)&signature=\(link.signature)"),
      ("adId", "adId=a%20ctive&impressionId=\(link.impression)&signature=\(link.signature)"),
      ("adId", link.query.replacing("adId", with: "adid")),
      ("signature", "adId=active&impressionId=\(link.impression)"),
    ]
    for (parameter, query) in wrong {
      let answer = try service.request("GET", "/click?" + query)
      #expect(answer.verdict == "malformed" && answer.status == 400, "\(query)")
      #expect(answer.text.contains("\"parameter\":\"\(parameter)\""), "\(query): \(answer.text)")
    }
    #expect(try service.total() == 0)
    #expect(try service.click(id: link.id).verdict == "valid")
  }

  @Test func slashesAtTheEndsOfThePathAreForgiven() throws {
    let service = try TestService()
    for path in ["/click", "/click/", "//click", "///click//", "http://t/click", "http://t//click/"] {
      let wire = try Wire(service.address)
      wire.get(path + "?" + Link().query)
      #expect(wire.answer()?.verdict == "valid", "\(path)")
    }
    for path in [
      "/cl/ick", "/%61pi/v1/ads", "/api/v1/%61ds", "/click/x", "/x/click", "/%63lick", "/Click", "/clicks", "/click;x",
    ] {
      let wire = try Wire(service.address)
      wire.get(path + "?" + Link().query)
      let answer = wire.answer()
      #expect(answer?.status == 404 && answer?.verdict == nil, "\(path)")
    }
  }

  /// Any number of such changes at once.
  @Test func linksSurviveWhateverIsDoneToThem() throws {
    try Seeds.run(4) { seed in
      var chance = seed.generator
      let service = try TestService()
      var valid = 0
      for _ in 0..<60 {
        let link = Link()
        let text = changed(link, &chance)
        let wire = try Wire(service.address)
        wire.send(text)
        let answer = wire.answer()
        #expect(answer?.verdict == "valid", "\(seed): \(text): \(answer?.text ?? "no answer")")
        valid += 1
        // Counted for its ad and impression, not for something else.
        #expect(try service.click(id: link.id).verdict == "duplicate", "\(seed): \(text)")
      }
      #expect(try service.total() == valid, "\(seed)")
    }
  }

  private func changed(_ link: Link, _ chance: inout SeededGenerator) -> String {
    var pairs = link.pairs
    if chance.below(3) == 0 { pairs.append(("kid", chance.pick(["", "second", "%20"]))) }
    for name in ["utm_source", "gclid", "x"] where chance.below(2) == 0 {
      let value = chance.pick(["", "\u{E9}t\u{E9}", "{}|^", "a+b", "1", "\u{4F60}\u{597D}"])
      pairs.append((name, value))
    }
    if chance.below(4) == 0 { pairs.append(chance.pick(link.pairs)) }
    pairs.shuffle(using: &chance)
    let mark = chance.pick(["&", "&", "&amp;", "&#38;", "&#x26;", "&amp;amp;", ";", "\\u0026"])
    let sign = chance.pick(["=", "=", "=", "&#61;", "\\u003d"])
    let wrappers = chance.pick([("", ""), ("", ""), ("%22", "%22"), ("+", "+"), ("(", ")"), ("", "%20")])
    var query = pairs.map { name, value in
      let isOurs = ["adId", "impressionId", "signature"].contains(name)
      return isOurs ? name + sign + wrappers.0 + value + wrappers.1 : name + sign + value
    }.joined(separator: mark)
    for _ in 0..<chance.pick([0, 0, 0, 1, 2]) { query = encoded(query) }
    if pairs.last!.0 == "signature" { query += chance.pick(["", ".", ")", "%20", "\u{201D}", ">", ",%20so"]) }
    let path = chance.pick(["/click", "/click", "/click/", "//click"])
    let version = chance.pick(["1.1", "1.1", "1.2", "1.9"])
    let body = chance.pick(["", "Content-Length: 2\r\n\r\n{}", "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"])
    let method = chance.pick(["GET", "GET", "POST"])
    return "\(method) \(path)?\(query) HTTP/\(version)\r\nHost: t\r\n" + (body.isEmpty ? "\r\n" : body)
  }

  /// Damage of every kind: a damaged link counts for its own ad and impression or not at all.
  @Test func damagedLinksNeverCountForAnotherAd() throws {
    try Seeds.run(3) { seed in
      var chance = seed.generator
      let service = try TestService()
      let link = Link()
      let spice = Array("&=;?%+#\\adIdmp0123456789abcdefother.-_\u{E9}\u{7F}".utf8)
      for _ in 0..<300 {
        var bytes = Array(chance.pick([link.query, link.joined("&amp;"), encoded(link.query)]).utf8)
        for _ in 0...chance.below(4) {
          let at = chance.below(bytes.count)
          switch chance.below(5) {
          case 0: bytes[at] = chance.pick(spice)
          case 1: bytes.insert(chance.pick(spice), at: at)
          case 2: bytes.remove(at: at)
          case 3: bytes.insert(contentsOf: "adId=other&".utf8, at: at)
          default: bytes.swapAt(at, chance.below(bytes.count))
          }
        }
        let wire = try Wire(service.address)
        wire.send(Array("GET /click?".utf8) + bytes + Array(" HTTP/1.1\r\nHost: t\r\n\r\n".utf8))
        let verdict = wire.answer()?.verdict
        let allowed = ["valid", "duplicate", "malformed", "bad-signature"]
        #expect(
          allowed.contains(verdict ?? ""), "\(seed): \(String(decoding: bytes, as: UTF8.self)): \(verdict ?? "none")")
      }
      _ = try service.click(id: link.id)
      #expect(try service.total() == 1 && service.total("other") == 0, "\(seed)")
    }
  }
}

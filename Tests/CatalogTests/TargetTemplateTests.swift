import Catalog
import Clicks
import Platform
import Simulation
import Testing

/// What goes to the landing page: placeholders and parameters of the request.
@Suite struct TargetTemplateTests {
  static func location(
    _ url: String, passes: String = "", ad: String = "42", campaign: String? = "spring",
    impression: String = "0193ab", query: String = ""
  ) -> String {
    let template = TargetTemplate(url, adID: ad, campaignID: campaign, passes: PassQuery(passes))
    let bytes = unsafe Array(impression.utf8).withUnsafeBytes { impression in
      unsafe Array(query.utf8).withUnsafeBytes { unsafe template.filled(impression: impression, query: $0) }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test(arguments: [
    ("https://a.example/", true), ("https://a.example/{adId}/{campaignId}", true),
    ("https://a.example/?c={impressionId}", false), ("https://a.example/#{impressionId}", false),
  ])
  func onlyWhatDependsOnTheRequestIsNotConstant(url: String, isConstant: Bool) {
    #expect(TargetTemplate(url, adID: "42", campaignID: "c").isConstant == isConstant)
    #expect(!TargetTemplate(url, adID: "42", campaignID: "c", passes: PassQuery("gclid")).isConstant)
  }

  @Test(arguments: [
    (
      "https://a.example/{adId}/{campaignId}?i={impressionId}#{impressionId}", "",
      "https://a.example/42/spring?i=0193ab#0193ab"
    ),
    ("https://a.example/{impressionId}{impressionId}", "", "https://a.example/0193ab0193ab"),
    // What is older than placeholders stays as it is.
    ("https://a.example/{other}?x={", "", "https://a.example/{other}?x={"),
    ("https://a.example", "gclid=1", "https://a.example?gclid=1"),
    ("https://a.example/?", "gclid=1", "https://a.example/?gclid=1"),
    ("https://a.example/?a=1&", "gclid=1", "https://a.example/?a=1&gclid=1"),
    ("https://a.example/?a=1#f?g", "x=2&gclid=1&utm_source=n", "https://a.example/?a=1&gclid=1&utm_source=n#f?g"),
    ("https://a.example/#f", "gclid=1", "https://a.example/?gclid=1#f"),
    // As they came, repeats and empty ones too; names are compared decoded.
    ("https://a.example/", "gclid=b%2Fc+d&gclid&%67clid=%20", "https://a.example/?gclid=b%2Fc+d&gclid&%67clid=%20"),
    ("https://a.example/?%67clid=own", "gclid=1&utm_a=2", "https://a.example/?%67clid=own&utm_a=2"),
    ("https://a.example/?utm_a={impressionId}", "utm_a=2&utm_b=3", "https://a.example/?utm_a=0193ab&utm_b=3"),
    // What a page made of & is no part of the name.
    ("https://a.example/", "adId=1&amp;gclid=2&AMP%3Butm_x=3", "https://a.example/?gclid=2&utm_x=3"),
    // The link's own words never go, however they are written.
    (
      "https://a.example/", "signature=s&kid=k&signatur=x&si%67nature=s&amp;signature=s&Signature=s",
      "https://a.example/?signatur=x"
    ),
    // No byte that a URI may not hold.
    (
      "https://a.example/", "gclid=a\r\nX: y\"<>\\^`{|}\u{0}ü%%4%zz%41",
      "https://a.example/?gclid=a%0D%0AX:%20y%22%3C%3E%5C%5E%60%7B%7C%7D%00%C3%BC%25%254%25zz%41"
    ),
    ("https://a.example/", "g%clid=1&%00=2&=3&&gclid=4", "https://a.example/?gclid=4"),
  ])
  func targetsAreFilledIn(url: String, query: String, location: String) {
    #expect(Self.location(url, passes: "gclid utm_* s* k* a*", query: query) == location)
  }

  @Test func spellingsOfAnImpressionAreKept() {
    #expect(
      Self.location("https://a.example/?c={impressionId}", impression: "0193AB-cd") == "https://a.example/?c=0193AB-cd")
    #expect(
      Self.location("https://a.example/?c={impressionId}", impression: "a/b\r\n") == "https://a.example/?c=a%2Fb%0D%0A")
  }

  @Test func whatIsTooLongIsLeftOutParameterByParameter() {
    let long = String(repeating: "x", count: 8000)
    let url = "https://a.example/#end"
    let got = Self.location(url, passes: "a b c", query: "a=\(long)&b=\(long)&c=3")
    #expect(got == "https://a.example/?a=\(long)&c=3#end")
    for room in 0..<40 {
      let value = String(repeating: "y", count: 8192 - 40 + room)
      let one = Self.location(url, passes: "a", query: "a=\(value)")
      #expect(one.utf8.count <= 8192 && (one == url || one.contains(value)))
    }
  }

  @Test(arguments: [
    "https://a.example/{adId}", "https://a.example/?{adId}={impressionId}&{campaignId}#{impressionId}",
    "https://a.example/x{adId}.html", "https://a.example/%7B%7D",
  ])
  func goodTemplates(url: String) {
    #expect(TargetTemplate.fault(in: url, adID: "42", campaignID: "c") == nil)
  }

  @Test(arguments: [
    ("https://{adId}.example/", "host"), ("https://a.example{adId}", "host"), ("{adId}", "host"),
    ("https://a.example:{adId}/", "host"), ("https://a.example/{click_id}", "{adId}, {impressionId}, {campaignId}"),
    ("https://a.example/{adid}", "%7B"), ("https://a.example/{", "%7B"), ("https://a.example/}", "%7D"),
    ("https://a.example/{{adId}}", "%7B"), ("https://a.example/%{adId}", "escape"),
    ("https://a.example/%2{impressionId}", "escape"), ("https://a.example/?c={campaignId}", "campaignId"),
    ("https://a.example/" + String(repeating: "{impressionId}", count: 140) + String(repeating: "x", count: 80), ""),
    ("ftp://a.example/{adId}", "http"), ("https://a.example/\r\n{adId}", "control"),
  ])
  func badTemplates(url: String, words: String) {
    let fault = TargetTemplate.fault(in: url, adID: "42", campaignID: nil)
    #expect(
      fault?.contains(words) ?? (words.isEmpty && url.utf8.count <= 2048 && url.utf8.count > 2000), "\(fault ?? "none")"
    )
  }

  @Test func whatComesToTooMuchIsRefused() {
    let url = "https://a.example/" + String(repeating: "{adId}", count: 300)
    #expect(TargetTemplate.fault(in: url, adID: "42", campaignID: nil) == nil)
    let long = TargetTemplate.fault(in: url, adID: String(repeating: "a", count: 64), campaignID: nil)
    #expect(long?.contains("8192") == true)
  }

  @Test func noSegmentBecomesDots() {
    for (url, ad) in [
      ("https://a.example/x/{adId}", ".."), ("https://a.example/{adId}/x", "."), ("https://a.example/.{adId}?", "."),
      ("https://a.example/%2e{adId}", "."), ("https://a.example/{adId}#f", ".."),
      ("https://a.example/{adId}{adId}", "."),
    ] {
      #expect(TargetTemplate.fault(in: url, adID: ad, campaignID: nil)?.contains("segment") == true, "\(url) \(ad)")
    }
    for (url, ad) in [
      ("https://a.example/?{adId}", ".."), ("https://a.example/x{adId}", ".."), ("https://a.example/..", "42"),
    ] {
      #expect(TargetTemplate.fault(in: url, adID: ad, campaignID: nil) == nil, "\(url) \(ad)")
    }
  }

  @Test(arguments: [
    ("gclid", nil), ("gclid,utm_* fb[x]", nil), ("", nil), ("*", "everything"), ("gclid,*", "everything"),
    ("adId", "adId"),
    ("a*b", "alone"), ("Signature", "signature"), ("kid*", "kid"), ("ü", "names"), ("a=b", "names"),
    (String(repeating: "x", count: 65), "64"), ((1...33).map { "n\($0)" }.joined(separator: " "), "32"),
  ])
  func passQueryIsChecked(list: String, words: String?) {
    let fault = PassQuery.fault(in: list)
    if let words { #expect(fault?.contains(words) == true, "\(fault ?? "none")") } else { #expect(fault == nil) }
  }

  /// Against the rules read plainly, with random targets and hostile queries.
  @Test func randomTargetsAreAsTheRulesSay() {
    let seed = KernelChance().next()
    var random = SeededGenerator(seed: seed)
    let urlPieces = [
      "/", "p", "{adId}", "{impressionId}", "{campaignId}", "?", "&", "=", "gclid=1", "utm_a", "%67clid", "#",
      "//evil.example", ".", ";",
    ]
    let queryPieces = [
      "gclid", "%67clid", "utm_", "utm_b", "=", "&", "&&", "&amp;", "%", "%0d%0a", "\r\n", "+", "#x", "é", "\"",
      "signature", "adId",
      "ki%64", "x", "//evil.example", "?", "a=b", "@", " ",
    ]
    for round in 0..<4_000 {
      let authority = ["https://a.example", "http://b.example:81"].randomElement(using: &random)!
      let rest = (0..<Int.random(in: 0...8, using: &random)).map { _ in urlPieces.randomElement(using: &random)! }
        .joined()
      let url = authority + (rest.isEmpty || "/?#".contains(rest.first!) ? rest : "/" + rest)
      guard TargetTemplate.fault(in: url, adID: "42", campaignID: "c-1") == nil else { continue }
      let query = (0..<Int.random(in: 0...12, using: &random)).map { _ in queryPieces.randomElement(using: &random)! }
        .joined()
        .replacing("#", with: "")
      let entries = ["", "gclid", "gclid utm_*", "utm_* x k* s* a*"].randomElement(using: &random)!
      let got = Self.location(url, passes: entries, campaign: "c-1", query: query)
      let wanted = Plain.location(url, entries, query)
      #expect(got == wanted, "round \(round), seed \(seed): \(url) \(entries) \(query.debugDescription)")
      #expect(
        got.hasPrefix(authority)
          && (got.count == authority.count || "/?#".contains(got.dropFirst(authority.count).first!)))
      #expect(got.utf8.allSatisfy { 0x21...0x7E ~= $0 }, "seed \(seed)")
      func path(_ text: String) -> Substring { text.dropFirst(authority.count).prefix { $0 != "?" && $0 != "#" } }
      #expect(path(got) == path(Plain.filled(url)), "seed \(seed)")
    }
  }

  /// The rules, in strings.
  private enum Plain {
    static func filled(_ url: String) -> String {
      url.replacing("{adId}", with: "42").replacing("{campaignId}", with: "c-1").replacing(
        "{impressionId}", with: "0193ab")
    }

    static func decoded(_ name: Substring) -> [UInt8]? {
      var bytes: [UInt8] = []
      var rest = Substring(name)
      while let first = rest.unicodeScalars.first {
        if first == "%" {
          let digits = rest.dropFirst().prefix(2)
          guard digits.utf8.count == 2, let byte = UInt8(digits, radix: 16), !digits.hasPrefix("+") else { return nil }
          bytes.append(byte)
          rest = rest.dropFirst(3)
        } else {
          bytes += first == "+" ? [0x20] : Array(String(first).utf8)
          rest = rest.unicodeScalars.dropFirst().reduce(into: Substring()) { $0.unicodeScalars.append($1) }
        }
      }
      return bytes
    }

    static func name(_ pair: Substring) -> [UInt8]? { decoded(pair.prefix { $0 != "=" }) }

    static func location(_ url: String, _ entries: String, _ query: String) -> String {
      let whole = filled(url)
      let hash = whole.firstIndex(of: "#") ?? whole.endIndex
      var head = String(whole[..<hash])
      let own =
        head.firstIndex(of: "?").map { head[head.index(after: $0)...].split(separator: "&").map { name($0) } } ?? []
      let list = entries.split(separator: " ")
      for pair in query.split(separator: "&") {
        var pair = pair
        while pair.hasPrefix("amp;") { pair = pair.dropFirst(4) }
        guard let name = name(pair), !name.isEmpty, !own.contains(name) else { continue }
        let isListed = list.contains {
          $0.hasSuffix("*") ? name.starts(with: $0.dropLast().utf8) : Array($0.utf8) == name
        }
        let isReserved = ["adid", "impressionid", "signature", "kid"].contains(
          String(decoding: name, as: UTF8.self).lowercased())
        guard isListed, !isReserved else { continue }
        var text = ""
        let bytes = Array(pair.utf8)
        for (index, byte) in bytes.enumerated() {
          let hex = "0123456789abcdefABCDEF".utf8
          let isEscape =
            byte == 0x25 && index + 2 < bytes.count && hex.contains(bytes[index + 1]) && hex.contains(bytes[index + 2])
          let isPlain = byte > 0x20 && byte < 0x7F && !"\"<>\\^`{|}%#".utf8.contains(byte)
          if isEscape || isPlain {
            text.unicodeScalars.append(Unicode.Scalar(byte))
          } else {
            let digits = String(byte, radix: 16, uppercase: true)
            text += "%" + (digits.count == 1 ? "0" : "") + digits
          }
        }
        let mark =
          head.contains("?")
          ? (head.hasSuffix("?") && head.firstIndex(of: "?") == head.index(before: head.endIndex) || head.hasSuffix("&")
            ? "" : "&") : "?"
        head += mark + text
      }
      return head + whole[hash...]
    }
  }
}

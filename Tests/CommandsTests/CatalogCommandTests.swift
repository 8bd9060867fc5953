import Clicks
import Commands
import JSON
import Platform
import Service
import Store
import Testing

/// Commands on a directory that no server holds.
@Suite struct CatalogCommandTests {
  @Test func adsArePutListedChangedAndDeleted() throws {
    let session = try Session()
    let put = session.run("ads put 42 https://x.example/a --advertiser acme --campaign c1 --data-dir DATA")
    #expect(put.status == .done, "\(put.talk)")
    #expect(put.talk.contains("ad 42 added"))
    #expect(put.talk.contains("admin.token"))
    #expect(session.run("ads put a1 https://y.example/ --advertiser other --paused --data-dir DATA").status == .done)
    let list = session.run("ads list --data-dir DATA")
    #expect(
      list.output == """
        AD  STATUS  ADVERTISER  CAMPAIGN  URL
        42  active  acme        c1        https://x.example/a
        a1  paused  other       -         https://y.example/

        """)
    #expect(session.run("ads list --advertiser acme --data-dir DATA").lines.count == 2)
    #expect(session.run("ads list --limit 1 --data-dir DATA").lines.count == 2)
    let json = try JSONReader.read(Array(session.run("ads list --format json --data-dir DATA").output.utf8))
    #expect(json["ads"]?.elements.map { $0.shown("adId") } == ["42", "a1"])

    #expect(session.run("ads put 42 https://x.example/b --advertiser acme --data-dir DATA").talk == "ad 42 changed\n")
    let get = session.run("ads get 42 --format json --data-dir DATA")
    #expect(try JSONReader.read(Array(get.output.utf8))["redirectUrl"]?.text == "https://x.example/b")
    #expect(session.run("ads delete 42 --data-dir DATA").status == .done)
    #expect(session.run("ads get 42 --data-dir DATA").status == .failed)
    #expect(session.run("ads delete 42 --data-dir DATA").status == .failed)
  }

  @Test func wrongAdsAreRefusedBeforeAnythingIsAsked() throws {
    let session = try Session()
    for line in [
      "ads put 42 https://x.example/ --data-dir DATA", "ads put 42 x.example --advertiser a --data-dir DATA",
      "ads put 4/2 https://x.example/ --advertiser a --data-dir DATA", "ads put 42 --advertiser a --data-dir DATA",
      "ads put 42 https://x.example/ --advertiser a --status gone --data-dir DATA",
      "ads put 42 https://x.example/ --advertiser a --fallback nowhere --data-dir DATA",
      "ads put 42 https://x.example/ --advertiser a --paused --status active --data-dir DATA",
    ] {
      #expect(session.run(line).status == .usage, "\(line)")
    }
    #expect(!KernelFileSystem().exists(session.data))
    #expect(session.run("ads list --data-dir DATA").status == .failed)
  }

  @Test func anAdWithCountsKeepsItsAdvertiser() throws {
    let session = try Session()
    #expect(session.run("ads put 42 https://x.example/ --advertiser acme --data-dir DATA").status == .done)
    #expect(session.run("ads put 42 https://x.example/ --advertiser other --data-dir DATA").status == .done)
    try session.fill(30, ad: AdID("42")!)
    let refused = session.run("ads put 42 https://x.example/ --advertiser acme --data-dir DATA")
    #expect(refused.status == .refused, "\(refused.talk)")
    #expect(refused.talk.contains("advertiser"))
  }

  @Test func adsAreImported() throws {
    let session = try Session()
    let csv = "adId,redirectUrl,advertiserId\n1,https://x.example/1,a\n2,nowhere,a\n3,https://x.example/3,a\n"
    try session.write("ads.csv", csv)
    let fromFile = session.run("ads import DIR/ads.csv --data-dir DATA")
    #expect(fromFile.status == .failed)
    #expect(fromFile.output == "2 created, 0 updated, 1 rejected\n")
    #expect(fromFile.talk.contains("ads.csv:3: "))
    let line = "{\"adId\":\"1\",\"redirectUrl\":\"https://x.example/n\",\"advertiserId\":\"a\"}\n"
    let piped = session.run("ads import - --data-dir DATA --format json", input: line)
    #expect(piped.status == .done, "\(piped.talk)")
    #expect(try JSONReader.read(Array(piped.output.utf8))["updated"]?.text == "1")
    #expect(session.run("ads import DIR/none.csv --data-dir DATA").status == .failed)
  }

  @Test func keysAreAddedListedAndRetired() throws {
    let session = try Session()
    let added = session.run("keys add --kid k1 --data-dir DATA")
    #expect(added.status == .done)
    #expect(added.output.utf8.count == 65)
    try session.write("secret", "open sesame\n")
    let short = session.run("keys add --kid k2 --secret-file DIR/secret --data-dir DATA")
    #expect(short.status == .usage && short.talk.contains("16 to 4096 bytes"), "\(short.talk)")
    try session.write("longer", "open sesame and more\n")
    #expect(
      session.run("keys add --kid k2 --secret-file DIR/longer --data-dir DATA").output == "open sesame and more\n")
    #expect(session.run("keys add --kid k2 --data-dir DATA").status == .refused)
    #expect(session.run("keys retire k1 --data-dir DATA").status == .done)
    #expect(session.run("keys retire k1 --data-dir DATA").status == .failed)
    let list = session.run("keys list --data-dir DATA").lines
    #expect(list.count == 3 && list[1].hasPrefix("k2   active   -") && list[2].hasPrefix("k1   retired  -"))
    #expect(!session.run("keys list --format json --data-dir DATA").output.contains("sesame"))
  }

  /// A key that is bound signs for its advertiser's ads, and `check` says why a link does not count.
  @Test func linksAreCheckedWithoutCounting() throws {
    let session = try Session()
    #expect(session.run("ads put 42 https://x.example/{adId} --advertiser acme --data-dir DATA").status == .done)
    #expect(session.run("ads put 43 https://y.example/ --advertiser umbra --data-dir DATA").status == .done)
    #expect(session.run("keys add --kid k1 --data-dir DATA").status == .done)
    #expect(session.run("keys add --kid k2 --advertiser umbra --data-dir DATA").status == .done)
    #expect(session.run("keys list --data-dir DATA").lines[1].hasPrefix("k2   active  umbra"))
    func link(_ line: String) -> String { session.run("sign \(line) --data-dir DATA").lines[0] }
    let mine = link("42")
    #expect(mine.hasSuffix("&kid=k1") && link("43").hasSuffix("&kid=k2"))
    let valid = session.run(["check", mine, "--data-dir", "DATA"])
    #expect(valid.status == .done && valid.output == "valid\n" && valid.talk.contains("leads to https://x.example/42"))
    #expect(session.run(["check", link("43"), "--data-dir", "DATA"]).status == .done)
    for (url, verdict) in [
      (link("42 --kid k2"), "bad-signature"), (mine + "0", "bad-signature"), (link("44"), "unknown-ad"),
      ("http://x/click?adId=42", "malformed"),
    ] {
      let answer = session.run(["check", url, "--data-dir", "DATA"])
      #expect(answer.status == .failed && answer.output == "\(verdict)\n", "\(url): \(answer.output)\(answer.talk)")
    }
    let json = session.run(["check", mine, "--format", "json", "--data-dir", "DATA"])
    #expect(try JSONReader.read(Array(json.output.utf8)).shown("adId") == "42")
    #expect(session.run("check nowhere --data-dir DATA").status == .refused)
  }

  @Test func tokensAreMadeListedAndRevoked() throws {
    let session = try Session()
    let made = session.run("tokens create --scopes read,mint --advertiser acme --label x --data-dir DATA")
    #expect(made.status == .done && made.output.hasPrefix("tally_"), "\(made.talk)")
    let id = String(made.output.dropFirst(6).prefix { $0 != "_" })
    let list = session.run("tokens list --format json --data-dir DATA")
    let tokens = try JSONReader.read(Array(list.output.utf8))["tokens"]?.elements ?? []
    // The first is the owner's own, which the first start writes to admin.token.
    #expect(tokens.map { $0.shown("label") } == ["admin.token", "x"])
    #expect(tokens.last?.shown("scopes") == "read,mint")
    #expect(session.run("tokens revoke \(id) --data-dir DATA").status == .done)
    #expect(session.run("tokens revoke \(id) --data-dir DATA").status == .failed)
    let brief = session.run("tokens create --scopes read --expires 90d --format json --data-dir DATA")
    let expires = try JSONReader.read(Array(brief.output.utf8)).shown("expires")
    #expect(!expires.isEmpty)
    #expect(session.run("tokens list --data-dir DATA").lines.last?.contains(expires) == true)
    let past = session.run("tokens create --scopes read --expires 2020-01-01T00:00:00Z --data-dir DATA")
    #expect(past.status == .refused && past.talk.contains("expires is past"), "\(past.talk)")
    let wrong = session.run("tokens create --scopes read --expires soon --data-dir DATA")
    #expect(wrong.status == .usage && wrong.talk.contains("--expires"), "\(wrong.talk)")
    #expect(session.run("tokens create --scopes rad --data-dir DATA").talk.contains("did you mean read?"))
    #expect(session.run("tokens create --data-dir DATA").status == .usage)
    #expect(session.run("tokens create --scopes admin --advertiser a --data-dir DATA").status == .usage)
  }

  @Test func linksAreSigned() throws {
    let session = try Session()
    #expect(session.run("sign 42 --data-dir DATA").status == .failed)
    try session.write("secret", "open sesame")
    let result = session.run("sign 42 --secret-file DIR/secret --count 3 --base https://c.example/")
    #expect(result.status == .done && Set(result.lines).count == 3)
    let key = SigningKey(id: "", secret: Array("open sesame".utf8))
    for line in result.lines {
      let parts = line.split(separator: "&")
      #expect(parts[0] == "https://c.example/click?adId=42")
      let impression = String(parts[1].dropFirst("impressionId=".count))
      #expect(ImpressionID(impression)?.timeInBits != nil)
      #expect(parts[2] == "signature=\(key.sign(ad: "42", impression: impression))")
    }
    #expect(session.run("keys add --kid k1 --data-dir DATA").status == .done)
    let own = session.run("sign 42 --data-dir DATA --format json")
    #expect(own.talk.contains("not in the catalog"))
    let link = try JSONReader.read(Array(own.output.utf8))["links"]?.elements.first
    #expect(link?.shown("clickUrl").hasSuffix("&kid=k1") == true)
    #expect(session.run("sign 42 --kid k9 --data-dir DATA").status == .failed)
  }

  @Test func aStoppedDirectoryIsQueried() throws {
    let session = try Session()
    #expect(session.run("query 42 --data-dir DATA").status == .failed)
    #expect(session.run("ads put 42 https://x.example/ --advertiser acme --data-dir DATA").status == .done)
    try session.fill(70, ad: AdID("42")!)
    let json = try JSONReader.read(Array(session.run("query 42 --data-dir DATA --format json").output.utf8))
    #expect(json["total"]?.text == "70")
    #expect((json["series"]?.elements ?? []).compactMap { Int($0.shown("clicks")) }.reduce(0, +) == 70)
    let csv = session.run("query 42 --from -10m --data-dir DATA --format csv").lines
    #expect(csv.first == "minute,clicks,status,credits" && csv.count >= 2)
    #expect(session.run("query 42 --data-dir DATA --plot").lines.last?.hasSuffix(", 70 clicks") == true)
    #expect(session.run("query 43 --data-dir DATA").status == .failed)
    let net = session.run("query 42 --from -10m --data-dir DATA --format csv --metrics duplicate,corrected,gross").lines
    #expect(net[0] == "minute,clicks,status,credits,duplicate,corrected,gross", "\(net)")
    #expect(net.dropFirst().allSatisfy { $0.split(separator: ",").count == 7 } && net.count > 1, "\(net)")
    let shown = session.run("query 42 --granularity day --data-dir DATA --metrics gross").lines
    #expect(shown.first?.hasSuffix("GROSS") == true && shown.last?.hasSuffix("70") == true, "\(shown)")
    #expect(session.run("query 42 --metrics costs --data-dir DATA").status == .usage)
    #expect(session.run("query 42 --from yesterday --data-dir DATA").status == .usage)
    #expect(session.run("query 42 --granularity fortnight --data-dir DATA").status == .usage)
    let hours = session.run("query 42 --granularity hour --data-dir DATA --format csv").lines
    #expect(hours.first == "hour,clicks,status,credits")
    #expect(hours.dropFirst().compactMap { Int($0.split(separator: ",")[1]) }.reduce(0, +) == 70)
    #expect(
      session.run("query 42 --granularity day --data-dir DATA --plot").lines.last?.hasSuffix(", 70 clicks") == true)
  }

  @Test func theHeaviestAdsOfAStoppedDirectoryAreTold() throws {
    let session = try Session()
    for (ad, advertiser) in [("42", "acme --campaign spring"), ("43", "bolt")] {
      let line = "ads put \(ad) https://x.example/ --advertiser \(advertiser) --data-dir DATA"
      #expect(session.run(line).status == .done)
    }
    try session.fill(30, ad: AdID("42")!)
    try session.fill(40, ad: AdID("43")!)
    let csv = session.run("top --data-dir DATA --format csv")
    #expect(csv.lines.first == "adId,adKey,advertiserId,campaignId,clicks,credits", "\(csv.talk)")
    let rows = csv.lines.dropFirst().map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
    #expect(
      rows.map { [$0[0], $0[2], $0[3], $0[4], $0[5]] } == [
        ["43", "bolt", "", "40", "0"], ["42", "acme", "spring", "30", "0"],
      ])
    let table = session.run("top --limit 1 --data-dir DATA")
    #expect(table.lines.first == "AD  ADVERTISER  CAMPAIGN  CLICKS" && table.lines.count == 2)
    #expect(table.talk.hasPrefix("70 clicks of 2 ads from "), "\(table.talk)")
    let json = try JSONReader.read(
      Array(session.run("top --data-dir DATA --format json --advertiser acme").output.utf8))
    #expect(json["total"]?.text == "30" && json["top"]?.elements.first?["campaignId"] == "spring")
    let lines = session.run("top --data-dir DATA --format ndjson --group-by campaign").lines
    #expect(try lines.map { try JSONReader.read(Array($0.utf8)).shown("clicks") } == ["40", "30"])
    #expect(session.run("top --from -2d --to -1d --data-dir DATA --format csv").lines.count == 1)
    for wrong in ["--limit 0", "--by cost", "--from yesterday", "--group-by none"] {
      #expect(session.run("top \(wrong) --data-dir DATA").status == .usage, "\(wrong)")
    }
  }

  @Test func aDirectoryInAnotherHandsIsLeftAlone() throws {
    let session = try Session()
    try session.fill(5, ad: AdID("42")!)
    let lock = try DirectoryLock("\(session.data)/LOCK")
    #expect(session.run("verify --data-dir DATA").status == .refused)
    // Held, but it does not say where it serves.
    #expect(session.run("ads list --data-dir DATA").status == .unavailable)
    // It says where, but nobody is there.
    lock.write(["pid": "1", "listen": "127.0.0.1:1", "admin": "127.0.0.1:1"])
    #expect(session.run("ads list --data-dir DATA").status == .unavailable)
    #expect(session.run("keys list --data-dir DATA").status == .unavailable)
    #expect(session.run("ads list --addr 127.0.0.1:1").status == .unavailable)
    #expect(session.run("keys list --addr 127.0.0.1:1").status == .usage)
    withExtendedLifetime(lock) {}
  }
}

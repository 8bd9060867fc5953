import Catalog
import Clicks
import Commands
import Platform
import Store
import Testing

/// What commands do about a catalog that is damaged, gone or another store's.
@Suite struct CatalogAcceptTests {
  private func damage(_ session: Session, _ sql: String) throws {
    let database = try Database.open(
      "\(session.data)/\(StoreFiles.catalog)", .readWrite, files: KernelFileSystem())
    try database.execute(sql, doing: "testing")
  }

  private func filled() throws -> Session {
    let session = try Session()
    #expect(session.run("ads put 42 https://example.com/x --advertiser adv1 --data-dir DATA").status == .done)
    #expect(session.run("keys add --kid k1 --data-dir DATA").status == .done)
    try session.fill(30, ad: AdID("42")!)
    return session
  }

  @Test func aDamagedRowIsToldShownAndRestored() throws {
    let session = try filled()
    #expect(session.run("verify --data-dir DATA").status == .done)
    try damage(session, "UPDATE ad SET redirect_url = 'https://gxample.com/x'")
    let verify = session.run("verify --data-dir DATA")
    #expect(verify.status == .differs && verify.talk.contains("catalog.sqlite: ad 42"), "\(verify.talk)")
    #expect(session.run("ads get 42 --data-dir DATA").status == .refused)
    #expect(session.run("ads delete 42 --data-dir DATA").status == .refused)
    let list = session.run("catalog accept --data-dir DATA")
    #expect(
      list.status == .done && list.output.contains("redirect_url: https://gxample.com/x   (was https://example.com/x)"))
    #expect(session.run("catalog accept 42 --dry-run --data-dir DATA").output == list.output)
    #expect(session.run("verify --data-dir DATA").status == .differs)
    #expect(session.run("catalog accept 42 --restore --drop --data-dir DATA").status == .usage)
    #expect(session.run("catalog accept 42 --restore --data-dir DATA").status == .done)
    #expect(session.run("ads get 42 --data-dir DATA").output.contains("https://example.com/x\n"))
    #expect(session.run("verify --data-dir DATA").status == .done)
    #expect(session.run("catalog accept 42 --data-dir DATA").talk.contains("not damaged"))
    #expect(session.run("catalog accept 43 --data-dir DATA").status == .failed)
    // The owner of a directory may put any ad anew; a key is dropped and made again.
    try damage(session, "UPDATE ad SET advertiser_id = 'adv3'; UPDATE signing_key SET secret = X'00'")
    #expect(session.run("sign 42 --data-dir DATA").status == .failed)
    #expect(session.run("ads put 42 https://example.com/y --advertiser adv1 --data-dir DATA").status == .done)
    let key = session.run("catalog accept --kind key k1 --drop --data-dir DATA")
    #expect(key.status == .done && key.output.contains("secret: (not shown)"), "\(key.talk)")
    #expect(session.run("keys add --kid k1 --data-dir DATA").status == .done)
    #expect(session.run("verify --data-dir DATA").status == .done)
  }

  @Test func aCatalogThatIsGoneIsRefusedByEverybody() throws {
    let session = try filled()
    let files = KernelFileSystem()
    for name in try files.list(session.data) where name.hasPrefix(StoreFiles.catalog) {
      try files.remove("\(session.data)/\(name)")
    }
    let verify = session.run("verify --data-dir DATA")
    #expect(verify.status == .differs && verify.talk.contains("missing, though the store has clicks"), "\(verify.talk)")
    for line in ["ads list", "keys add", "ads put 1 https://x.example/ --advertiser a", "tokens list"] {
      let refused = session.run("\(line) --data-dir DATA")
      #expect(refused.status == .refused && refused.talk.contains("accept --store"), "\(line): \(refused.talk)")
      #expect(!files.exists("\(session.data)/\(StoreFiles.catalog)"))
    }
    #expect(session.run("catalog accept --store --data-dir DATA").status == .done)
    #expect(session.run("keys add --data-dir DATA").status == .done)
    #expect(session.run("verify --data-dir DATA").status == .done)
  }

  @Test func anotherStoresCatalogIsRefusedUntilItIsAccepted() throws {
    let (session, other) = (try filled(), try filled())
    let files = KernelFileSystem()
    let path = "\(session.data)/\(StoreFiles.catalog)"
    try files.remove(path)
    try files.open(path, .create).writeAll(try files.contents("\(other.data)/\(StoreFiles.catalog)"), at: 0)
    #expect(session.run("verify --data-dir DATA").status == .differs)
    #expect(session.run("ads list --data-dir DATA").status == .refused)
    #expect(session.run("catalog accept --store --dry-run --data-dir DATA").talk.contains("belongs to store"))
    #expect(session.run("ads list --data-dir DATA").status == .refused)
    #expect(session.run("catalog accept --store --data-dir DATA").status == .done)
    #expect(session.run("ads list --data-dir DATA").status == .done)
    #expect(session.run("verify --data-dir DATA").status == .done)
  }

  @Test func adsSayWhatGoesToTheLandingPage() throws {
    let session = try Session()
    let put = session.run([
      "ads", "put", "42", "https://x.example/?c={impressionId}", "--advertiser", "a", "--campaign", "spring",
      "--pass-query",
      "gclid,utm_*", "--data-dir", session.data,
    ])
    #expect(put.status == .done, "\(put.talk)")
    #expect(session.run("ads get 42 --format json --data-dir DATA").output.contains(#""passQuery":["gclid","utm_*"]"#))
    for (url, more, words) in [
      ("https://x.example/{click_id}", [], "{impressionId}"), ("https://{adId}.example/", [], "host"),
      ("https://x.example/", ["--pass-query", "*"], "--pass-query"),
      ("https://x.example/", ["--pass-query", "kid"], "kid"),
    ] as [(String, [String], String)] {
      let bad = session.run(["ads", "put", "42", url, "--advertiser", "a", "--data-dir", session.data] + more)
      #expect(bad.status == .usage && bad.talk.contains(words), "\(bad.talk)")
    }
    try session.write(
      "ads.csv",
      "adId,redirectUrl,advertiserId,campaignId,passQuery\n1,https://x.example/{campaignId},a,c1,\"gclid, fbclid\"\n2,https://x.example/{x},a,,\n"
    )
    let csv = session.run("ads import DIR/ads.csv --data-dir DATA")
    #expect(csv.status == .failed && csv.talk.contains("ads.csv:3: redirectUrl has a {"), "\(csv.talk)")
    try session.write(
      "ads.ndjson",
      #"{"adId":"3","redirectUrl":"https://x.example/","advertiserId":"a","campaignId":"c1","passQuery":["gclid"]}"#
        + "\n")
    #expect(session.run("ads import DIR/ads.ndjson --data-dir DATA").status == .done)
    #expect(session.run("ads get 1 --format json --data-dir DATA").output.contains(#""passQuery":["gclid","fbclid"]"#))
    let list = session.run("ads list --campaign c1 --data-dir DATA").lines
    #expect(list.dropFirst().map { $0.prefix(1) } == ["1", "3"])
    #expect(session.run("ads list --campaign c1 --advertiser b --data-dir DATA").lines.count == 1)
  }
}

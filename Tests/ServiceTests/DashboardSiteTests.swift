import Dashboard
import Glibc
import HTTP
import Platform
import Records
import Service
import Testing

/// What browsers get of the page, and what they may keep.
@Suite struct DashboardSiteTests {
  private static let files = [
    DashboardSite.File(name: "app.js", mediaType: "text/javascript; charset=utf-8", bytes: Array("let a = 1;\n".utf8)),
    DashboardSite.File(
      name: "index.html", mediaType: "text/html; charset=utf-8",
      bytes: Array(
        #"<html data-assets="{{assets}}" data-dygraphs="{{dygraphs}}"><script src="{{assets}}/app.js">"#.utf8)),
  ]

  private func get(_ site: DashboardSite, _ path: String, _ match: String? = nil, _ encoding: String? = nil)
    -> APIResponse?
  {
    site.answer(path, ifNoneMatch: match, acceptEncoding: encoding)
  }

  /// The value of an attribute of the page.
  private func attribute(_ name: String, _ page: APIResponse?) -> String {
    page?.text.split(separator: "\(name)=\"").last.map { String($0.prefix { $0 != "\"" }) } ?? "?"
  }

  @Test func everyPageIsTheOneWithTheHashFilledIn() throws {
    let site = DashboardSite(Self.files, dygraphs: nil)
    let page = try #require(get(site, "/"))
    let base = attribute("data-assets", page)
    #expect(base.wholeMatch(of: #//assets/[0-9a-f]{16}/#) != nil && attribute("data-dygraphs", page).isEmpty)
    #expect(page.text.contains("src=\"\(base)/app.js\"") && !page.text.contains("{{"))
    for path in [
      "/", "/campaigns", "/campaigns/winter-2026", "/ads/42", "/ads/a%2Cb", "/method", "/ops", "/s/k3f7q2wxyz",
    ] {
      #expect(get(site, path)?.body == page.body, "\(path)")
    }
    for path in [
      "", "/ads", "/ads/", "/ads/a/b", "/campaigns/", "/campaigns/a/", "/s/", "/s", "/ops/", "/methods", "/index.html",
      "//", "/ADS/1", "/assets", "/assets/", "\(base)/index.html", "\(base)/none.js", "\(base)/", "/app.js",
    ] {
      #expect(get(site, path) == nil, "\(path)")
    }
  }

  @Test func itsFilesAreKeptForEverAndAnOldHashIsGone() throws {
    let site = DashboardSite(Self.files, dygraphs: Array("lib".utf8))
    let page = get(site, "/")
    let (base, dygraphs) = (attribute("data-assets", page), attribute("data-dygraphs", page))
    let script = try #require(get(site, "\(base)/app.js"))
    #expect(script.text == "let a = 1;\n" && script.header("Content-Type") == "text/javascript; charset=utf-8")
    #expect(script.header("Cache-Control") == "public, max-age=31536000, immutable")
    #expect(get(site, dygraphs)?.text == "lib" && dygraphs.hasSuffix("/dygraph.min.js") && site.hasDygraphs)
    var changed = Self.files
    changed[0].bytes += Array("//\n".utf8)
    let next = DashboardSite(changed, dygraphs: Array("lib2".utf8))
    #expect(attribute("data-assets", get(next, "/")) != base)
    #expect(get(next, "\(base)/app.js") == nil && get(next, dygraphs) == nil)
    // The same files have the same address after a restart.
    #expect(get(DashboardSite(Self.files, dygraphs: Array("lib".utf8)), "/")?.body == page?.body)
  }

  @Test func thePageIsAskedForAnewAndNotSentTwice() throws {
    let site = DashboardSite(Self.files, dygraphs: nil)
    let page = try #require(get(site, "/"))
    let tag = try #require(page.header("ETag"))
    #expect(tag.hasPrefix("\"") && page.header("Cache-Control") == "no-cache")
    let same = try #require(get(site, "/ads/1", tag))
    #expect(same.status == 304 && same.body.isEmpty && same.header("ETag") == tag)
    let packed = try #require(get(site, "/", tag, "gzip"))
    #expect(packed.status == 200 && packed.header("ETag") != tag)
    #expect(get(site, "/", packed.header("ETag"), "gzip")?.status == 304)
  }

  @Test func scriptsOfOthersAreKeptAway() {
    let site = DashboardSite(Self.files, dygraphs: nil)
    let page = get(site, "/")
    for answer in [page, get(site, "/", page?.header("ETag")), get(site, "\(attribute("data-assets", page))/app.js")] {
      #expect(
        answer?.header("Content-Security-Policy")
          == "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types default"
      )
      #expect(answer?.header("Referrer-Policy") == "no-referrer")
      #expect(answer?.header("Cross-Origin-Opener-Policy") == "same-origin")
      #expect(answer?.header("Cross-Origin-Resource-Policy") == "same-origin")
    }
  }

  @Test func gzipIsSentToWhomTakesIt() throws {
    let bytes = (0..<50_000).map { UInt8(0x20 + $0 &* $0 >> 7 & 63) }
    for text in [[], [0x41], bytes] {
      let site = DashboardSite([Self.files[1], .init(name: "a.js", mediaType: "x", bytes: text)], dygraphs: nil)
      let path = "\(attribute("data-assets", get(site, "/")))/a.js"
      for (field, isPacked) in [
        (nil, false), ("", false), ("identity", false), ("gzip", true), ("br, gzip;q=0.5", true), ("gzip;q=0", false),
        ("*", true), ("*;q=0", false), ("gzip;q=0, *", false), ("*;q=0, gzip", true), ("GZIP", true),
        ("deflate", false),
        ("gzip ; q=0.0", false),
      ] {
        let answer = try #require(get(site, path, nil, field))
        #expect((answer.header("Content-Encoding") == "gzip") == isPacked, "\(field ?? "none")")
        #expect(answer.header("Vary") == "Accept-Encoding")
        #expect(isPacked ? try unpacked(answer.body) == text : answer.body == text)
      }
    }
  }

  /// What a gzip member holds, as a reader of ours unpacks it.
  private func unpacked(_ packed: [UInt8]) throws -> [UInt8] {
    let front = TextFront(mustBeGzip: true)
    var text: [UInt8] = []
    try unsafe packed.withUnsafeBytes { packed in try unsafe front.feed(packed) { unsafe text += $0 } }
    try unsafe front.finish { unsafe text += $0 }
    return text
  }

  // MARK: - Over sockets

  /// The program's own page, with whatever library the machine has.
  @Test func theServerHasItWhereTheSettingsSay() throws {
    for (place, isPublic) in [(ServeSettings.DashboardPlace.public, true), (.admin, false), (.off, nil)] {
      let service = try TestService { $0.dashboard = place }
      for (address, isServed) in [
        (service.address, isPublic == true), (service.server.adminAddress, isPublic == false),
      ] {
        let page = try HTTPClient(address).request("GET", "/ads/42")
        #expect(page.status == (isServed ? 200 : 404), "\(place), \(address)")
        #expect(page.header("X-Content-Type-Options") == "nosniff")
        #expect(try HTTPClient(address).request("HEAD", "/").status == (isServed ? 200 : 404))
        #expect(try HTTPClient(address).request("POST", "/").status == 404)
        for path in ["/assets/0123456789abcdef/app.js", "/ads/1/2", "/nothing"] {
          let none = try HTTPClient(address).request("GET", path)
          #expect(none.status == 404 && none.header("Content-Type") == "application/problem+json")
        }
        guard isServed else { continue }
        let base = page.text.split(separator: "data-assets=\"").last.map { String($0.prefix { $0 != "\"" }) } ?? ""
        for file in DashboardFiles.all where file.name != "index.html" {
          let answer = try HTTPClient(address).request("GET", "\(base)/\(file.name)")
          #expect(
            answer.status == 200 && answer.text == "\(file.text)" && answer.header("Content-Type") == file.mediaType)
        }
      }
    }
  }

  @Test func aDirectoryIsServedAsItStands() throws {
    let files = KernelFileSystem()
    let path = "/tmp/tally-web-\(getpid())-\(KernelChance().next())"
    try files.createDirectory(path)
    defer {
      for name in ["index.html", "dygraph.min.js"] { try? files.remove("\(path)/\(name)") }
      unsafe rmdir(path)
    }
    func write(_ name: String, _ text: String) throws {
      let file = try files.open("\(path)/\(name)", .create)
      try file.writeAll(Array(text.utf8), at: 0)
    }
    try write("index.html", "<p>{{dygraphs}}")
    let service = try TestService {
      $0.dashboardDirectory = path
      $0.dygraphsDirectory = path
    }
    #expect(service.server.notes.contains { $0.contains("dygraph.min.js") })
    #expect(try service.request("GET", "/").text == "<p>")
    try write("dygraph.min.js", "lib")
    let page = try service.request("GET", "/").text
    #expect(try service.request("GET", String(page.dropFirst(3))).text == "lib")
    #expect(throws: (any Error).self) {
      _ = try TestService {
        $0.dashboardDirectory = path
        $0.listen = "0.0.0.0:0"
      }
    }
  }
}

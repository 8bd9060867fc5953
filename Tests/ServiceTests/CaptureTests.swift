import Clicks
import Platform
import Service
import Store
import Testing
import Traffic

/// What the doors capture is what is kept of each click, and of no other.
@Suite(.serialized) struct CaptureTests {
  /// The captured strings of every raw click of a stopped service; nil where nothing was captured.
  private func kept(_ service: TestService) throws -> [ImpressionID: [String]?] {
    var found: [ImpressionID: [String]?] = [:]
    _ = try Store.read(.kernel, service.dataDirectory) { _, recovery in
      let identity = try #require(try Store.identify(KernelFileSystem(), service.dataDirectory))
      try recovery.forEachRetained(KernelFileSystem(), store: identity.id) { click in
        let strings = click.strings.map { CapturedStrings(click.set, of: $0).strings(at: 0) }
        found[click.click.impression] = strings.map { $0.map { String(decoding: $0, as: UTF8.self) } }
      }
    }
    return found
  }

  @Test func browsersAreKeptAsTheySay() throws {
    let service = try TestService { $0.capture = .all }
    let long = String(repeating: "a", count: 1_023)
    let cases: [(headers: [(String, String)], due: [String])] = [
      ([("User-Agent", "one"), ("Referer", "https://a.example/?x=1")], ["one", "https://a.example/?x=1"]),
      ([("user-agent", long + "é"), ("Cookie", "c"), ("X-Forwarded-For", "192.0.2.1")], [long, ""]),
      ([("Referer", "b\tc")], ["", "b c"]),
      ([], ["", ""]),
    ]
    var due: [ImpressionID: [String]?] = [:]
    for one in cases {
      let id = TestService.impression()
      #expect(try service.request("GET", TestService.link("active", id), one.headers).verdict == "valid")
      let other = [("User-Agent", "repeat"), ("Referer", "repeat")]
      #expect(try service.request("GET", TestService.link("active", id), other).verdict == "duplicate")
      #expect(try service.request("HEAD", TestService.link("active", id), other).verdict == "head")
      due[id] = one.due
    }
    service.stop()
    #expect(try kept(service) == due)
  }

  /// Strings that do not fit into one frame make more frames, of slots of any size.
  @Test func longStringsFillFrames() throws {
    let service = try TestService {
      $0.capture = .all
      $0.shardOptions.slotBytes = 65_536
    }
    var due: [ImpressionID: [String]?] = [:]
    var lines: [String] = []
    for number in 0..<300 {
      let id = TestService.impression()
      let texts = ["agent \(number)", "https://\(number).example/"].map {
        number % 10 == 0 ? "" : $0 + String(repeating: "z", count: number % 7 == 0 ? 1_000 - $0.utf8.count : 900)
      }
      due[id] = texts
      lines.append(
        TestService.line("active", "\(id)").dropLast(2)
          + ",\"userAgent\":\"\(texts[0])\"" + (texts[1].isEmpty ? "" : ",\"referrer\":\"\(texts[1])\"") + "}\n")
    }
    // With repeats between them, whose own strings are not kept.
    let repeats = lines.map { $0.replacing("zz", with: "yy") }
    let answer = try service.post(zip(lines, repeats).flatMap { [$0, $1] })
    #expect(answer.status == 200 && answer.number("accepted") == 300 && answer.number("duplicate") == 300)
    #expect(try service.api("POST", "/admin/v1/compact", admin: true).status == 202)
    service.stop()
    #expect(try kept(service) == due)
  }
}

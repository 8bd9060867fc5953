import Catalog
import Clicks
import Demo
import Glibc
import Platform
import ProcessHarness
import Store
import Synchronization
import Testing
import Traffic

/// Batches to a real server that is killed in the middle of them, or that is sent more than it could ever keep in memory.
@Suite(.serialized) struct BatchKillTests {
  /// A server with 20 ads on a directory of its own.
  final class Fixture {
    let directory: TemporaryDirectory
    let server: ServerProcess
    let ads: [AdID]
    let token: String
    var minter: LinkMinter

    init(_ arguments: [String] = []) throws {
      unsafe setenv("SWIFT_BACKTRACE", "enable=no", 1)
      directory = try TemporaryDirectory("tally-batch")
      let data = "\(directory.path)/data"
      try KernelFileSystem().createDirectory(data)
      ads = (0..<20).map { AdID("ad-\($0)")! }
      let catalog = try Catalog.open("\(data)/\(StoreFiles.catalog)", in: .kernel)
      let key = try catalog.addKey(kid: "batch")
      minter = LinkMinter(secret: key.secret.bytes, time: KernelTime(), seed: UInt64.random(in: 0...UInt64(UInt32.max)))
      let rows = ads.enumerated().map { index, ad in
        AdRow(
          line: index + 1,
          fields: AdFields(adID: ad.text, redirectURL: "https://a.example/", advertiserID: "demo", status: "active"))
      }
      _ = try catalog.importAds(rows) { _ in false }
      server = ServerProcess(
        program: TrafficOptions.builtProgram, dataDirectory: data, logPath: "\(directory.path)/server.log",
        arguments: arguments, keepsAddresses: false)
      try server.start()
      token = try #require(try AdminToken.read(in: data, KernelFileSystem())).reveal()
    }

    deinit { server.kill() }

    /// `count` lines over ten minutes, each once, and what they add up to.
    func lines(_ count: Int) -> (body: [UInt8], counts: [AdMinute: Int]) {
      var body: [UInt8] = []
      body.reserveCapacity(count * 120)
      var counts: [AdMinute: Int] = [:]
      let now = KernelTime().wall()
      for i in 0..<count {
        let ad = ads[i % ads.count]
        let time = now - Int64(i % 10) * 60_000
        minter.appendLine(
          ad: Array(ad.text.utf8), impression: minter.randomImpression(), time: time, isSigned: i % 10 == 0, to: &body)
        counts[AdMinute(ad, Minute(containing: time)), default: 0] += 1
      }
      return (body, counts)
    }

    func client() throws -> BatchClient { BatchClient(try ServerAddress("http://\(server.listen)"), seconds: 60) }

    /// A field of the server's `/proc/PID/status`, MiB.
    func memory(_ field: String) throws -> Int {
      let path = "/proc/\(server.processID ?? 0)/status"
      let text = String(decoding: try KernelFileSystem().open(path, .read).bytes(at: 0, count: 8192), as: UTF8.self)
      for line in text.split(separator: "\n") where line.hasPrefix(field + ":") {
        guard let kibibytes = Int(line.dropFirst(field.count + 1).filter(\.isNumber)) else { break }
        return kibibytes >> 10
      }
      throw SystemError("find \(field) in", path, code: ENODATA)
    }
  }

  /// SIGKILL somewhere in a batch, a restart, the same batch again, until it is taken whole: every count is exact.
  @Test(arguments: ["64MiB", "256KiB"]) func aKillInTheMiddleIsSettledByTheSameBatch(slot: String) throws {
    let fixture = try Fixture(["--log-slot-size", slot])
    var expected: [AdMinute: Int] = [:]
    var kills = 0
    var partly = 0
    for round in 0..<5 {
      let (body, counts) = fixture.lines(60_000)
      expected.merge(counts) { $0 + $1 }
      var attempt = 0
      while true {
        attempt += 1
        let client = try fixture.client()
        // The first attempts are cut: the server dies after a random part of the body, or of the time behind it.
        let cut = attempt <= 3 ? Int.random(in: 0...body.count * 5 / 4) : Int.max
        let answer = try? send(body, by: client, fixture.token) { sent in
          if sent >= cut { fixture.server.kill() }
        }
        if attempt <= 3, answer == nil || answer?.status != 200 || cut > body.count {
          if fixture.server.isRunning { fixture.server.kill() }
          kills += 1
          try fixture.server.start()
          if answer?.status == 200 { continue }
        }
        guard let answer else { continue }
        try #require(answer.status == 200, "round \(round): \(answer.text)")
        #expect(answer.number("accepted") + answer.number("duplicate") == 60_000, "round \(round): \(answer.text)")
        if (1..<60_000).contains(answer.number("duplicate")) { partly += 1 }
        break
      }
    }
    let now = KernelTime().wall()
    let actual = try TableReader(fixture.server.listen, token: fixture.token).counts(
      of: fixture.ads, from: now - 3_600_000, to: now + 120_000)
    #expect(actual == expected)
    #expect(kills >= 5)
    print("slots of \(slot): \(kills) kills, \(partly) batches found partly counted")
    #expect(fixture.server.stop() == 0, "\(fixture.server.lastWords)")
  }

  private func send(
    _ body: [UInt8], by client: BatchClient, _ token: String, _ sent: (Int) -> Void
  ) throws -> BatchAnswer {
    try client.begin(token: token, length: body.count)
    var position = 0
    while position < body.count {
      let end = min(body.count, position + 64 << 10)
      guard try client.send(Array(body[position..<end])) else { break }
      position = end
      sent(position)
    }
    return try client.finish()
  }

  /// A body many times larger than what the server may take, of repeats and of broken lines: its memory stays where it was.
  @Test func memoryDoesNotFollowTheBody() throws {
    let fixture = try Fixture()
    let (lines, _) = fixture.lines(20_000)
    let piece = lines + Array(String(repeating: "{\"adId\":\n", count: 20_000).utf8)
    let client = try fixture.client()
    // Everything that is made once has been made.
    let first = try client.post(piece, token: fixture.token)
    #expect(first.number("accepted") == 20_000 && first.number("malformed") == 20_000)
    let before = try fixture.memory("VmHWM")
    let repeats = 100
    try client.begin(token: fixture.token)
    for _ in 0..<repeats { #expect(try client.send(piece)) }
    let answer = try client.finish()
    #expect(answer.number("duplicate") == repeats * 20_000 && answer.number("malformed") == repeats * 20_000)
    let grown = try fixture.memory("VmHWM") - before
    print("a body of \(repeats * piece.count >> 20) MiB: the server grew by \(grown) MiB")
    #expect(grown < 32)
    #expect(fixture.server.stop() == 0, "\(fixture.server.lastWords)")
  }
}

import Clicks
import Commands
import JSON
import Platform
import Service
import Store
import Testing

/// Whole stores of earlier versions, each made by the program of its time (`Stores/README.md`): this program reads them,
/// verifies them, goes on in them, and gives the answers that were given then.
@Suite struct StoredVersionTests {
  private static let folder: String = {
    let own = #filePath
    return own[..<own.lastIndex(of: "/")!] + "/Stores"
  }()

  /// A copy of the store of `version`, and what its program said of it.
  private func unpack(_ version: String) throws -> (session: Session, expected: JSONValue) {
    let session = try Session()
    let tar = try ChildProcess(
      "/bin/tar", ["-xzf", "\(Self.folder)/\(version)/store.tar.gz", "-C", session.path, "--no-same-owner"],
      log: "\(session.path)/tar", follows: true)
    try #require(tar.wait() == 0)
    try KernelFileSystem().rename("\(session.path)/store", to: session.data)
    let text = try KernelFileSystem().contents("\(Self.folder)/\(version)/expected.json")
    return (session, try JSONReader.read(text))
  }

  private func json(_ session: Session, _ line: String) throws -> JSONValue {
    let result = session.run(line + " --format json --data-dir DATA")
    #expect(result.status == .done, "\(line): \(result.talk)")
    return try JSONReader.read(Array(result.output.utf8))
  }

  /// Clicks, credits, corrections, statements and ads are what was recorded.
  private func compare(_ session: Session, _ expected: JSONValue, isRecounted: Bool = false) throws {
    guard case .object(let ads)? = expected["series"] else { throw Failure("no series") }
    for ad in ads {
      for granularity in ["minute", "day"] {
        let line = "query \(ad.name) --from 2026-08-01T00:00:00Z --to 2027-01-01T00:00:00Z --granularity \(granularity)"
        let answer = try json(session, line)
        let points = (answer["series"]?.elements ?? []).map { point in
          [granularity, "clicks", "credits"].map { point[$0] == nil ? "0" : point.shown($0) }
        }
        let recorded = (ad.value[granularity]?.elements ?? []).map { $0.elements.map(\.shown) }
        let due = isRecounted && ad.name == "42" ? nil : recorded
        if let due { #expect(points == due, "\(ad.name) by \(granularity)") }
        if granularity == "day", due != nil { #expect(answer.shown("total") == ad.value.shown("total")) }
      }
    }
    guard case .object(let statements)? = expected["statements"] else { throw Failure("no statements") }
    for statement in statements {
      let line = "statement 2026-09 --advertiser \(statement.name) --format csv --data-dir DATA"
      #expect(
        session.run(line).output.replacing("\r\n", with: "\n") == expected["statements"]?.shown(statement.name),
        "\(statement.name)")
    }
    guard case .object(let redirects)? = expected["redirects"] else { throw Failure("no redirects") }
    for ad in redirects {
      #expect(try json(session, "ads get \(ad.name)").shown("redirectUrl") == expected["redirects"]?.shown(ad.name))
    }
    if !isRecounted, case .object(let metrics)? = expected["metrics"] {
      for ad in metrics {
        let line = "query \(ad.name) --from 2026-08-01T00:00:00Z --to 2027-01-01T00:00:00Z --granularity month"
        let answer = try json(session, line + " --metrics duplicate,bot,corrected,gross")
        guard case .object(let numbers) = ad.value else { throw Failure("no metrics") }
        for number in numbers {
          #expect(answer["metrics"]?.shown(number.name) == ad.value.shown(number.name), "\(number.name) of \(ad.name)")
        }
      }
    }
    guard !isRecounted, case .object(let corrections)? = expected["corrections"] else { return }
    for ad in corrections {
      let answer = try json(session, "corrections \(ad.name) --limit 10000")
      #expect(answer["corrections"]?.elements.count == ad.value.elements.count, "\(ad.name)")
    }
  }

  private static let versions = ["0.1", "0.2", "0.3", "0.4"]

  @Test(arguments: versions) func itIsReadAsItWas(version: String) throws {
    let (session, expected) = try unpack(version)
    let report = try json(session, "verify --deep")
    for figure in ["clicks", "recounted", "rows"] {
      #expect(report.shown(figure) == expected["verify"]?.shown(figure), "\(figure)")
    }
    try compare(session, expected)
  }

  /// The clock is at least months ahead of the store's, and nothing shall retire.
  private static let settings =
    "--log-slot-size 64KiB --disk-reserve 0 --accept-clock --raw-retention 36500d --minute-retention 36500d"

  @Test(arguments: versions) func itGoesOn(version: String) throws {
    let (session, expected) = try unpack(version)
    // A repeat that no recount had seen goes now.
    let first = try json(session, "reconcile \(Self.settings)")
    #expect(first.shown("rowsCorrected") == "1", "\(first)")
    let second = try json(session, "reconcile \(Self.settings)")
    #expect(second.shown("rowsCorrected") == "0", "\(second)")
    // Every line is known, however long ago it was counted.
    let again = session.run(
      "import DATA/october.csv --history --source again --log-slot-size 64KiB --disk-reserve 0 --accept-clock "
        + "--data-dir DATA")
    #expect(again.output.hasPrefix("0 accepted, 150 duplicate, 0 rejected"), "\(again.output)\(again.talk)")
    let compacted = session.run("compact \(Self.settings) --data-dir DATA")
    #expect(compacted.status == .done, "\(compacted.talk)")
    #expect(session.run("verify --deep --data-dir DATA").status == .done)
    try compare(session, expected, isRecounted: true)
  }

  @Test(arguments: versions) func itIsServed(version: String) throws {
    let (session, expected) = try unpack(version)
    var settings = ServeSettings()
    settings.dataDirectory = session.data
    (settings.listen, settings.adminListen) = ("127.0.0.1:0", "127.0.0.1:0")
    settings.shardOptions.slotBytes = 1 << 20
    settings.shardOptions.diskReserve = 0
    settings.shardOptions.acceptClock = true
    (settings.shardOptions.rawRetention, settings.shardOptions.minuteRetention) = (1 << 50, 1 << 50)
    for _ in 0..<2 {
      let server = Server(settings) { _ in }
      try server.start()
      #expect(try json(session, "query 43 --from 2026-08-01T00:00:00Z --granularity day").shown("total") != "0")
      try compare(session, expected)
      server.stop()
      #expect(session.run("verify --deep --data-dir DATA").status == .done)
    }
  }
}

extension JSONValue {
  /// A value of a list as text.
  fileprivate var shown: String { JSONValue.object(["value": self]).shown("value") }
}

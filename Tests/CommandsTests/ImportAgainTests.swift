import Commands
import Demo
import Glibc
import JSON
import Platform
import Service
import Simulation
import Store
import Testing

/// Files that come again: whole, renamed, changed, grown, with their raw clicks and without; and imports that are ended in the
/// middle, by a signal or by SIGKILL, real processes then.
@Suite(.serialized) struct ImportAgainTests {
  private let session: Session
  private let now: Int64

  init() throws {
    session = try Session()
    now = KernelTime().wall()
    for ad in ["a", "b"] {
      #expect(session.run("ads put \(ad) https://x.example/ --advertiser acme --data-dir DATA").status == .done)
    }
  }

  private func total(_ ad: String = "a") throws -> Int {
    let query = session.run("query \(ad) --from -9d --to now --granularity day --format json --data-dir DATA")
    #expect(query.status == .done, "\(query.talk)")
    return try JSONReader.read(Array(query.output.utf8))["total"]?.text.flatMap { Int($0) } ?? -1
  }

  /// A table of clicks of some hours ago; a click has an id and its line a remark.
  private func rows(_ numbers: Range<Int>, changed: Int? = nil) -> String {
    "adId,time,id,note\n"
      + numbers.map { "a,\((now / 1000 - 9_000 - Int64($0)) * 1000),i\($0),\($0 == changed ? "changed" : "same")\n" }
      .joined()
  }

  /// Writes a file, in the place of one that may be there.
  private func put(_ name: String, _ text: String) throws {
    let path = "\(session.path)/\(name)"
    if KernelFileSystem().exists(path) { try KernelFileSystem().remove(path) }
    try session.write(name, text)
  }

  /// Drops all raw clicks that have been recounted: the log becomes segments, and these are too old.
  private func retire() throws {
    #expect(session.run("compact --data-dir DATA --allowed-lateness 1s").status == .done)
    usleep(1_100_000)
    let store = try Store.identify(KernelFileSystem(), session.data)
    #expect(store != nil)
    var options = ShardOptions()
    options.rawRetention = 0
    options.idleAfter = 0
    options.takesClicks = false
    options.dedupHorizon = 1_000
    let opened = try Store.open(.kernel, session.data, options: options)
    usleep(3_200_000)
    for shard in opened.shards {
      try shard.maintenance.recount(.changes)
      try shard.maintenance.retain()
      #expect(shard.state.retired == shard.state.sealed)
      shard.maintain()
      shard.close()
    }
  }

  @Test func importRetireImportAgain() throws {
    try put("one.csv", rows(0..<400))
    let byColumn = "--id-from id --data-dir DATA"
    let byLine = "--id-from line --data-dir DATA"
    #expect(session.run("import DIR/one.csv \(byColumn)").output == "400 accepted, 0 duplicate, 0 rejected\n")
    try put("two.csv", rows(1_000..<1_300))
    #expect(session.run("import DIR/two.csv \(byLine)").output == "300 accepted, 0 duplicate, 0 rejected\n")
    func check() throws { #expect(try total() == 700) }
    for isRetired in [false, true] {
      for (file, ids) in [("one", byColumn), ("two", byLine)] {
        // Whole, and whole under another name.
        try put("\(file)-renamed.csv", file == "one" ? rows(0..<400) : rows(1_000..<1_300))
        for name in [file, "\(file)-renamed"] {
          let again = session.run("import DIR/\(name).csv \(ids)")
          #expect(again.status == .done && again.output.hasPrefix("read already on 20"), "\(again.talk)")
          #expect(again.output.contains("as \(file).csv"), "\(again.output)")
          let json = session.run("import DIR/\(name).csv \(ids) --format json")
          let report = try JSONReader.read(Array(json.output.utf8))
          #expect(report["accepted"]?.text == "0" && report["readAlready"]?["source"]?.text == "\(file).csv")
          // By way of a pipe it has a name only where one is given.
          if isRetired || ids == byLine {
            let text = file == "one" ? rows(0..<400) : rows(1_000..<1_300)
            let piped = session.run("import - --source \(file).csv \(ids)", input: text)
            #expect(piped.status == .done && piped.output.hasPrefix("read already on"), "\(piped.talk)")
            let cut = session.run("import - --source \(file).csv \(ids)", input: String(text.dropLast(20)))
            #expect(cut.status == .refused && cut.talk.contains("--source"), "\(cut.talk)")
          }
        }
        try check()
      }
      // One line changed: with ids of its own it is read again as long as repeats can be told.
      try put("one.csv", rows(0..<400, changed: isRetired ? 300 : 200))
      let own = session.run("import DIR/one.csv \(byColumn)")
      if isRetired {
        #expect(
          own.status == .refused && own.talk.contains("retire") && own.talk.contains("--source NAME"), "\(own.talk)")
      } else {
        #expect(own.output == "0 accepted, 400 duplicate, 0 rejected\n", "\(own.talk)")
      }
      try put("two.csv", rows(1_000..<1_300, changed: 1_200))
      let derived = session.run("import DIR/two.csv \(byLine)")
      #expect(derived.status == .refused && derived.talk.contains("--source NAME"), "\(derived.talk)")
      try check()
      try put("one.csv", rows(0..<400))
      try put("two.csv", rows(1_000..<1_300))
      if !isRetired { try retire() }
      #expect(session.run("import DIR/one.csv \(byColumn) --again").status == .refused)
    }
    // Grown: what was read is passed over.
    try put("two.csv", rows(1_000..<1_350))
    let grown = session.run("import DIR/two.csv \(byLine)")
    #expect(grown.output == "50 accepted, 0 duplicate, 0 rejected, 301 lines done before\n", "\(grown.talk)")
    #expect(try total() == 750)
    // Another file, says the user.
    let other = session.run("import DIR/one.csv --source other \(byColumn)")
    #expect(other.output == "400 accepted, 0 duplicate, 0 rejected\n", "\(other.talk)")
    #expect(session.run("verify --data-dir DATA").status == .done)
  }

  @Test func whatWasRejectedCountsOnceItsAdIsKnown() throws {
    try session.write("c.csv", rows(0..<10) + "new,\(now - 5_000),x,\n")
    let line = "import DIR/c.csv --id-from line --data-dir DATA"
    #expect(session.run(line).output == "10 accepted, 0 duplicate, 1 rejected (1 unknown-ad)\n")
    #expect(session.run("ads put new https://x.example/ --advertiser acme --data-dir DATA").status == .done)
    #expect(session.run(line).output == "1 accepted, 10 duplicate, 0 rejected\n")
    #expect(session.run(line).output.hasPrefix("read already on"))
    #expect(session.run(line + " --again").output == "0 accepted, 11 duplicate, 0 rejected\n")
  }

  // MARK: - Real processes

  private static let program: String = {
    let own = ChildProcess.ownPath
    return own[..<(own.lastIndex(of: "/") ?? own.startIndex)] + "/tally"
  }()

  private func start(_ line: String) throws -> ChildProcess {
    unsafe setenv("SWIFT_BACKTRACE", "enable=no", 1)
    let log = "\(session.path)/child"
    if KernelFileSystem().exists(log) { try KernelFileSystem().remove(log) }
    let words = line.split(separator: " ").map {
      $0.replacing("DATA", with: session.data).replacing("DIR", with: session.path)
    }
    return try ChildProcess(Self.program, words.map { String($0) }, log: log, follows: true)
  }

  private func said() throws -> String {
    String(decoding: try KernelFileSystem().contents("\(session.path)/child"), as: UTF8.self)
  }

  private func many(_ count: Int, prefix: String = "i") -> String {
    var text = "adId,time,id\n"
    text.reserveCapacity(count * 32)
    for i in 0..<count {
      text += "\(i % 3 == 0 ? "b" : "a"),\(now - 200_000 - Int64(i % 3_600) * 1_000),\(prefix)\(i)\n"
    }
    return text
  }

  private func logSlots() throws -> Int {
    let files = KernelFileSystem()
    return try (0..<2).reduce(0) { sum, shard in
      let log = "\(session.data)/shard-0\(shard)/\(StoreFiles.log)"
      return sum + (files.exists(log) ? try files.list(log).count : 0)
    }
  }

  /// Stopped by a signal it says how far it is; corrected in what was read, every line counts as it is now.
  @Test func stoppedThenCorrectedInThePartThatWasRead() throws {
    let count = 400_000
    let text = many(count)
    try session.write("m.csv", text)
    let line = "import DIR/m.csv --id-from id --data-dir DATA --log-slot-size 1MiB --disk-reserve 0"
    let child = try start(line)
    // Of some two dozen log slots that the clicks fill: some lines were read then, and most are still to come.
    var slots = 0
    for _ in 0..<2_000 where slots < 6 {
      usleep(10_000)
      slots = try logSlots()
    }
    #expect(slots >= 6)
    child.signal(SIGINT)
    let status = child.wait()
    let words = try said()
    #expect(status == ExitStatus.failed.rawValue && words.contains("calling it again goes on"), "\(words)")
    let before = try total("a") + total("b")
    // Untouched, it goes on behind the line that it named.
    let corrected = text.replacing(",i7\n", with: ",corrected\n", maxReplacements: 1)
    try KernelFileSystem().remove("\(session.path)/m.csv")
    try session.write("m.csv", corrected)
    let again = session.run("import DIR/m.csv --id-from id --data-dir DATA --log-slot-size 1MiB --disk-reserve 0")
    #expect(again.status == .done, "\(again.talk)")
    // The line that was corrected was counted as it was, and as it is: nothing else is twice, nothing is left out.
    let all = try total("a") + total("b")
    #expect(all == (before > 7 ? count + 1 : count), "\(before) before; \(again.output)")
    #expect(before == 0 || again.talk.contains("has changed"), "\(again.talk)")
    #expect(session.run("verify --data-dir DATA").status == .done)
  }

  /// Killed at random points, called again until it ends: every line once. Then it is recognised.
  @Test func killsInTheMiddleCountNothingTwice() throws {
    let count = 300_000
    try session.write("k.csv", many(count))
    let line = "import DIR/k.csv --id-from line --data-dir DATA --log-slot-size 1MiB --disk-reserve 0"
    let seed = Seeds.list(1)[0]
    var chance = seed.generator
    for _ in 0..<5 {
      let child = try start(line)
      usleep(UInt32(chance.small(in: 20_000...500_000)))
      child.signal(SIGKILL)
      _ = child.wait()
    }
    let last = session.run(line)
    #expect(last.status == .done, "\(seed): \(last.talk)")
    #expect(try total("a") + total("b") == count, "\(seed)")
    let again = session.run(line)
    #expect(again.status == .done && again.output.hasPrefix("read already on"), "\(seed): \(again.talk)")
    #expect(session.run("verify --data-dir DATA").status == .done)
  }
}

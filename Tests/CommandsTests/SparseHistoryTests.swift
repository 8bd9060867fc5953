import Clicks
import JSON
import Platform
import Service
import Simulation
import Store
import Testing

/// A few clicks a day over weeks, taken in long after they happened: a handful of files, and the same answers.
@Suite struct SparseHistoryTests {
  private static let ads = ["a", "b", "c"]
  private static let day: Int64 = 86_400_000
  private let session: Session
  private let now = KernelTime().wall()

  init() throws {
    session = try Session()
    for ad in Self.ads {
      #expect(session.run("ads put \(ad) https://x.example/ --advertiser acme --data-dir DATA").status == .done)
    }
  }

  /// Takes in a click for each of `times`, ms since 1970.
  private func take(_ name: String, _ times: [Int64]) throws {
    var lines = ""
    for (i, time) in times.enumerated() {
      let id = ImpressionID(high: name == "first" ? 1 : 2, low: UInt64(i))
      lines += "{\"adId\":\"\(Self.ads[i % 3])\",\"impressionId\":\"\(id)\",\"time\":\(time)}\n"
    }
    try session.write("\(name).ndjson", lines)
    let run = session.run("import DIR/\(name).ndjson --history --data-dir DATA --shards 2")
    #expect(run.output == "\(times.count) accepted, 0 duplicate, 0 rejected\n", "\(run.talk)")
  }

  /// What anybody sees of the counts.
  private func answers() -> [String] {
    Self.ads.flatMap { ad in
      ["minute", "hour", "day"].map { width in
        let query = session.run("query \(ad) --from -30d --to now --granularity \(width) --format json --data-dir DATA")
        #expect(query.status == .done, "\(query.talk)")
        // Not the parts that say when it was asked, and whether it was recounted.
        let answer = try? JSONReader.read(Array(query.output.utf8))
        let series = (answer?["series"]?.elements ?? []).map {
          "\($0[width]?.text ?? "?") \($0["clicks"]?.text ?? "?")"
        }
        return "\(ad) by \(width): \(answer?["total"]?.text ?? "?") of \(series.joined(separator: ", "))"
      }
    }
  }

  /// Files of each table of each shard, and segments.
  private func files() throws -> (tables: [RunTableKey: [Int]], segments: [Int]) {
    var options = ShardOptions()
    options.takesClicks = false
    let store = try Store.open(.kernel, session.data, options: options)
    defer { store.close() }
    var tables: [RunTableKey: [Int]] = [:]
    for shard in store.shards {
      for (key, table) in shard.live.version.tables { tables[key, default: []].append(table.runs.count) }
    }
    return (tables, store.shards.map { $0.live.version.segments.count })
  }

  /// With `isLate` the store has closed and rolled up those days before the clicks come.
  @Test(arguments: [false, true])
  func aHistoryIsAFewFiles(isLate: Bool) throws {
    if isLate {
      try take("first", [now - 2 * Self.day, now - Self.day, now - Self.day / 2])
      #expect(session.run("compact --data-dir DATA").status == .done)
    }
    let seed = Seeds.list(1)[0]
    var chance = seed.generator
    try take("history", (0..<500).map { _ in now - 3_600_000 - Int64(chance.below(Int(28 * Self.day))) })
    let before = answers()
    #expect(before.allSatisfy { !$0.contains("?") && $0.contains(" of 20") }, "\(before)")
    #expect(try files().tables.values.joined().contains { $0 > 4 }, "nothing to merge")
    let compact = session.run("compact --data-dir DATA")
    #expect(compact.status == .done, "\(compact.talk)")
    let after = try files()
    for (key, counts) in after.tables { #expect(counts.allSatisfy { $0 <= 4 }, "\(seed): \(key) has \(counts) files") }
    // All were received in these minutes: it may have become midnight.
    #expect(after.segments.allSatisfy { $0 <= 2 }, "\(seed): \(after.segments)")
    #expect(answers() == before, "\(seed)")
    let recount = session.run("reconcile --data-dir DATA --format json")
    #expect(recount.status == .done, "\(seed): \(recount.talk)")
    #expect(session.run("verify --deep --data-dir DATA").status == .done, "\(seed)")
    #expect(answers() == before, "\(seed)")
    #expect(session.run("compact --data-dir DATA").talk.contains("0 merges"), "\(seed)")
  }
}

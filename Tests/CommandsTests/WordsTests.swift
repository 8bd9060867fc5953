import Clicks
import JSON
import Service
import Testing

import Commands

/// What people read.
@Suite struct WordsTests {
  private func answer(
    _ granularity: String, from: Int64, to: Int64, complete: Int64?, points: [(Int64, UInt64)]
  ) -> JSONValue {
    func text(_ minute: Int64) -> String { Timestamp.format(minute * 60_000, fraction: false) }
    return .object([
      "from": .string(text(from)), "to": .string(text(to)), "granularity": .string(granularity),
      "completeThrough": .optional(complete.map(text)), "total": .integer(points.reduce(0) { $0 + $1.1 }),
      "series": .array(
        points.map { .object([granularity: .string(text($0.0)), "clicks": .integer($0.1)]) }),
    ])
  }

  /// Whatever is drawn fits a terminal, with a scale, times, and what is not complete yet.
  @Test func aPlotFitsATerminal() {
    let day: Int64 = 20_000 * 1_440
    for (granularity, unit) in [("minute", 1), ("hour", 60), ("day", 1_440)] as [(String, Int64)] {
      for count in [1, 2, 5, 24, 60, 61, 77, 78, 79, 400, 4_000] as [Int64] {
        for clicks in [0, 7, 1_234_567] as [UInt64] {
          // The range cuts its first and its last bucket.
          let (from, to) = (day + unit / 2, day + count * unit + unit / 3 + 1)
          let points = (0..<count).map { (day + $0 * unit, clicks) }
          let lines = Plot(
            answer(granularity, from: from, to: to, complete: to - unit, points: points), zone: .utc
          ).lines
          let place = "\(granularity) \(count) \(clicks)"
          #expect(lines.allSatisfy { $0.count <= 80 && $0.last != " " }, "\(place):\n\(lines.joined(separator: "\n"))")
          #expect(lines.count == 12 && lines[0].contains("┤") && lines[8].contains("┼"), "\(place)")
          #expect(lines[8].contains("┄") && lines[10].contains("not complete"), "\(place)")
          #expect(lines[9].contains { $0 == "-" || $0 == ":" }, "\(place): \(lines[9])")
        }
      }
    }
    let whole = Plot(answer("minute", from: day, to: day + 60, complete: day + 60, points: [(day, 1)]), zone: .utc)
      .lines
    #expect(!whole.contains { $0.contains("┄") } && whole[0].hasPrefix("1 ┤█"))
    #expect(whole[11].hasSuffix(", 1 click") && whole[10] == "a column is a minute")
    #expect(
      Plot(answer("minute", from: day, to: day, complete: nil, points: []), zone: .utc).lines == ["the range is empty"]
    )
    // Days of another clock begin elsewhere.
    let zone = Plot(
      answer("day", from: day - 345, to: day + 1_095, complete: nil, points: [(day - 345, 5)]), zone: .fixed(345 * 60)
    ).lines
    #expect(zone[0].hasPrefix("5 ┤██") && zone[9].contains("10-04"))
  }

  @Test func aLineOfStatFits() {
    var line = StatLine()
    for value in [0, 0.4, 9_999, 12_345, 1e7, 3e12] {
      (line.clicks, line.late, line.liveRows, line.replay) = (value, value, value, value)
      (line.segments, line.runs, line.bytes, line.hotAds) = (value, 0, value, min(value, 999))
      (line.merges, line.failures, line.closedAgo, line.lag) = (value, min(value, 9_999), value, min(value, 999))
      (line.median, line.high) = (min(value, 99) / 100_000, .infinity)
      #expect(line.text.count <= 80, "\(line.text)")
    }
    #expect(StatLine.head.count <= 80 && StatLine.head.hasPrefix("CLICKS/S"))
  }

  @Test func withoutACommandTheHelpIsPrinted() throws {
    let result = try Session().run([])
    #expect(result.status == .usage && result.output.isEmpty && result.talk.contains("Commands:"))
  }

  @Test func shardsOfANewStoreAreTwoOrMore() throws {
    let session = try Session()
    let one = session.run("serve --data-dir DATA --shards 1 --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0")
    #expect(one.status == .usage && one.talk.contains("2 to") && one.talk.contains("hot ad"), "\(one.talk)")
  }

  @Test func namesInJSONAreOneWord() {
    #expect(InspectedPart.member("user agent") == "userAgent" && InspectedPart.member("rows") == "rows")
    let part = InspectedPart(
      64, "row", [("ad code", "7"), ("impression", "0123"), ("user agent", "99"), ("bucket", "5")])
    let json = String(decoding: part.json.encoded(), as: UTF8.self)
    #expect(
      json == #"{"offset":64,"part":"row","adCode":7,"impression":"0123","userAgent":"99","bucket":"5"}"#, "\(json)")
  }
}

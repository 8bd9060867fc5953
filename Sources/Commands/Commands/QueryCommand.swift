import Clicks
import Query
import Service

/// `tally query`: the series of one ad.
package enum QueryCommand {
  private static let ad = Operand<AdID>(.adID, "the ad's id")
  private static let from = Option<String>(
    "from", moment, "the first moment; without it 60 minutes, 24 hours or 30 days before --to")
  private static let to = Option<String>("to", moment, "the moment after the last; without it now")
  private static let granularity = Option<String>(
    "granularity", .choice(SeriesQuery.Granularity.allCases.map(\.rawValue)), "what a point stands for",
    standard: "minute")
  private static let fill = Option<String>(
    "fill", .choice(SeriesQuery.Fill.allCases.map(\.rawValue)),
    "whether minutes, hours or days without a click are listed",
    standard: "none")
  private static let format = Option<String>(
    "format", .choice(["table", "json", "csv", "ndjson"]), "how the series is printed", standard: "table")
  private static let plot = Option(toggle: "plot", "draws the series instead")

  private static let moment = ValueReader<String>("TIME") { text throws(ValueFault) in
    // What `now` is does not matter for the form.
    do throws(TimeText.Failure) { _ = try TimeText.parse(text, now: 1 << 40) } catch { throw ValueFault(error.detail) }
    return text
  }

  package static let command = Command(
    "query", "prints the clicks of an ad by minute, hour or day",
    discussion: """
      A time is RFC 3339 (2026-11-23T17:00:00Z), seconds or milliseconds since 1970, or relative (-24h, now). \
      The range includes --from and excludes --to, and is widened to whole minutes, hours or days of UTC.
      """,
    operands: [ad.declaration],
    options: [
      from.declaration, to.declaration, granularity.declaration, fill.declaration, format.declaration,
      plot.declaration,
    ] + Target.options,
    examples: [
      "tally query 42 --from -24h", "tally query 42 --from 2026-11-23T00:00:00Z --to now --format csv",
      "tally query 42 --from -30d --granularity day --plot",
    ]
  ) { arguments, console in
    let answer = try series(arguments, console)
    let points = answer["series"]?.elements ?? []
    let time = arguments[granularity] ?? "minute"
    let columns = [time, "clicks", "status"]
    let hasCredits = points.contains { $0["credits"] != nil }
    if arguments[toggle: plot] {
      Plot(answer).lines.forEach { console.print($0) }
      return .done
    }
    switch arguments[format] {
    case "json": console.print(answer)
    case "ndjson": points.forEach { console.print($0) }
    case "csv":
      console.print((columns + ["credits"]).joined(separator: ","))
      for point in points {
        let credits = point["credits"] == nil ? "0" : point.shown("credits")
        console.print((columns.map { point.shown($0) } + [credits]).joined(separator: ","))
      }
    default:
      var table = Table(
        [(time.uppercased(), .left), ("CLICKS", .right), ("STATUS", .left)] + (hasCredits ? [("CREDITS", .right)] : []))
      for point in points {
        table.add((columns + (hasCredits ? ["credits"] : [])).map { point[$0] == nil ? "" : point.shown($0) })
      }
      table.lines.forEach { console.print($0) }
      let credits = answer["credits"] == nil ? "" : " and \(answer.shown("credits")) of credits"
      console.note(
        "\(answer.shown("total")) clicks\(credits) from \(answer.shown("from")) to \(answer.shown("to")), complete through "
          + (answer["completeThrough"]?.text ?? "none yet"))
    }
    return .done
  }

  /// All pages as one answer.
  private static func series(_ arguments: Arguments, _ console: Console) throws -> JSONValue {
    let door = try Target.open(arguments, console, need: .counts)
    var parameters = [
      (name: "granularity", value: arguments[granularity] ?? "minute"), ("fill", arguments[fill] ?? "none"),
      ("limit", "\(SeriesQuery.maximumLimit)"),
    ]
    if let from = arguments[from] { parameters.append(("from", from)) }
    if let to = arguments[to] { parameters.append(("to", to)) }
    let path = ["api", "v1", "ads", arguments[ad].text, "aggregates"]
    let first = try door.ask(Ask(.get, path, parameters)).json()
    var points = first["series"]?.elements ?? []
    var next = first["next"]?.text
    while let cursor = next {
      let page = try door.ask(Ask(.get, path, parameters + [("cursor", cursor)])).json()
      points += page["series"]?.elements ?? []
      next = page["next"]?.text
    }
    return .object(
      first.members.map { member in
        switch member.name {
        case "series": .init("series", .array(points))
        case "next": .init("next", .null)
        default: member
        }
      })
  }
}

/// A series as columns of blocks, for a look in a terminal.
struct Plot {
  private static let width = 80
  private static let height = 8
  private static let blocks = Array(" ▁▂▃▄▅▆▇█")

  /// The drawing, its top first.
  let lines: [String]

  /// `answer` is one of the aggregates route.
  init(_ answer: JSONValue) {
    let from = Timestamp.parse(answer.shown("from")).map { Minute(containing: $0).index } ?? 0
    let to = Timestamp.parse(answer.shown("to")).map { Minute(containing: $0).index } ?? 0
    guard from < to else {
      lines = ["no time"]
      return
    }
    // As many buckets in each column, so that equal counts look equal.
    let granularity = answer.shown("granularity")
    let unit = SeriesQuery.Granularity(rawValue: granularity)?.minutes ?? 1
    let buckets = ((to - from) / unit + Int64(Self.width) - 1) / Int64(Self.width)
    let each = buckets * unit
    var sums = [UInt64](repeating: 0, count: Int((to - from + each - 1) / each))
    for point in answer["series"]?.elements ?? [] {
      guard let time = Timestamp.parse(point.shown(granularity)), let clicks = UInt64(point.shown("clicks")) else {
        continue
      }
      let minute = Minute(containing: time).index
      if from <= minute, minute < to { sums[Int((minute - from) / each)] += clicks }
    }
    let top = max(1, sums.max() ?? 1)
    let levels = sums.map { sum in
      sum == 0 ? 0 : max(1, Int((Double(sum) / Double(top) * Double(Self.height * 8)).rounded()))
    }
    var drawn = (0..<Self.height).reversed().map { row in
      String(levels.map { Self.blocks[min(8, max(0, $0 - row * 8))] })
    }.map { row in
      var row = row
      while row.last == " " { row.removeLast() }
      return "│" + row
    }
    drawn.insert(
      "\(top) clicks in \(buckets == 1 ? (unit == 60 ? "an hour" : "a \(granularity)") : "\(buckets) \(granularity)s") at most",
      at: 0)
    drawn.append("└" + String(repeating: "─", count: sums.count))
    drawn.append("\(answer.shown("from")) to \(answer.shown("to")), \(answer.shown("total")) clicks")
    lines = drawn
  }
}

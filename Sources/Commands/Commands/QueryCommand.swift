import Clicks
import JSON
import Query
import Service
import Traffic

/// `tally query`: the series of one ad.
package enum QueryCommand {
  private static let ad = Operand<AdID>(.adID, "the ad's id")
  private static let from = Option<String>(
    "from", moment,
    "the first moment; without it 60 minutes, 24 hours, 30 days, 12 weeks or 12 months before --to")
  private static let to = Option<String>("to", moment, "the moment after the last; without it now")
  private static let granularity = Option<String>(
    "granularity", .choice(SeriesQuery.Granularity.allCases.map(\.rawValue)), "what a point stands for",
    standard: "minute")
  private static let fill = Option<String>(
    "fill", .choice(SeriesQuery.Fill.allCases.map(\.rawValue)),
    "whether minutes, hours, days, weeks or months without a click are listed",
    standard: "none")
  private static let zone = Option<String>(
    "tz", .text("ZONE"),
    "whose days, weeks, months and dates: UTC, a time zone such as Europe/Berlin, or an offset such as +05:45",
    standard: "UTC")
  private static let metrics = Option<String>(
    "metrics", names, "what is told beside clicks: \(Metric.all.dropFirst().map(\.name).joined(separator: ", "))")
  private static let names = ValueReader<String>("NAME,…") { text throws(ValueFault) in
    let known = Metric.all.map(\.name)
    for name in text.split(separator: ",", omittingEmptySubsequences: false) where !known.contains(String(name)) {
      throw ValueFault("\(name) is none of \(known.joined(separator: ", "))")
    }
    return text
  }
  private static let format = Option<String>(
    "format", .choice(["table", "json", "csv", "ndjson"]), "how the series is printed", standard: "table")
  private static let plot = Option(toggle: "plot", "draws the series instead")

  static let moment = ValueReader<String>("TIME") { text throws(ValueFault) in
    // What `now` is does not matter for the form.
    do throws(TimeText.Failure) { _ = try TimeText.parse(text, now: 1 << 40) } catch { throw ValueFault(error.detail) }
    return text
  }

  package static let command = Command(
    "query", "prints the clicks of an ad by minute, hour, day, week or month",
    discussion: """
      A time is RFC 3339 (2026-11-23T17:00:00Z), a date (2026-11-23), seconds or milliseconds since 1970, or relative (-24h, \
      now, today, today-7d). The range includes --from and leaves out --to, to the minute: an hour or a day that a bound cuts \
      has the clicks inside alone, so neighbouring ranges add up. now is the end of the current minute. Weeks begin on \
      Monday; hours are those of UTC in every zone.
      """,
    operands: [ad.declaration],
    options: [
      from.declaration, to.declaration, granularity.declaration, fill.declaration, format.declaration,
      plot.declaration, zone.declaration, metrics.declaration,
    ] + Target.options,
    examples: [
      "tally query 42 --from -24h", "tally query 42 --from 2026-11-23 --to now --format csv",
      "tally query 42 --from today-30d --granularity day --plot",
      "tally query 42 --from 2026-01-01 --granularity month --tz Europe/Berlin",
      "tally query 42 --granularity day --metrics duplicate,bot,corrected,gross",
    ]
  ) { arguments, console in
    let answer = try series(arguments, console)
    let points = answer["series"]?.elements ?? []
    let time = arguments[granularity] ?? "minute"
    let columns = [time, "clicks", "status"]
    let more = answer["metrics"]?.members.map(\.name) ?? []
    let hasCredits = points.contains { $0["credits"] != nil }
    if arguments[toggle: plot] {
      let zone = WallZone.find(arguments[zone] ?? "UTC", console.environment.files) ?? .utc
      Plot(answer, zone: zone).lines.forEach { console.print($0) }
      return .done
    }
    switch arguments[format] {
    case "json": console.print(answer)
    case "ndjson": points.forEach { console.print($0) }
    case "csv":
      console.print((columns + ["credits"] + more).joined(separator: ","))
      for point in points {
        let credits = point["credits"] == nil ? "0" : point.shown("credits")
        console.print(
          (columns.map { point.shown($0) } + [credits] + more.map { point.shown($0) }).joined(separator: ","))
      }
    default:
      var table = Table(
        [(time.uppercased(), .left), ("CLICKS", .right), ("STATUS", .left)] + (hasCredits ? [("CREDITS", .right)] : [])
          + more.map { ($0.uppercased(), .right) })
      for point in points {
        table.add((columns + (hasCredits ? ["credits"] : []) + more).map { point[$0] == nil ? "" : point.shown($0) })
      }
      table.lines.forEach { console.print($0) }
      let credits = answer["credits"] == nil ? "" : " and \(NumberText.of(answer.shown("credits"), "credit"))"
      let complete = answer["completeThrough"]?.text.map { "complete through \($0)" } ?? "nothing complete yet"
      console.note(
        "\(NumberText.of(answer.shown("total"), "click"))\(credits) from \(answer.shown("from")) to \(answer.shown("to")), "
          + complete)
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
    if let metrics = arguments[metrics] { parameters.append(("metrics", metrics)) }
    if let zone = arguments[zone], zone != "UTC" { parameters.append(("tz", zone)) }
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

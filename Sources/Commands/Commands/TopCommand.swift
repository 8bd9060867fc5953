import JSON
import Query
import Service
import Traffic

/// `tally top`: the heaviest ads or campaigns.
package enum TopCommand {
  private static let by = Option<String>(
    "by", .choice(TopQuery.Order.allCases.map(\.rawValue)), "what decides who is heavy", standard: "clicks")
  private static let from = Option<String>(
    "from", QueryCommand.moment, "the first moment; without it 24 hours before --to")
  private static let to = Option<String>("to", QueryCommand.moment, "the moment after the last; without it now")
  private static let zone = Option<String>(
    "tz", .text("ZONE"), "whose dates and today: UTC, a time zone such as Europe/Berlin, or an offset such as +05:45",
    standard: "UTC")
  private static let limit = Option<Int64>(
    "limit", .count(1...Int64(TopQuery.maximumLimit)), "rows at most", standard: "10")
  private static let grouping = Option<String>(
    "group-by", .choice(["ad", "campaign"]), "what a row is", standard: "ad")
  private static let advertiser = Option<String>("advertiser", .text("ID"), "ads of this advertiser alone")
  private static let campaign = Option<String>("campaign", .text("ID"), "ads of this campaign alone")
  private static let format = Option<String>(
    "format", .choice(["table", "json", "csv", "ndjson"]), "how the rows are printed", standard: "table")

  package static let command = Command(
    "top", "prints the heaviest ads or campaigns",
    discussion: """
      Times are those of tally query. An ad that the catalog does not know is told by its key, the first 16 hex digits of \
      the SHA-256 of its id.
      """,
    options: [
      by.declaration, from.declaration, to.declaration, zone.declaration, limit.declaration, grouping.declaration,
      advertiser.declaration, campaign.declaration, format.declaration,
    ] + Target.options,
    examples: [
      "tally top", "tally top --from -7d --limit 3 --format csv", "tally top --group-by campaign --advertiser acme",
    ]
  ) { arguments, console in
    let door = try Target.open(arguments, console, need: .counts)
    var parameters: [(name: String, value: String)] = []
    for (name, value) in [
      ("by", arguments[by]), ("from", arguments[from]), ("to", arguments[to]), ("tz", arguments[zone]),
      ("limit", arguments[limit].map { String($0) }), ("groupBy", arguments[grouping]),
      ("advertiserId", arguments[advertiser]), ("campaignId", arguments[campaign]),
    ] {
      if let value, name != "tz" || value != "UTC" { parameters.append((name, value)) }
    }
    let answer = try door.ask(Ask(.get, ["api", "v1", "top"], parameters)).json()
    let rows = answer["top"]?.elements ?? []
    let isByAd = arguments[grouping] != "campaign"
    let names = (isByAd ? ["adId", "adKey"] : []) + ["advertiserId", "campaignId", "clicks", "credits"]
    func shown(_ row: JSONValue, _ name: String) -> String {
      guard let value = row[name], value != .null else { return name == "credits" ? "0" : "" }
      return row.shown(name)
    }
    switch arguments[format] {
    case "json": console.print(answer)
    case "ndjson": rows.forEach { console.print($0) }
    case "csv":
      console.print(names.joined(separator: ","))
      for row in rows { console.print(names.map { shown(row, $0) }.joined(separator: ",")) }
    default:
      let hasCredits = rows.contains { $0["credits"] != nil }
      var table = Table(
        (isByAd ? [("AD", .left)] : []) + [("ADVERTISER", .left), ("CAMPAIGN", .left), ("CLICKS", .right)]
          + (hasCredits ? [("CREDITS", .right)] : []))
      for row in rows {
        let ad = shown(row, "adId").isEmpty ? "key \(shown(row, "adKey"))" : shown(row, "adId")
        table.add(
          (isByAd ? [ad] : []) + ["advertiserId", "campaignId", "clicks"].map { shown(row, $0) }
            + (hasCredits ? [shown(row, "credits")] : []))
      }
      table.lines.forEach { console.print($0) }
      console.note(
        "\(NumberText.of(answer.shown("total"), "click")) of \(NumberText.of(answer.shown("ads"), "ad")) from "
          + "\(answer.shown("from")) to \(answer.shown("to"))")
    }
    return .done
  }
}

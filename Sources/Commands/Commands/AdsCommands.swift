import Catalog
import Clicks
import JSON
import Platform
import Records
import Service

/// `tally ads …`: the catalog.
package enum AdsCommands {
  package static let all = [list, get, put, delete, importing]

  private static let base = ["api", "v1", "ads"]
  private static let id = Operand<AdID>(.adID, "the ad's id")
  private static let advertiser = Option<AdID>("advertiser", name("ID"), "the advertiser that the ad belongs to")

  private static func name(_ placeholder: String) -> ValueReader<AdID> {
    ValueReader(placeholder) { text throws(ValueFault) in try ValueReader.adID.read(text) }
  }

  // MARK: - list, get

  private static let ofAdvertiser = Option<AdID>("advertiser", name("ID"), "only ads of this advertiser")
  private static let ofCampaign = Option<AdID>("campaign", name("ID"), "only ads of this campaign")
  private static let limit = Option<Int64>("limit", .count(1...10_000_000), "the most ads that are printed")

  private static let list = Command(
    "ads list", "lists ads in the order of their ids",
    options: [ofAdvertiser.declaration, ofCampaign.declaration, limit.declaration, Option<String>.format.declaration]
      + Target.options,
    examples: ["tally ads list --advertiser acme --format json"]
  ) { arguments, console in
    let door = try Target.open(arguments, console)
    var rest = Int(arguments[limit] ?? .max)
    var cursor: String?
    var ads: [JSONValue] = []
    repeat {
      var parameters = [(name: "limit", value: "\(min(rest, 1000))")]
      if let advertiser = arguments[ofAdvertiser] { parameters.append(("advertiserId", advertiser.text)) }
      if let campaign = arguments[ofCampaign] { parameters.append(("campaignId", campaign.text)) }
      if let cursor { parameters.append(("cursor", cursor)) }
      let page = try door.ask(Ask(.get, base, parameters)).json()
      ads += page["ads"]?.elements ?? []
      rest -= page["ads"]?.elements.count ?? 0
      cursor = page["next"]?.text
    } while cursor != nil && rest > 0
    switch arguments.format {
    case .json: console.print(JSONValue.object(["ads": .array(ads)]))
    case .table:
      var table = Table("AD", "STATUS", "ADVERTISER", "CAMPAIGN", "URL")
      for ad in ads { table.add(["adId", "status", "advertiserId", "campaignId", "redirectUrl"].map { ad.shown($0) }) }
      table.lines.forEach { console.print($0) }
    }
    return .done
  }

  private static let get = Command(
    "ads get", "prints one ad", operands: [id.declaration],
    options: [Option<String>.format.declaration] + Target.options, examples: ["tally ads get 42"]
  ) { arguments, console in
    let ad = try Target.open(arguments, console).ask(Ask(.get, base + [arguments[id].text])).json()
    show(ad, arguments, console)
    return .done
  }

  private static func show(_ ad: JSONValue, _ arguments: Arguments, _ console: Console) {
    switch arguments.format {
    case .json: console.print(ad)
    case .table: ad.members.forEach { console.print("\($0.name): \(ad.shown($0.name))") }
    }
  }

  // MARK: - put, delete

  private static let url = Operand<String>(.text("URL"), "where a click goes: an absolute http or https URL")
  private static let campaign = Option<AdID>("campaign", name("ID"), "the campaign that the ad belongs to")
  private static let passQuery = Option<String>(
    "pass-query", .text("NAMES"), "parameters of a click that go on to the target, between commas; utm_* is a prefix")
  private static let paused = Option(toggle: "paused", "the same as --status paused")
  private static let status = Option<String>("status", .choice(["active", "paused"]), "whether clicks count")
  private static let fallback = Option<String>("fallback", .text("URL"), "where a click goes while the ad is paused")

  private static let put = Command(
    "ads put", "adds an ad, or changes one",
    discussion: """
      The ad is afterwards as it was given here: what is left out is not kept from before. \
      The advertiser of an ad with counts cannot change. {adId}, {impressionId} (as the link spells it) and {campaignId} are \
      filled in where they stand in path, query or fragment of a URL; braces otherwise are written %7B and %7D.
      """,
    operands: [id.declaration, url.declaration],
    options: [
      advertiser.declaration, campaign.declaration, paused.declaration, status.declaration, fallback.declaration,
      passQuery.declaration, Option<String>.format.declaration,
    ] + Target.options,
    examples: [
      "tally ads put 42 https://shop.example/landing --advertiser acme",
      "tally ads put 42 'https://shop.example/?cid={impressionId}' --advertiser acme --pass-query gclid,utm_*",
    ]
  ) { arguments, console in
    guard let owner = arguments[advertiser] else { throw UsageError("--advertiser is missing", command: "ads put") }
    if arguments[toggle: paused], arguments[status] == "active" {
      throw UsageError("--paused and --status active contradict each other", command: "ads put")
    }
    let fields = AdFields(
      adID: arguments[id].text, redirectURL: arguments[url], advertiserID: owner.text,
      campaignID: arguments[campaign]?.text, status: arguments[toggle: paused] ? "paused" : arguments[status],
      fallbackURL: arguments[fallback], passQuery: arguments[passQuery])
    // Every other field was checked as it was read.
    if let fault = fields.faults().first {
      let name =
        switch fault.field {
        case "fallbackUrl": "option --fallback"
        case "passQuery": "option --pass-query"
        default: url.declaration.name
        }
      throw UsageError("\(name) \(fault.detail)", command: "ads put")
    }
    let door = try Target.open(arguments, console, need: .counts, making: true)
    let members = AdFields.columns.compactMap { column in
      fields[keyPath: column.path].map { text in
        let list = JSONValue.array(PassQuery(text).entries.map { .string($0) })
        return JSONValue.Member(column.name, column.name == "passQuery" ? list : .string(text))
      }
    }
    let reply = try door.ask(Ask(.put, base + [arguments[id].text], json: .object(members)))
    if case .json = arguments.format { console.print(try reply.json()) }
    console.note(reply.status == 201 ? "ad \(arguments[id]) added" : "ad \(arguments[id]) changed")
    return .done
  }

  private static let delete = Command(
    "ads delete", "deletes an ad; its counts stay", operands: [id.declaration], options: Target.options,
    examples: ["tally ads delete 42"]
  ) { arguments, console in
    _ = try Target.open(arguments, console).ask(Ask(.delete, base + [arguments[id].text]))
    console.note("ad \(arguments[id]) deleted")
    return .done
  }

  // MARK: - import

  private static let file = Operand<String>(
    .text("FILE"), "CSV with a header, or NDJSON, gzip or not; - is standard input")
  private static let inputFormat = Option<String>(
    "input", .choice(["csv", "ndjson"]), "what the file is; without it its first character tells")

  private static let importing = Command(
    "ads import", "adds and changes many ads",
    discussion: """
      Columns, or members: adId, redirectUrl, advertiserId, campaignId, status, fallbackUrl, passQuery; the last four may be \
      absent. passQuery is an array, or in CSV names between blanks. \
      Good rows are stored, and each other one is named with its line; with any of these the status is 1.
      """,
    operands: [file.declaration],
    options: [inputFormat.declaration, Option<String>.format.declaration] + Target.options,
    examples: ["tally ads import ads.csv", "jq -c '.[]' ads.json | tally ads import - --input ndjson"]
  ) { arguments, console in
    let body: [UInt8]
    do { body = try InputFile(arguments[file], console).text(limit: importLimit) } catch let fault as FileFault {
      throw Failure("\(arguments[file]) \(fault)", .refused)
    }
    let first = body.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
    let isNDJSON = arguments[inputFormat].map { $0 == "ndjson" } ?? (first == UInt8(ascii: "{"))
    let door = try Target.open(arguments, console, need: .counts, making: true)
    let report = try door.ask(
      Ask(
        .post, ["api", "v1", "ads:import"], contentType: isNDJSON ? "application/x-ndjson" : "text/csv", body: body)
    ).json()
    for row in report["rejected"]?.elements ?? [] {
      console.note("\(arguments[file]):\(row.shown("line")): \(row.shown("detail")) (\(row.shown("code")))")
    }
    // The service counts them by their codes.
    let rejected = (report["rejectedCount"]?.members ?? []).compactMap { $0.value.text.flatMap { Int($0) } }.reduce(
      0, +)
    let spelledOut = report["rejected"]?.elements.count ?? 0
    if rejected > spelledOut { console.note("and \(rejected - spelledOut) more rows were rejected") }
    switch arguments.format {
    case .json: console.print(report)
    case .table:
      console.print("\(report.shown("created")) created, \(report.shown("updated")) updated, \(rejected) rejected")
    }
    return rejected == 0 ? .done : .failed
  }

  /// Bytes of an import at most: what the service takes in one request.
  private static let importLimit = 64 << 20
}

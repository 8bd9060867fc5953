import Catalog
import Clicks
import JSON
import Platform
import Service
import Store
import Traffic

/// `tally seal`, `tally statement`: a month that never changes any more, and what it comes to for each advertiser.
package enum SealCommands {
  package static let all = [seal, statement]

  private static let monthReader = ValueReader<Month>("MONTH") { text throws(ValueFault) in
    guard let month = Month(text) else { throw ValueFault("is \"\(text)\", not a month of UTC like 2026-10") }
    return month
  }
  private static let month = Operand<Month>(monthReader, "the month, by UTC, like 2026-10")
  private static let dryRun = Option(toggle: "dry-run", "only says what would be sealed")
  private static let empty = Option(
    toggle: "empty", "seals a month without clicks too; clicks that are imported later can be nothing but credits")
  private static let settings = SettingsTable.all.filter { ["max-lateness", "durability"].contains($0.name) }

  // MARK: - seal

  private static let seal = Command(
    "seal", "freezes the counts of a month",
    discussion: """
      From then on its counts by minute, hour and day never change. What would have changed them (clicks of an import with \
      --history, a difference that a recount finds) is kept beside them as credits, and answers show both. Refused, with \
      status 5, until the month and --max-lateness behind it are over and all its days are reconciled in every shard, and for a month \
      without clicks unless --empty is given. A month that is sealed already is told with the same digest; one that a crash left half sealed is completed.
      """,
    operands: [month.declaration],
    options: [dryRun.declaration, empty.declaration] + MaintenanceCommands.options + settings.map(\.option),
    examples: ["tally seal 2026-10 --dry-run", "tally seal 2026-10"]
  ) { arguments, console in
    var members = [JSONValue.Member("month", .string("\(arguments[month])"))]
    if arguments[toggle: dryRun] { members.append(.init("dryRun", .bool(true))) }
    if arguments[toggle: empty] { members.append(.init("empty", .bool(true))) }
    _ = try MaintenanceJob.run(
      .seal, arguments, console, body: .object(members), table: table, words: words
    ) { try perform(arguments, console) }
    return .done
  }

  private static func perform(_ arguments: Arguments, _ console: Console) throws -> JSONValue {
    let values = try Settings(arguments, variables: console.variables, files: console.environment.files).values
    let request = SealRequest(
      month: arguments[month], isDry: arguments[toggle: dryRun], allowsEmpty: arguments[toggle: empty],
      maxLateness: values.eventTimes.maxLateness)
    let catalog = "\(arguments[Target.dataDirectory] ?? ".")/\(StoreFiles.catalog)"
    do {
      return try MaintenanceCommands.withStore(arguments, console) { store in
        try request.perform(
          store.shards.map(\.maintenance),
          catalog: {
            console.environment.files.exists(catalog)
              ? try Catalog.open(catalog, .readOnly, in: console.environment) : nil
          }
        ) { done, total in
          console.progress(ProgressBar.line("seal", done, total))
          return true
        }
      }
    } catch let refusal as SealRequest.Refused { throw Failure("\(refusal)", .refused) }
  }

  private static func table(_ result: JSONValue) -> Table {
    var table = Table([
      ("SHARD", .right), ("ADS", .right), ("ROWS", .right), ("CLICKS", .right), ("DIGEST OF DAYS", .left),
    ])
    for row in result["shards"]?.elements ?? [] {
      table.add(["shard", "ads", "rows", "clicks", "daysDigest"].map { row.shown($0) })
    }
    return table
  }

  private static func words(_ result: JSONValue) -> String {
    let isAlready = result["already"] == .bool(true)
    let verb =
      isAlready
      ? "was sealed already at \(result.shown("sealedAt"))"
      : result["dryRun"] == .bool(true) ? "would be sealed" : "is sealed"
    let advertisers = result.shown("advertisers")
    let who =
      advertisers.isEmpty
      ? "" : ", \(NumberText.of(result.shown("ads"), "ad")) of \(NumberText.of(advertisers, "advertiser"))"
    return "\(result.shown("month")) \(verb): \(NumberText.of(result.shown("clicks"), "click")) in "
      + NumberText.of(result.shown("rows"), "minute row")
      + "\(who), digest \(result.shown("digest"))"
  }

  // MARK: - statement

  private static let advertiser = Option<String>(
    "advertiser", .text("ID"), "the advertiser; ~unknown for ads that the catalog does not know; without it all")
  private static let format = Option<String>(
    "format", .choice(["table", "json", "csv"]), "how it is printed", standard: "table")
  private static let output = Option<String>(
    "output", .text("DIR"), "writes a file for each advertiser, and one that lists them with their digests")

  private static let statement = Command(
    "statement", "prints what a sealed month comes to for each advertiser",
    discussion: """
      Clicks of each ad and day as they were sealed, the credits that came since, and both together. The digest is the SHA-256 \
      of the sealed clicks in a form that anybody can make again (Formats/seals.md): it stays the same whatever credits come. \
      Without --advertiser the advertisers are listed with their totals; with --output their statements are written into a \
      directory, as CSV, or JSON where --format says so.
      """,
    operands: [month.declaration],
    options: [advertiser.declaration, format.declaration, output.declaration] + Target.options,
    examples: [
      "tally statement 2026-10", "tally statement 2026-10 --advertiser acme --format csv",
      "tally statement 2026-10 --output statements",
    ]
  ) { arguments, console in
    let door = try Target.open(arguments, console, need: .counts)
    let month = arguments[month]
    if let directory = arguments[output] {
      let format = arguments[format] == "json" ? "json" : "csv"
      try write(month, arguments[advertiser], format, to: directory, door, console)
      return .done
    }
    guard let advertiser = arguments[advertiser] else {
      let list = try ask(month, nil, "json", door).json()
      show(list, arguments, console)
      return .done
    }
    if arguments[format] == "csv" {
      console.print(try ask(month, advertiser, "csv", door).body)
      return .done
    }
    let found = try ask(month, advertiser, "json", door)
    if arguments[format] == "json" {
      console.print(found.body)
    } else {
      try showAds(found.json(), console)
    }
    return .done
  }

  private static func ask(_ month: Month, _ advertiser: String?, _ format: String, _ door: any Door) throws -> Reply {
    var parameters = [(name: "format", value: format)]
    if let advertiser { parameters.append(("advertiserId", advertiser)) }
    return try door.ask(Ask(.get, ["api", "v1", "statements", "\(month)"], parameters))
  }

  private static func show(_ list: JSONValue, _ arguments: Arguments, _ console: Console) {
    let columns = ["advertiserId", "ads", "clicks", "credits", "total", "digest"]
    let rows = (list["advertisers"]?.elements ?? []).map { row in
      columns.map { $0 == "advertiserId" && row[$0] == .null ? Statement.unknownAdvertiser : row.shown($0) }
    }
    switch arguments[format] {
    case "json": console.print(list)
    case "csv":
      console.print(columns.joined(separator: ","))
      for row in rows { console.print(row.joined(separator: ",")) }
    default:
      var table = Table([
        ("ADVERTISER", .left), ("ADS", .right), ("CLICKS", .right), ("CREDITS", .right), ("TOTAL", .right),
        ("DIGEST", .left),
      ])
      for row in rows { table.add(row) }
      table.lines.forEach { console.print($0) }
      console.note(
        "\(list.shown("month")), sealed at \(list.shown("sealedAt")): \(NumberText.of(list.shown("clicks"), "click")) and "
          + "\(NumberText.of(list.shown("credits"), "credit")), digest \(list.shown("digest"))")
    }
  }

  private static func showAds(_ statement: JSONValue, _ console: Console) throws {
    var table = Table([
      ("AD", .left), ("DAY", .left), ("CLICKS", .right), ("CREDITS", .right), ("TOTAL", .right),
    ])
    for ad in statement["ads"]?.elements ?? [] {
      let name = ad["adId"]?.text ?? "key \(ad.shown("adKey"))"
      for day in ad["days"]?.elements ?? [] {
        table.add([name] + ["day", "clicks", "credits", "total"].map { day.shown($0) })
      }
    }
    table.lines.forEach { console.print($0) }
    console.note(
      "\(statement.shown("month")): \(NumberText.of(statement.shown("clicks"), "click")) and "
        + "\(NumberText.of(statement.shown("credits"), "credit")), \(NumberText.grouped(statement.shown("total"))) in all, digest \(statement.shown("digest"))"
    )
  }

  /// Writes the statements of one advertiser or all, each file under a name that says what it is.
  private static func write(
    _ month: Month, _ advertiser: String?, _ format: String, to directory: String, _ door: any Door, _ console: Console
  ) throws {
    let files = console.environment.files
    if !files.exists(directory) { try files.createDirectory(directory) }
    func put(_ name: String, _ bytes: [UInt8]) throws {
      try files.replace("\(directory)/\(name)", with: bytes, by: "\(directory)/\(name).tmp", in: directory)
    }
    var names = advertiser.map { [$0] } ?? []
    if advertiser == nil {
      let list = try ask(month, nil, "json", door)
      let rows = try list.json()["advertisers"]?.elements ?? []
      names = rows.map { $0["advertiserId"]?.text ?? Statement.unknownAdvertiser }
      try put("statements-\(month).json", list.body)
    }
    for name in names {
      let shown = name == Statement.unknownAdvertiser ? "unknown-ads" : "of-\(name)"
      try put("statement-\(month)-\(shown).\(format)", try ask(month, name, format, door).body)
    }
    let are = names.count == 1 ? "is" : "are"
    console.note("\(NumberText.of(names.count, "statement")) of \(month) \(are) in \(directory)")
  }
}

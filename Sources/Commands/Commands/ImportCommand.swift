import Catalog
import Clicks
import Importing
import Platform
import Service
import Shards
import Store

/// `tally import`: a log of clicks, from a file or from standard input.
package enum ImportCommand {
  private static let file = Operand<String>(
    .text("FILE"), "NDJSON, or CSV with a header, gzip or not; - is standard input")
  private static let input = Option<String>(
    "input", .choice(ImportFormat.allCases.map(\.rawValue)), "what the file is; without it its first character tells")
  private static let history = Option(
    toggle: "history", "takes clicks older than --max-lateness too, and those of ads that are paused now")
  private static let intoSealed = Option(
    toggle: "into-sealed", "clicks of sealed months become credits; without it they are rejected")
  private static let map = Option<[ClickLineFault.Field: String]>(
    "map", fieldNames,
    "the column, or member (by its path: ad.id), that holds a field: adId, impressionId, time, or a string to be kept: userAgent, referrer",
    repeats: true)
  private static let idFrom = Option<ImportedID>(
    "id-from", idSource, "derives ids for a log that has none: from each line, or from columns")
  private static let source = Option<String>(
    "source", .text("NAME"), "what progress and ids derived from lines know the file by; its own name if not given")
  private static let again = Option(
    toggle: "again", "reads the whole file though it was read before; refused where repeats could not be told any more")
  private static let delimiter = Option<String>(
    "delimiter", .choice(["comma", "tab", "semicolon", "pipe"]), "between the fields of a line", standard: "comma")
  private static let condition = Option<[LineCondition]>(
    "where", conditions, "takes only lines whose column, or member, has this value; given again, all must hold",
    repeats: true, joint: "\0")
  private static let timeFormat = Option<TimeFormat>(
    "time-format", formatOfTimes,
    "how times are written: s, ms, us or ns since 1970, yyyyMMddHH, or %d/%m/%Y %H:%M:%S; without it what is clear")
  private static let timeZone = Option<String>(
    "time-zone", .text("ZONE"), "where times without a zone were written: UTC, +02:00, Europe/Berlin")
  private static let complete = Option(
    toggle: "complete", "the file is whole: its last line counts also where no newline is behind it")
  private static let noHeader = Option(toggle: "no-header", "the first line is a click; columns are called 1, 2, 3 …")

  private static let settings = [
    "max-lateness", "max-future", "impression-lifetime", "shards", "log-slot-size", "disk-reserve", "dedup-horizon",
    "read-mode", "accept-clock", "accept-shard", "capture",
  ]

  package static let command = Command(
    "import", "takes in a log of clicks, each under its own time",
    discussion: """
      A line is a JSON object or a row of a table, with adId, impressionId and time: RFC 3339, or a number \
      since 1970, or what --time-format says. Files may be gzip or UTF-16. A click counts once, however often its file is imported: ids are compared with all raw clicks that are \
      kept. A directory that no server holds is written at full speed, and an import that was interrupted goes on where it \
      was when it is called again, if what was read is still what it begins with. A file that was read to its end is recognised \
      under any name: nothing is counted then, and the status is 0. A running server gets the clicks through POST /api/v1/clicks, under its own settings, \
      and takes none from here, with --history too where the token has scope history; called again, the whole file is sent, and what is counted already is a duplicate. Lines that are not counted \
      are named, and with any of these the status is 1.
      """,
    operands: [file.declaration],
    options: [
      input.declaration, history.declaration, intoSealed.declaration, map.declaration, idFrom.declaration,
      source.declaration, again.declaration, condition.declaration, timeFormat.declaration, timeZone.declaration,
      complete.declaration, delimiter.declaration, noHeader.declaration, Option<String>.format.declaration,
      Settings.configOption.declaration,
    ] + Target.options + SettingsTable.all.filter { settings.contains($0.name) }.map(\.option),
    examples: [
      "tally import clicks.ndjson", "tally import old.csv --history --map adId=ad,time=ts --id-from line",
      "zcat clicks.gz | tally import - --source clicks.gz",
    ]
  ) { arguments, console in
    let values = try Settings(arguments, variables: console.variables, files: console.environment.files).values
    var plan = ImportPlan()
    plan.names = arguments[map] ?? [:]
    plan.identity = arguments[idFrom] ?? .column
    plan.conditions = arguments[condition] ?? []
    plan.times.format = arguments[timeFormat]
    if let name = arguments[timeZone] {
      guard let zone = WallZone.find(name, console.environment.files) else {
        throw UsageError(
          "option --time-zone is \"\(name)\"; it must be UTC, an offset such as +02:00, or a zone of "
            + "\(ZoneFile.directory) such as Europe/Berlin", command: "import")
      }
      plan.times.zone = zone
    }
    plan.hasHeader = !arguments[toggle: noHeader]
    plan.delimiter = delimiters[arguments[delimiter] ?? "comma"] ?? UInt8(ascii: ",")
    plan.limits = values.eventTimes
    plan.limits.admitsHistory = arguments[toggle: history]
    plan.takesSealed = arguments[toggle: intoSealed]
    let isRemote = try Target.server(arguments) != nil
    if isRemote { try Settings.refuse(arguments, of: "import") }
    // A server keeps what it was told to keep, and refuses other members.
    plan.captures = isRemote ? [] : values.capture
    for column in CapturedColumn.allCases where plan.names[ClickLineFault.Field(of: column)] != nil {
      plan.captures.insert(CaptureSet(column))
    }
    let path = arguments[file]
    plan.source = arguments[source] ?? (path == "-" ? "-" : String(path.split(separator: "/").last ?? "-"))
    let interrupt = Interrupt()
    let reading = try ImportReading(
      path, plan, arguments[input].flatMap { ImportFormat(rawValue: $0) },
      isComplete: arguments[toggle: complete], console, interrupt)
    let outcome: ImportOutcome
    if isRemote {
      if arguments[toggle: again] { throw UsageError("--again: a running server is sent the whole file anyway") }
      outcome = .read(try RemoteImport.run(reading, try Target.open(arguments, console), console))
    } else {
      let question = ImportQuestion(
        name: plan.source, isNamed: arguments[source] != nil, derivesFromLines: plan.identity == .line,
        again: arguments[toggle: again])
      outcome = try DirectoryImport.run(
        reading, question, values, arguments[Target.dataDirectory] ?? "./data", console, interrupt)
    }
    console.clearProgress()
    return outcome.show(path, arguments.format, console)
  }

  private static let delimiters: [String: UInt8] = [
    "comma": UInt8(ascii: ","), "tab": 0x09, "semicolon": UInt8(ascii: ";"), "pipe": UInt8(ascii: "|"),
  ]

  private static let fieldNames = ValueReader<[ClickLineFault.Field: String]>("FIELD=COLUMN") {
    text throws(ValueFault) in
    let fields: [ClickLineFault.Field] = [.adID, .impressionID, .time, .userAgent, .referrer]
    var names: [ClickLineFault.Field: String] = [:]
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard sides.count == 2, !sides[1].isEmpty, let field = fields.first(where: { "\($0.name)" == sides[0] }) else {
        throw ValueFault("is \"\(part)\", not adId=…, impressionId=…, time=…, userAgent=… or referrer=…")
      }
      guard names.updateValue(sides[1], forKey: field) == nil else { throw ValueFault("names \(sides[0]) twice") }
    }
    return names
  }

  private static let conditions = ValueReader<[LineCondition]>("COLUMN=VALUE") { text throws(ValueFault) in
    var conditions: [LineCondition] = []
    for one in text.split(separator: "\0", omittingEmptySubsequences: false) {
      guard let sign = one.firstIndex(of: "="), sign != one.startIndex else {
        throw ValueFault("is \"\(one)\", not COLUMN=VALUE")
      }
      conditions.append(LineCondition(column: String(one[..<sign]), value: String(one[one.index(after: sign)...])))
    }
    guard conditions.count <= 64 else { throw ValueFault("is given more than 64 times") }
    return conditions
  }

  private static let formatOfTimes = ValueReader<TimeFormat>("FORMAT") { text throws(ValueFault) in
    do throws(TimeFormat.FormatFault) { return try TimeFormat(text) } catch { throw ValueFault(error.reason) }
  }

  private static let idSource = ValueReader<ImportedID>("line|COLUMN,…") { text throws(ValueFault) in
    if text == "line" { return .line }
    let columns = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard columns.allSatisfy({ !$0.isEmpty }), Set(columns).count == columns.count else {
      throw ValueFault("is no list of different columns")
    }
    return .columns(columns)
  }
}

/// How far an import is, for whoever watches.
struct ImportProgress {
  private let console: Console
  private let size: UInt64?
  private let began: Int64
  private var shown: Int64
  private var reported: Int64
  private var first: UInt64 = 0

  init(_ console: Console, size: UInt64?, from bytes: UInt64) {
    self.console = console
    self.size = size
    first = bytes
    began = console.environment.time.monotonic()
    shown = began
    reported = began
  }

  /// Shows how far it is: twice a second on a terminal, else every ten seconds.
  mutating func tell(lines: UInt64, bytes: UInt64) {
    let now = console.environment.time.monotonic()
    let isDue = console.talksToTerminal ? now - shown >= 500_000_000 : now - reported >= 10_000_000_000
    guard isDue else { return }
    shown = now
    reported = now
    let seconds = max(0.001, Double(now - began) / 1e9)
    var text = "\(lines) lines, \(Int64(Double(lines) / seconds)) a second"
    if let size, size > 0, bytes > first {
      let left = Double(size - min(size, bytes)) * seconds / Double(bytes - first)
      text += ", \(bytes * 100 / size) %, \(Int64(left.rounded(.up))) s left"
    }
    if console.talksToTerminal { console.progress(text) } else { console.note(text) }
  }
}

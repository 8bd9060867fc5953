import Clicks
import JSON
import Platform
import Query
import Service
import Store
import Traffic

/// `tally reconcile`, `tally corrections`: counts anew from raw clicks, and what that changed.
package enum ReconcileCommands {
  package static let all = [reconcile, corrections]

  private static let moment = ValueReader<String>("TIME") { text throws(ValueFault) in
    do throws(TimeText.Failure) { _ = try TimeText.parse(text, now: 1 << 40) } catch { throw ValueFault(error.detail) }
    return text
  }
  private static let from = Option<String>("from", moment, "the first moment; without it the oldest raw click")
  private static let to = Option<String>("to", moment, "the moment after the last; without it now")
  private static let dryRun = Option(toggle: "dry-run", "only says what would be changed")
  private static let changes = Option(
    toggle: "changes", "recounts only what clicks have changed since the last recount")

  // MARK: - reconcile

  private static let reconcile = Command(
    "reconcile", "recounts the raw clicks and corrects every row that differs",
    discussion: """
      Each click counts once, whenever its repeats came; rows that are missing, wrong, or of no click become what the raw \
      clicks say, and each change is kept with its reason (tally corrections). Clicks that come meanwhile are not touched. \
      Without --from and --to all minutes that raw clicks are kept of are recounted. With --dry-run nothing is changed, and \
      the status is 3 where a row differs. Rows of a sealed month that were damaged are put back as they were sealed; where \
      nothing that is kept tells what they were, the month is left alone and named, and the status is 3. A running server does it within its background budget, and by itself every \
      --reconcile-interval and by --reconcile-schedule; on a directory that no server holds nothing slows the work down.
      """,
    options: [from.declaration, to.declaration, dryRun.declaration, changes.declaration] + MaintenanceCommands.options,
    examples: [
      "tally reconcile", "tally reconcile --from 2026-11-01T00:00:00Z --to 2026-11-02T00:00:00Z --dry-run",
    ]
  ) { arguments, console in
    let result = try MaintenanceJob.run(
      .reconcile, arguments, console, body: body(arguments), table: table, words: words
    ) { try perform(arguments, console) }
    let left = SealedMonthsDiffer(result)
    left?.details.forEach { console.note("NOT CORRECTED: \($0)") }
    let differs = left != nil || arguments[toggle: dryRun] && result.shown("rowsCorrected") != "0"
    return differs ? .differs : result["complete"] == .bool(false) ? .failed : .done
  }

  private static func body(_ arguments: Arguments) -> JSONValue {
    var members: [JSONValue.Member] = []
    if let from = arguments[from] { members.append(.init("from", .string(from))) }
    if let to = arguments[to] { members.append(.init("to", .string(to))) }
    if arguments[toggle: dryRun] { members.append(.init("dryRun", .bool(true))) }
    if arguments[toggle: changes] { members.append(.init("changes", .bool(true))) }
    return .object(members)
  }

  private static func perform(_ arguments: Arguments, _ console: Console) throws -> JSONValue {
    let now = console.environment.time.wall()
    func time(_ option: Option<String>) throws -> Int64? {
      try arguments[option].map { text in
        do throws(TimeText.Failure) { return try TimeText.parse(text, now: now) } catch { throw Failure(error.detail) }
      }
    }
    let request = RecountRequest(
      from: try time(from), to: try time(to), isDry: arguments[toggle: dryRun], changes: arguments[toggle: changes])
    if let from = request.from, let to = request.to, from >= to { throw UsageError("--from must lie before --to") }
    return try MaintenanceCommands.withStore(arguments, console) { store in
      try request.perform(store.shards.map(\.maintenance)) { done, total in
        console.progress(ProgressBar.line("reconcile", done, total))
        return true
      }
    }
  }

  private static func table(_ result: JSONValue) -> Table {
    var table = Table([
      ("AD KEY", .left), ("TIME", .left), ("OF", .left), ("FROM", .right), ("TO", .right), ("REASON", .left),
    ])
    for row in result["samples"]?.elements ?? [] {
      table.add(["adKey", "minute", "granularity", "from", "to", "reason"].map { row.shown($0) })
    }
    return table
  }

  private static func words(_ result: JSONValue) -> String {
    let verb = result["dryRun"] == .bool(true) ? "would be corrected" : "corrected"
    let range = result["from"]?.text.map { "from \($0) to \(result.shown("to"))" } ?? "nothing to compare"
    func grouped(_ name: String) -> String { NumberText.grouped(result.shown(name)) }
    return "\(range): \(NumberText.of(result.shown("rowsChecked"), "row")) of "
      + "\(NumberText.of(result.shown("clicks"), "click")) checked, "
      + "\(grouped("rowsCorrected")) \(verb), \(NumberText.of(result.shown("clicksAdded"), "click")) added, "
      + "\(grouped("clicksRemoved")) taken away, \(NumberText.of(result.shown("repeatsRemoved"), "late repeat")) among them"
      + (result.shown("rowsCredited") == "0" ? "" : ", \(result.shown("rowsCredited")) as credits of sealed months")
      + (result["complete"] == .bool(false) ? "; stopped before the end" : "")
  }

  // MARK: - corrections

  private static let ad = Operand<AdID>(.adID, "the ad's id")
  private static let first = Option<String>("from", moment, "the first moment; without it all")
  private static let limit = Option<String>("limit", .text("N"), "the latest so many", standard: "1000")

  private static let corrections = Command(
    "corrections", "prints what recounts changed in the counts of an ad",
    discussion: """
      Each line is one change of one row: the time of its minute, what stood there, what stands there since, why, and when \
      and by which run it was changed. A credit stands beside a row of a sealed month, which stays as it is. A change of an hour or day row is listed where the row was not the sum of its minutes.
      """,
    operands: [ad.declaration],
    options: [
      first.declaration, to.declaration, limit.declaration, Option<String>.format.declaration,
    ] + Target.options,
    examples: ["tally corrections 42", "tally corrections 42 --from -7d --format json"]
  ) { arguments, console in
    let door = try Target.open(arguments, console, need: .counts)
    var parameters: [(name: String, value: String)] = [("limit", arguments[limit] ?? "1000")]
    if let from = arguments[first] { parameters.append(("from", from)) }
    if let to = arguments[to] { parameters.append(("to", to)) }
    let answer = try door.ask(
      Ask(.get, ["api", "v1", "ads", arguments[ad].text, "corrections"], parameters)
    ).json()
    switch arguments.format {
    case .json: console.print(answer)
    case .table:
      var table = Table([
        ("TIME", .left), ("OF", .left), ("FROM", .right), ("TO", .right), ("REASON", .left), ("RUN", .right),
        ("CHANGED AT", .left),
      ])
      for row in answer["corrections"]?.elements ?? [] {
        let reason = row.shown("reason") + (row["credit"] == .bool(true) ? ", a credit" : "")
        table.add(
          ["minute", "granularity", "from", "to"].map { row.shown($0) } + [reason]
            + ["run", "time"].map { row.shown($0) })
      }
      table.lines.forEach { console.print($0) }
      console.note(
        "\(NumberText.of(answer.shown("total"), "correction")), \(NumberText.of(answer.shown("change"), "click")) in all"
      )
    }
    return .done
  }
}

/// How far a long work is, in one line of a terminal.
enum ProgressBar {
  private static let width = 30

  static func line(_ name: String, _ done: UInt64, _ total: UInt64) -> String {
    guard total > 0 else { return "\(name): \(done)" }
    let share = min(1, Double(done) / Double(total))
    let filled = Int(share * Double(width))
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    return "\(name) \(bar) \(Int(share * 100)) %, \(done) of \(total)"
  }
}

import Platform
import Service
import Store
import Traffic

/// `tally verify`: every checksum of a directory that no server holds, every count recounted, and what can be repaired.
package enum VerifyCommand {
  private static let repair = Option(
    toggle: "repair", "makes minute, hour and day rows anew where their files are damaged")
  private static let acceptLoss = Option(
    toggle: "accept-loss", "repairs also where hours and days of minutes that are gone already would be lost")

  private static let deep = Option(
    toggle: "deep", "compares every raw click that is kept with all others, and says which range that was")

  private static let perFile = Option(toggle: "files", "prints a row for each file, not for each shard")

  package static let command = Command(
    "verify", "checks every checksum of a data directory and counts its clicks again",
    discussion: """
      The directory must not be held by a server; with --deep, or --addr, a server checks itself and recounts without changing \
      anything. Where something is damaged, file and offset are named and the status \
      is 3. What a crash leaves behind, and the next start repairs, is told and is no damage. \
      Counts by minute, hour and day follow from raw clicks and base rows, so --repair makes them anew; segments, base rows, \
      dictionaries and the log are the only copy of what they hold, and come back from a backup alone. With --deep a repeat has \
      its earlier copy among the raw clicks, or is one of as many as the manifest tells of clicks that have retired.
      """,
    options: [
      perFile.declaration, repair.declaration, acceptLoss.declaration, deep.declaration,
      Option<String>.format.declaration,
    ] + Target.adminOptions,
    examples: ["tally verify --data-dir /var/lib/tally", "tally verify --repair"]
  ) { arguments, console in
    if arguments[toggle: deep], try RemoteJob.isMeant(arguments) { return try check(arguments, console) }
    let path = arguments[Target.dataDirectory] ?? "."
    let files = console.environment.files
    guard files.exists("\(path)/\(StoreFiles.store)") || files.exists("\(path)/\(StoreFiles.shard(0))") else {
      throw NoStore(path: path)
    }
    let lock = try hold(path, console)
    defer { withExtendedLifetime(lock) {} }
    let isDeep = arguments[toggle: deep]
    var report = try verify(path, isDeep: isDeep, console)
    if arguments[toggle: repair], !report.damage.isEmpty {
      guard lock != nil else { throw Failure("\(path) cannot be written, so it cannot be repaired", .refused) }
      tell(report, console)
      guard try Repair(path, report).run(acceptsLoss: arguments[toggle: acceptLoss], console) else {
        show(report, arguments, console)
        return .differs
      }
      report = try verify(path, isDeep: isDeep, console)
    }
    show(report, arguments, console)
    tell(report, console)
    guard report.damage.isEmpty else { return .differs }
    console.note(
      "sound: \(NumberText.of(report.clicks, "click")), \(NumberText.of(report.rows, "row")) counted again")
    return .done
  }

  /// A running server checks itself.
  private static func check(_ arguments: Arguments, _ console: Console) throws -> ExitStatus {
    let result = try RemoteJob.run(
      .verify, Target.open(arguments, console), console, body: .object([.init("deep", .bool(true))]))
    if arguments.format == .json { console.print(result) }
    for finding in result["damage"]?.elements ?? [] {
      let offset = finding["offset"]?.text.map { "at byte \($0): " } ?? ""
      console.note("DAMAGE: \(finding.shown("file")): \(offset)\(finding.shown("reason"))")
    }
    let recount = result["recount"] ?? .null
    console.note(
      "\(NumberText.of(recount.shown("rawClicks"), "raw click")) recounted, of the minutes \(recount.shown("from")) to "
        + "\(recount.shown("to")): \(NumberText.of(recount.shown("rowsCorrected"), "row differs", "rows differ"))")
    SealedMonthsDiffer(recount)?.details.forEach { console.note("DAMAGE: \($0)") }
    for repeats in recount[RecountRequest.unprovenRepeats]?.elements ?? [] {
      console.note("DAMAGE: \(repeats.text ?? "")")
    }
    return result["sound"] == .bool(true) ? .done : .differs
  }

  private static func verify(_ path: String, isDeep: Bool, _ console: Console) throws -> VerifyReport {
    var verifier = Verifier(console.environment, path, isDeep: isDeep)
    try verifier.run()
    return verifier.report
  }

  private static func show(_ report: VerifyReport, _ arguments: Arguments, _ console: Console) {
    switch arguments.format {
    case .json: console.print(report.json)
    case .table:
      let table = arguments[toggle: perFile] ? report.table : report.summary
      table.lines.forEach { console.print($0) }
    }
  }

  private static func tell(_ report: VerifyReport, _ console: Console) {
    report.notes.forEach { console.note("note: \($0)") }
    for finding in report.damage {
      let hint = finding.isDerived ? " (--repair makes it anew)" : ""
      console.note("DAMAGE: \(finding.file): \(finding.offset.map { "at byte \($0): " } ?? "")\(finding.reason)\(hint)")
    }
  }

  /// Keeps servers away meanwhile. A directory that cannot be written, as a backup's, needs no lock.
  private static func hold(_ path: String, _ console: Console) throws -> DirectoryLock? {
    do throws(DirectoryLock.Refusal) { return try DirectoryLock("\(path)/\(StoreFiles.lock)") } catch {
      switch error {
      case .held: throw Failure("\(error); verify needs a directory that no server holds", .refused)
      case .system(let error):
        console.note("not locked: \(error)")
        return nil
      }
    }
  }
}

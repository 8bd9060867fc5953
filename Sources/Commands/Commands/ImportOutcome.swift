import Clicks
import Importing
import JSON
import Service
import Store

/// What became of an import, and how it is told.
enum ImportOutcome {
  /// Read to the end of the source.
  case read(ImportResult)
  /// It was read before, all of it.
  case before(FinishedImport)
  /// Somebody ended it: all that was read is durable through this line, or nobody knows how far.
  case interrupted(ImportResult, through: UInt64?)

  /// Prints it, as JSON or in words, and says with which status the command ends.
  func show(_ path: String, _ format: OutputFormat, _ console: Console) -> ExitStatus {
    let report = result
    if case .json = format { console.print(json(report)) } else { words(path, report, console) }
    if let held = report.heldBack {
      console.note(
        "\(path):\(held.line): not read: no newline is behind its \(held.bytes) bytes, so it may still be being written; "
          + "import it again when it is whole, or say --complete")
    }
    switch self {
    case .before: return .done
    case .read: return report.rejectedLines == 0 && report.heldBack == nil ? .done : .failed
    case .interrupted: return .failed
    }
  }

  private var result: ImportResult {
    switch self {
    case .read(let report), .interrupted(let report, _): return report
    case .before(let one):
      var report = ImportResult()
      report.skipped = one.lines
      return report
    }
  }

  private func json(_ report: ImportResult) -> JSONValue {
    let counts = report.rejectedCount.sorted { $0.key < $1.key }.map { JSONValue.Member($0.key, .integer($0.value)) }
    let lines = report.rejected.map { one in
      JSONValue.object(["line": .integer(one.line), "code": .string(one.code), "detail": .string(one.detail)])
    }
    var members: [JSONValue.Member] = [
      .init("lines", .integer(report.lines)), .init("skipped", .integer(report.skipped)),
      .init("accepted", .integer(report.accepted)), .init("duplicate", .integer(report.duplicate)),
      .init("rejectedCount", .object(counts)), .init("rejected", .array(lines)),
      .init("leftOut", .integer(report.leftOut)), .init("heldBack", report.heldBack.map { .integer($0.line) } ?? .null),
    ]
    switch self {
    case .read: break
    case .before(let one):
      members.append(
        .init(
          "readAlready",
          .object([
            "time": .string(Timestamp.format(one.ended, fraction: false)), "source": .string(one.name),
            "lines": .integer(one.lines), "rejected": .integer(one.rejected),
          ])))
    case .interrupted(_, let line):
      members.append(.init("interrupted", .object(["durableThroughLine": line.map { .integer($0) } ?? .null])))
    }
    return .object(members)
  }

  private func words(_ path: String, _ report: ImportResult, _ console: Console) {
    if case .before(let one) = self {
      let left = one.rejected == 0 ? "" : "; \(one.rejected) of its lines were not counted then"
      console.print(
        "read already on \(Timestamp.format(one.ended, fraction: false)) as \(one.name), \(lines(one.lines)): nothing counted\(left)"
      )
      return
    }
    for one in report.rejected.prefix(20) {
      console.note("\(path):\(one.line): \(one.detail.isEmpty ? "not counted" : one.detail) (\(one.code))")
    }
    let rejected = report.rejectedLines
    if rejected > 20 { console.note("and \(rejected - 20) more were rejected") }
    if case .interrupted(_, let line) = self {
      console.note(
        "\(path): interrupted; "
          + (line.map { "all clicks through line \($0) are durable" } ?? "not all that was read is durable")
          + ", and calling it again goes on")
    }
    if report.rejected.contains(where: { $0.code == "malformed" && $0.detail.hasPrefix("time ") }) {
      console.note("times that are written otherwise: see --time-format and --time-zone in tally help import")
    }
    let codes = report.rejectedCount.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
    let left = report.leftOut > 0 ? ", \(lines(report.leftOut)) left out by --where" : ""
    let before = report.skipped > 0 ? ", \(lines(report.skipped)) done before" : ""
    console.print(
      "\(report.accepted) accepted, \(report.duplicate) duplicate, \(rejected) rejected"
        + (codes.isEmpty ? "" : " (\(codes.joined(separator: ", ")))") + left + before)
  }

  private func lines(_ count: some BinaryInteger) -> String { count == 1 ? "1 line" : "\(count) lines" }
}

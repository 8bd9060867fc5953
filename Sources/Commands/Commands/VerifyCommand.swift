import Platform
import Store

/// `tally verify`: every checksum of a directory that no server holds.
package enum VerifyCommand {
  package static let command = Command(
    "verify", "checks every checksum of a data directory and counts its clicks again",
    discussion: """
      The directory must not be held by a server. Where something is damaged, file and offset are named and the status \
      is 3. What a crash leaves behind, and the next start repairs, is told and is no damage.
      """,
    options: [Target.dataDirectory.declaration, Option<String>.format.declaration],
    examples: ["tally verify --data-dir /var/lib/tally"]
  ) { arguments, console in
    let path = arguments[Target.dataDirectory] ?? "."
    let files = console.environment.files
    guard files.exists("\(path)/\(StoreFiles.store)") || files.exists("\(path)/\(StoreFiles.shard(0))") else {
      throw NoStore(path: path)
    }
    let lock = try hold(path, console)
    defer { withExtendedLifetime(lock) {} }
    var verifier = Verifier(console.environment, path)
    try verifier.run()
    let report = verifier.report
    switch arguments.format {
    case .json: console.print(report.json)
    case .table: report.table.lines.forEach { console.print($0) }
    }
    report.notes.forEach { console.note("note: \($0)") }
    for finding in report.damage {
      console.note("DAMAGE: \(finding.file): \(finding.offset.map { "at byte \($0): " } ?? "")\(finding.reason)")
    }
    guard report.damage.isEmpty else { return .differs }
    console.note("sound: \(report.clicks) clicks, \(report.rows) rows counted again")
    return .done
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

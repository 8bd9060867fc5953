import Platform
import Service
import Shards
import Store

/// `tally reshard`: a stopped store, rewritten to another number of shards.
package enum ReshardCommand {
  private static let shards = Option<Int64>(
    "shards", .count(1...Int64(StoreIdentity.shardLimit)), "how many shards the store shall have")

  private static let settings = ["log-slot-size", "disk-reserve", "read-mode", "dedup-horizon", "accept-clock"]

  package static let command = Command(
    "reshard", "rewrites a stopped store to another number of shards",
    discussion: """
      Every raw click, every count and every row of external tables goes over, and so do the corrections that recounts made \
      and how far imports are; each series and total is what it was. The new shards are built beside the old ones, which \
      takes about as much room again and a copy of the raw clicks. One rename makes them the store; a crash at any moment \
      leaves the old store or the new one, whole, and the next start clears up.
      """,
    options: [shards.declaration, Target.dataDirectory.declaration, Option<String>.format.declaration]
      + [Settings.configOption.declaration] + SettingsTable.all.filter { settings.contains($0.name) }.map(\.option),
    examples: ["tally reshard --shards 4", "tally reshard --shards 2 --data-dir /var/lib/tally"]
  ) { arguments, console in
    guard let wanted = arguments[shards] else { throw UsageError("reshard needs --shards N") }
    let path = arguments[Target.dataDirectory] ?? "."
    let files = console.environment.files
    guard files.exists("\(path)/\(StoreFiles.store)") else { throw NoStore(path: path) }
    let lock: DirectoryLock
    do throws(DirectoryLock.Refusal) { lock = try DirectoryLock("\(path)/\(StoreFiles.lock)") } catch {
      if case .held = error { throw Failure("\(error)", .refused) }
      throw Failure("\(error)")
    }
    defer { withExtendedLifetime(lock) {} }
    let options = try Settings(arguments, variables: console.variables, files: files).values.shardOptions
    let report: Resharding.Report
    do {
      report = try Resharding(console.environment, path, options: options) { part, done, all in
        console.progress("\(part): \(all > 0 ? min(100, done * 100 / all) : 100) %")
      }.run(shards: Int(wanted))
    } catch let refusal as Resharding.Refusal { throw Failure("\(refusal)", .refused) }
    console.clearProgress()
    switch arguments.format {
    case .json:
      console.print(
        .object([
          "shardsBefore": .integer(report.before), "shards": .integer(report.after), "clicks": .integer(report.clicks),
          "rawClicks": .integer(report.rawClicks),
        ]))
    case .table:
      console.print("\(report.before) shards became \(report.after): \(report.clicks) clicks, \(report.rawClicks) raw")
    }
    return .done
  }
}

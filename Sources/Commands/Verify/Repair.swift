import Bytes
import Files
import Platform
import Runs
import Store

/// Makes damaged runs anew from what is primary, by opening the store as a server would, told to leave them out. One
/// manifest record puts the new files in the place of the old ones; a crash before it changes nothing.
struct Repair {
  private let path: String
  private let report: VerifyReport

  init(_ path: String, _ report: VerifyReport) {
    self.path = path
    self.report = report
  }

  /// Repairs what it can; false where nothing was done. Says what it does.
  func run(acceptsLoss: Bool, _ console: Console) throws -> Bool {
    let derived = report.damage.filter(\.isDerived)
    let primary = report.damage.filter { !$0.isDerived }
    guard !derived.isEmpty, primary.isEmpty else {
      for finding in primary {
        console.note(
          finding.offset == nil
            ? "cannot be repaired: \(finding.file): no single file is known to be wrong; see tally reconcile"
            : "cannot be repaired: \(finding.file) holds the only copy of its part; take it from a backup")
      }
      return false
    }
    let lost = try derived.filter { try isLost($0.file, console.environment) }
    if !lost.isEmpty {
      for finding in lost {
        console.note("\(finding.file) holds hours or days whose minutes are gone: they would be lost")
      }
      guard acceptsLoss else {
        console.note("nothing was repaired; --accept-loss goes on without them")
        return false
      }
    }
    var options = ShardOptions()
    options.rebuild = true
    options.takesClicks = false
    let store = try Store.open(console.environment, path, options: options)
    for shard in store.shards { shard.maintain() }
    store.close()
    for finding in derived { console.note("made anew: the rows of \(finding.file)") }
    return true
  }

  /// Whether a damaged run holds, or may hold, what nothing can make again.
  private func isLost(_ file: String, _ environment: Environment) throws -> Bool {
    let files = environment.files
    guard let identity = try Store.identify(files, path) else { return false }
    for number in 0..<identity.shards {
      let directory = identity.directory(of: number, in: path)
      guard file.hasPrefix(directory + "/") else { continue }
      let state = try Manifest.read(files, directory: directory, store: identity.id)?.state ?? ManifestState()
      guard state.minutesFrom > .min else { return false }
      // Its own header page says what it was, if that can still be read.
      guard files.exists(file), let page = try? files.open(file, .read).bytes(at: 0, count: FileHeader.size),
        let header = try? FileHeader.read(page, as: .run, path: file), header.store == identity.id
      else { return true }
      var fields = ByteReader(page[(FileHeader.typeFields + 4)...])
      guard let seconds = fields.next(UInt32.self), let first = fields.next(Int64.self) else { return true }
      let (start, overflow) = first.multipliedReportingOverflow(by: Int64(seconds))
      return seconds > 60 && (overflow || start < state.minutesFrom * 60)
    }
    return false
  }
}

import Files
import Platform
import Shards
import Store

// Whether the directory is whole: each shard is the one that STORE knows, and as far as STORE knows it; ROUTES is there, in both
// copies, and no older one than the store has had.

extension Verifier {
  /// Holds shard `number` against what STORE knows, as far as its manifest tells; false where it is another.
  mutating func checkMark(shard number: Int, of identity: StoreIdentity) throws -> Bool {
    if let words = identity.acceptance(of: number, in: path) { report.note(words) }
    let sight: ShardSight?
    do { sight = try ShardSight.look(files, identity.directory(of: number, in: path), store: identity.id) } catch {
      // Named with its place where the shard is checked.
      return true
    }
    if sight != nil, sight?.start == identity.start + 1 {
      report.note(
        "\(identity.directory(of: number, in: path)): the last opening was cut short; the next one repeats it")
    }
    guard let fault = identity.fault(of: number, sight, in: path) else { return true }
    report.damaged(fault)
    return false
  }

  /// What can only be told of all shards together.
  mutating func checkShards(_ identity: StoreIdentity) throws {
    guard !identity.isNumbered, report.clicks > 0 else { return }
    for number in 0..<identity.shards {
      let directory = identity.directory(of: number, in: path)
      let names = files.exists(directory) ? try files.list(directory) : []
      guard !names.contains(where: { StoreFiles.manifest(of: $0) != nil }) else { continue }
      report.damaged(ShardFault(shard: number, directory: directory, kind: .missing, known: 0))
    }
  }

  /// Where several shards have clicks, ROUTES says which.
  mutating func checkRoutes(_ identity: StoreIdentity) throws {
    let root = identity.root(in: path)
    let file = "\(root)/\(StoreFiles.routes)"
    guard files.exists(file) else {
      guard identity.shards > 1 else { return }
      let isHome =
        ads.count == identity.shards && RoutesFile.isHome((0..<identity.shards).map { ads[$0] ?? [] })
      if report.clicks == 0 || identity.routes == 0 && isHome {
        report.note("\(file): missing; the next start makes it, since every click is where it belongs without it")
      } else {
        try report.damaged(by: RoutesFile.missing(file, shards: identity.shards))
      }
      return
    }
    do {
      let reading = try RoutesFile.read(files, root, store: identity.id, shards: identity.shards)!
      // One copy is enough to go on, and the next start mends the other; but the file is not as it was written.
      for var fault in reading.repaired {
        fault.reason += "; the other copy holds, and the next start mends this one"
        try report.damaged(by: fault)
      }
      try RoutesFile.check(reading.table, identity, file)
      report.add(.init(path: file, kind: "hot intervals", bytes: try files.open(file, .read).size()))
    } catch { try report.damaged(by: error) }
  }
}

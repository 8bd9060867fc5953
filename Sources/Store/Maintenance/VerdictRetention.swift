import Clicks
import Files
import Runs

// Verdicts by minute go when minute rows go, by the same age. What they come to by hour is added to rows of their table by hour, in the
// same record, and those stay, as the hours of clicks do:
//
//     verdict.bot by minute   ▪▪▪▪▪▪▪▪ too old │ ▪▪▪▪ ▪▪▪        verdict.bot by hour   ▪▪▪▪▪▪ + sums of what goes
//
// A row is told once: by its minute until it goes, by its hour from then on. One that comes later for an hour that is past has a
// minute row of its own, whose sum is added when it goes. Runs of which another one has rows of the same minutes go together with
// that one, since only together they say what the rows are.

extension Retention {
  /// Verdicts by minute that are past their retention: by table, in the order of the tables' numbers.
  var expiredVerdicts: [(table: UInt32, runs: [Run])] {
    let limit = core.clock.now() - core.options.minuteRetention
    return core.manifest.state.tables.sorted { $0.key < $1.key }.compactMap { number, name in
      guard Verdict.hasTable(name) else { return nil }
      let runs = core.live.version.table(.external(number)).runs
      let old = runs.filter { $0.window.upperBound * 60_000 < limit && $0.file.header.created < limit }
      let going = Self.apart(old, from: runs)
      return going.isEmpty ? nil : (number, going)
    }
  }

  /// Those of `candidates` that share no minutes with a run that stays.
  private static func apart(_ candidates: [Run], from runs: [Run]) -> [Run] {
    var going = candidates
    while true {
      let numbers = Set(going.map(\.file.reference.number))
      let staying = runs.filter { !numbers.contains($0.file.reference.number) }.map(\.window)
      let rest = going.filter { run in !staying.contains { $0.overlaps(run.window) } }
      if rest.count == going.count { return going }
      going = rest
    }
  }

  /// Moves verdicts that are too old from minutes to hours, a record a table.
  func widenVerdicts() throws {
    for (table, runs) in expiredVerdicts {
      try pacer.check()
      try ShardEdit.perform(context) { edit in
        try writeHours(of: runs, table, edit)
        try edit.install(
          removing: runs.map { StoreFile(kind: .external, reference: $0.file.reference) }, closing: runs.map(\.file))
      }
    }
  }

  private func writeHours(of runs: [Run], _ number: UInt32, _ edit: ShardEdit) throws {
    var table = RunTable()
    for run in runs {
      let fault = table.add(run)
      precondition(fault == nil, "\(run.file.path): \(fault!)")
    }
    let key = RunTableKey.external(number, bucketSeconds: 3_600)
    let window =
      runs.map(\.window.lowerBound).min()!.dividedDown(by: 60)..<runs.map(\.window.upperBound).max()!.dividedUp(by: 60)
    let hours = core.live.version.table(key)
    let isNew = !hours.runs.contains { $0.window.overlaps(window) }
    // The sums of a key only grow, and of equal versions the larger value holds.
    let position = core.manifest.state.applied
    let sums = try RowStream(table).widened(by: 60)
    var next = try sums.next()
    guard next != nil else { return }
    try edit.writeRun(key, .patch, window: window, position: position) { writer in
      while let row = next {
        try pacer.check()
        let buckets = row.bucket..<(row.bucket + 1)
        let present = isNew ? 0 : try hours.externalRows(of: row.code, in: buckets).first?.value ?? 0
        try writer.add(code: row.code, bucket: row.bucket, value: present &+ row.count, version: position)
        next = try sums.next()
      }
    }
  }
}

extension Verdict {
  /// Whether a table of this name holds verdicts, or the minutes that lost some.
  static func hasTable(_ name: String) -> Bool { name == lostTable || allCases.contains { $0.table == name } }
}

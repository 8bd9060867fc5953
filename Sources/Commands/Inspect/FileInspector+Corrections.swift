import Clicks
import Corrections
import Files

// What recounts changed, entry by entry.

extension FileInspector {
  mutating func inspectCorrections(_ path: String) throws {
    let found = try CorrectionFile.open(files, path, access: .read)
    let sections = try [1, 2, 3].map { try found.file.section($0) }
    for (index, run) in found.runs.prefix(Self.shownEntries).enumerated() {
      writer.part(
        InspectedPart(
          sections[0].offset + UInt64(index * 24), "run",
          [("number", "\(run.number)"), ("position", "\(run.position)"), ("time", TimeRange.text(run.time))]))
    }
    more(sections[0].offset, found.runs.count, "runs")
    let shown = max(shownRows, Self.shownEntries)
    var index = 0
    try found.forEachRow { row in
      defer { index += 1 }
      guard index < shown else { return }
      writer.part(
        InspectedPart(
          sections[1].offset + UInt64(index * 40), row.isCredit ? "credit" : "correction",
          [
            ("ad code", "\(row.code)"), ("seconds", "\(row.bucketSeconds)"),
            ("bucket", TimeRange.bucket(row.bucket, seconds: row.bucketSeconds)), ("from", "\(row.from)"),
            ("to", "\(row.to)"), ("reason", row.reason.name), ("run", "\(row.run.number)"),
          ]))
    }
    index = 0
    try found.forEachRepeat { removed in
      defer { index += 1 }
      guard index < shown else { return }
      writer.part(
        InspectedPart(
          sections[2].offset + UInt64(index * 32), "removed repeat",
          [
            ("position", "\(removed.position)"), ("minute", TimeRange.minute(removed.minute)),
            ("ad code", "\(removed.code)"), ("run", "\(removed.run)"),
          ]))
    }
    try found.verify()
  }
}

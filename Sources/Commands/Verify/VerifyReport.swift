import Bytes
import JSON
import Platform
import Service
import Store
import Traffic

/// What checking a data directory found.
package struct VerifyReport: Sendable {
  /// One file that was checked.
  package struct FileEntry: Hashable, Sendable {
    package var path: String
    package var kind: String
    package var bytes: UInt64
    package var frames: UInt64 = 0
    package var clicks: UInt64 = 0
    /// Rows of a run, ads of a dictionary.
    package var rows: UInt64 = 0
  }

  /// Something that is not as it was written.
  package struct Finding: Hashable, Sendable {
    package var file: String
    /// Where in the file; nil where the whole of it is meant.
    package var offset: UInt64?
    package var reason: String
    /// Whether what is damaged can be made again from the rest.
    package var isDerived = false
  }

  package private(set) var files: [FileEntry] = []
  package private(set) var damage: [Finding] = []
  /// What a crash leaves behind and the next start repairs.
  package private(set) var notes: [String] = []
  /// Raw clicks in log and segments, and rows of the tables that were counted again.
  package var clicks: UInt64 = 0
  package var rows = 0
  /// Raw clicks that were compared with all others; 0 where that was not asked for.
  package var recounted: UInt64 = 0

  package init() {}

  mutating func add(_ file: FileEntry) { files.append(file) }
  mutating func note(_ text: String) { notes.append(text) }

  mutating func damaged(_ file: String, _ offset: UInt64?, _ reason: String) {
    damage.append(Finding(file: file, offset: offset, reason: reason))
  }

  /// Notes what `error` says is damaged, once. Rethrows what is no damage: a disk that does not answer.
  mutating func damaged(by error: any Error) throws {
    if let mismatch = error as? StoreMismatch {
      for fault in mismatch.faults { damaged(fault) }
      return
    }
    guard let fault = error as? FormatError else { throw error }
    let finding = Finding(file: fault.file, offset: fault.offset, reason: fault.reason)
    if !damage.contains(where: { $0.file == finding.file && $0.offset == finding.offset }) { damage.append(finding) }
  }

  /// Notes that a shard is not the one that belongs there, once.
  mutating func damaged(_ fault: ShardFault) {
    let reason = String(fault.description.dropFirst(fault.directory.count + 2))
    let finding = Finding(file: fault.directory, offset: nil, reason: reason)
    if !damage.contains(finding) { damage.append(finding) }
  }

  /// What is damaged at `path` can be made again.
  mutating func isDerived(_ path: String) {
    for i in damage.indices where damage[i].file == path { damage[i].isDerived = true }
  }

  /// For programs.
  package var json: JSONValue {
    .object([
      "sound": .bool(damage.isEmpty), "clicks": .integer(clicks), "rows": .integer(rows),
      "recounted": .integer(recounted),
      "files": .array(
        files.map {
          .object([
            "file": .string($0.path), "kind": .string($0.kind), "bytes": .integer($0.bytes),
            "frames": .integer($0.frames), "clicks": .integer($0.clicks), "rows": .integer($0.rows),
          ])
        }),
      "damage": .array(
        damage.map {
          .object([
            "file": .string($0.file), "offset": $0.offset.map { .integer($0) } ?? .null, "reason": .string($0.reason),
            "derived": .bool($0.isDerived),
          ])
        }), "notes": .array(notes.map { .string($0) }),
    ])
  }

  /// What was checked, for people: a row for each shard, and one for what belongs to none.
  package var summary: Table {
    func shard(_ file: FileEntry) -> String {
      file.path.split(separator: "/").last { StoreFiles.isShard(String($0)) }.map(String.init) ?? "store"
    }
    var table = Table([
      ("OF", .left), ("FILES", .right), ("BYTES", .right), ("FRAMES", .right), ("CLICKS", .right), ("ROWS", .right),
    ])
    let groups = Dictionary(grouping: files, by: shard)
    for name in groups.keys.sorted() {
      func sum(_ value: (FileEntry) -> UInt64) -> UInt64 { groups[name]!.reduce(0) { $0 + value($1) } }
      let cells = [sum(\.bytes), sum(\.frames), sum(\.clicks), sum(\.rows)]
      table.add([name, "\(groups[name]!.count)"] + cells.map { $0 > 0 ? NumberText.grouped($0) : "" })
    }
    return table
  }

  /// The files for people.
  package var table: Table {
    var table = Table([
      ("FILE", .left), ("KIND", .left), ("BYTES", .right), ("FRAMES", .right), ("CLICKS", .right), ("ROWS", .right),
    ])
    for file in files {
      table.add([
        file.path, file.kind, "\(file.bytes)", file.frames > 0 ? "\(file.frames)" : "",
        file.clicks > 0 ? "\(file.clicks)" : "", file.rows > 0 ? "\(file.rows)" : "",
      ])
    }
    return table
  }
}

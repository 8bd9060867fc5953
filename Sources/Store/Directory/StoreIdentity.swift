import Bytes
import Clicks
import Files

// The `STORE` file: who a data directory is, where its shards stand, and how far each of them was when the store was last
// opened or closed. It is written with each opening, behind the shards' manifests, and with each closing in good order; so a
// shard that was lost, exchanged or put back from an older copy does not fit it (ShardJudgement.swift).
//
//     56 u32 shards   60 u32 layout   64 u64 start   72 u32 flags   76 u32 zero   80 u64 routes   88 … 56 bytes a shard
//
// Version 1, of 0.1, ends behind the layout: its store was never numbered.

/// What `STORE` says.
package struct StoreIdentity: Equatable, Sendable {
  package var id: StoreID
  package var shards: Int
  package var created: Int64
  /// How often the store was rewritten to another number of shards.
  package var layout: UInt32
  /// The number of the last opening that came to its end; the manifests of all shards say the same.
  package var start: UInt64 = 0
  /// Whether the store was closed in good order since: then the marks are exact.
  package var isClosed = false
  /// Whether the store has start numbers: one of 0.1 has none before its first opening.
  package var isNumbered = true
  /// One more than a version that `ROUTES` has had: it has this one or a later one now. 0 where it was never seen.
  package var routes: UInt64 = 0
  /// What is known of each shard.
  package var marks: [ShardMark]

  /// Most shards of a store.
  package static let shardLimit = 64
  /// Bytes of a mark, and where the first one stands.
  package static let markBytes = 56
  package static let marksStart = 88

  package init(id: StoreID, shards: Int, created: Int64, layout: UInt32 = 0) {
    self.id = id
    self.layout = layout
    self.shards = shards
    self.created = created
    marks = [ShardMark](repeating: ShardMark(), count: shards)
  }

  /// The file's bytes.
  package var page: [UInt8] {
    precondition(marks.count == shards)
    let header = FileHeader(magic: .store, store: id, number: 0, created: created)
    return unsafe header.page { base in
      unsafe base.unsafeStoreLE(UInt32(shards), FileHeader.typeFields)
      unsafe base.unsafeStoreLE(layout, FileHeader.typeFields + 4)
      unsafe base.unsafeStoreLE(start, FileHeader.typeFields + 8)
      unsafe base.unsafeStoreLE(UInt32(isClosed ? 1 : 0), FileHeader.typeFields + 16)
      unsafe base.unsafeStoreLE(routes, FileHeader.typeFields + 24)
      for (shard, mark) in marks.enumerated() {
        for (field, value) in mark.fields.enumerated() {
          unsafe base.unsafeStoreLE(value, Self.marksStart + shard * Self.markBytes + field * 8)
        }
      }
    }
  }

  /// Reads a `STORE` file's bytes.
  package init(page: [UInt8], path: String) throws(FormatError) {
    let header = try FileHeader.read(page, as: .store, path: path)
    guard page.count == FileHeader.size else {
      throw FormatError(
        file: path, offset: UInt64(FileHeader.size), reason: "\(page.count) bytes, not \(FileHeader.size)")
    }
    var fields = ByteReader(page[FileHeader.typeFields...])
    let shards = Int(fields.next(UInt32.self)!)
    guard 1...Self.shardLimit ~= shards else {
      throw FormatError(file: path, offset: UInt64(FileHeader.typeFields), reason: "\(shards) shards")
    }
    self.init(id: header.store, shards: shards, created: header.created, layout: fields.next(UInt32.self)!)
    guard header.version > 1 else {
      isNumbered = false
      return
    }
    start = fields.next(UInt64.self)!
    let flags = fields.next(UInt64.self)!
    guard flags & ~1 == 0 else {
      throw FormatError(
        file: path, offset: UInt64(FileHeader.typeFields + 16), reason: "flags \(flags): written by a newer version")
    }
    isClosed = flags & 1 != 0
    routes = fields.next(UInt64.self)!
    for shard in 0..<shards {
      marks[shard] = ShardMark(fields: (0..<(Self.markBytes / 8)).map { _ in fields.next(UInt64.self)! })
    }
  }

  /// The directory in which the shards and `ROUTES` stand: the data directory itself, or one in it for a store that was
  /// rewritten.
  package func root(in path: String) -> String { layout == 0 ? path : "\(path)/\(StoreFiles.layout(layout))" }

  /// The directory of a shard.
  package func directory(of shard: Int, in path: String) -> String { "\(root(in: path))/\(StoreFiles.shard(shard))" }
}

/// What `STORE` knows of a shard.
package struct ShardMark: Equatable, Sendable {
  /// The opening that its manifest tells of; 0 where it has none yet.
  package var start: UInt64
  /// Position of its next click then, or when the store was closed.
  package var position: UInt64
  /// Sequence number of its newest manifest record then.
  package var sequence: UInt64
  /// When somebody took it as it was, though it did not fit; the last time.
  package var acceptance: Acceptance?

  /// Somebody said `--accept-shard`.
  package struct Acceptance: Equatable, Sendable {
    /// The opening.
    package var start: UInt64
    /// Logical time, ms since 1970.
    package var time: Int64
    /// Position of the shard's next click as it was found, and as `STORE` knew it.
    package var found: UInt64
    package var known: UInt64

    package init(start: UInt64, time: Int64, found: UInt64, known: UInt64) {
      self.start = start
      self.time = time
      self.found = found
      self.known = known
    }
  }

  package init(start: UInt64 = 0, position: UInt64 = 0, sequence: UInt64 = 0, acceptance: Acceptance? = nil) {
    self.start = start
    self.position = position
    self.sequence = sequence
    self.acceptance = acceptance
  }

  /// As the file has them.
  fileprivate var fields: [UInt64] {
    let accepted = acceptance.map { [$0.start, UInt64(bitPattern: $0.time), $0.found, $0.known] }
    return [start, position, sequence] + (accepted ?? [0, 0, 0, 0])
  }

  fileprivate init(fields: [UInt64]) {
    self.init(start: fields[0], position: fields[1], sequence: fields[2])
    guard fields[3] > 0 else { return }
    acceptance = Acceptance(start: fields[3], time: Int64(bitPattern: fields[4]), found: fields[5], known: fields[6])
  }
}

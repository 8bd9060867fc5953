import ClickLog
import Clicks
import Files
import Platform

// Whether a directory holds the shard that belongs there. Manifests are written first, `STORE` behind them, so with n the
// opening that `STORE` tells of:
//
//     n          as it was when the last opening ended
//     n + 1      the opening that was cut short
//     below n    an older copy, put back            above n + 1   STORE is the older copy
//
// Inside one opening the mark of the shard decides: it has as many clicks and manifest records as it had, or more; exactly as
// many clicks where the store was closed in good order. (An opening that is cut short may have written records before the one
// that has its number.)

/// What a shard's directory shows.
package struct ShardSight: Equatable, Sendable {
  /// Whose the shard is.
  package var store: StoreID
  /// Which shard it is; nil where it was never numbered.
  package var shard: Int?
  /// The opening that its manifest tells of.
  package var start: UInt64
  /// Sequence number of its newest manifest record.
  package var sequence: UInt64
  /// Position of its next click; nil where nobody has read it back.
  package var position: UInt64?

  package init(store: StoreID, shard: Int?, start: UInt64, sequence: UInt64, position: UInt64?) {
    self.store = store
    self.shard = shard
    self.start = start
    self.sequence = sequence
    self.position = position
  }

  /// Looks at the newest manifest in `directory`; nil where there is none. Throws `FormatError` where it is damaged.
  package static func look(
    _ files: any FileSystem, _ directory: String, store: StoreID
  ) throws -> ShardSight? {
    guard files.exists(directory) else { return nil }
    let found = try files.list(directory).compactMap { StoreFiles.manifest(of: $0) }
    guard let number = found.map(\.number).max() else { return nil }
    for (_, copy) in found.filter({ $0.number == number }) {
      let path = "\(directory)/\(StoreFiles.manifest(number, copy: copy))"
      guard let header = try? ManifestCopyReader(files, path, number: number).header, header.store != store else {
        continue
      }
      return ShardSight(store: header.store, shard: nil, start: 0, sequence: 0, position: nil)
    }
    guard let reading = try Manifest.read(files, directory: directory, store: store) else { return nil }
    return ShardSight(
      store: store, shard: reading.state.shard.map { Int($0) }, start: reading.state.start,
      sequence: reading.sequence, position: nil)
  }
}

/// A shard that is not what `STORE` knows.
package struct ShardFault: Equatable, Sendable, CustomStringConvertible {
  /// How it differs.
  package enum Kind: Equatable, Sendable {
    /// There is no directory, or none with a manifest.
    case missing
    /// Another store's.
    case foreign(StoreID)
    /// Another shard of this store.
    case other(Int)
    /// An older copy; in words.
    case older(String)
    /// `STORE` is the older one; in words.
    case newer(String)
  }

  package var shard: Int
  package var directory: String
  package var kind: Kind
  /// Clicks that `STORE` knows of the shard.
  package var known: UInt64

  package init(shard: Int, directory: String, kind: Kind, known: UInt64) {
    self.shard = shard
    self.directory = directory
    self.kind = kind
    self.known = known
  }

  /// Whether the shard can be taken as it is. What belongs elsewhere can't: its clicks would not be found.
  package var isAcceptable: Bool {
    switch kind {
    case .foreign, .other: false
    case .missing, .older, .newer: true
    }
  }

  package var description: String {
    let accept = "start once with --accept-shard \(shard)"
    switch kind {
    case .missing:
      return "\(directory): shard \(shard) is missing, STORE knows \(known) clicks of it. Put it back (is a volume not "
        + "mounted?), or \(accept), which begins it anew without them"
    case .foreign(let id):
      return
        "\(directory): this shard belongs to store \(id). Put shard \(shard) of this store in its place; or move it "
        + "away and \(accept), which begins shard \(shard) anew"
    case .other(let number):
      return
        "\(directory): this is shard \(number) of the store, not shard \(shard). Put each shard into its own directory; "
        + "or, if shard \(shard) is lost, move this one away and \(accept), which begins it anew"
    case .older(let words):
      return
        "\(directory): shard \(shard) is an older copy: \(words). Put the newest one back, or \(accept), which goes "
        + "on without what is missing"
    case .newer(let words):
      return
        "\(directory): shard \(shard) is newer than STORE: \(words). Put the STORE that belongs to the shards back, or "
        + "\(accept), which believes the shard"
    }
  }
}

/// Shards are not what `STORE` knows, and nobody has accepted them: nothing was changed.
package struct StoreMismatch: Error, Equatable, CustomStringConvertible {
  package var faults: [ShardFault]

  package init(faults: [ShardFault]) { self.faults = faults }

  package var description: String { faults.map(\.description).joined(separator: "\n") }
}

extension StoreIdentity {
  /// Looks at the directory of each shard.
  func look(_ files: any FileSystem, _ path: String) throws -> [ShardSight?] {
    try (0..<shards).map { try ShardSight.look(files, directory(of: $0, in: path), store: id) }
  }

  /// When a shard was last accepted with clicks missing, ms of the logical clock; `.min`: never.
  package var lastLoss: Int64 {
    marks.compactMap(\.acceptance).filter { $0.found < $0.known }.map(\.time).max() ?? .min
  }

  /// What was accepted of a shard, in words; nil for nothing.
  package func acceptance(of shard: Int, in path: String) -> String? {
    guard let acceptance = marks[shard].acceptance else { return nil }
    return
      "\(directory(of: shard, in: path)): shard \(shard) was taken as it was found, with \(acceptance.found) clicks of "
      + "\(acceptance.known) that were known, in opening \(acceptance.start)"
  }

  /// The number of the next opening.
  package var nextStart: UInt64 { max(start, marks.map(\.start).max() ?? 0) + 1 }

  /// What is wrong with each shard; `sights` are those of all of them. `path` is the data directory.
  package func faults(_ sights: [ShardSight?], in path: String) -> [ShardFault] {
    sights.indices.compactMap { shard in
      if let fault = fault(of: shard, sights[shard], in: path) { return fault }
      // A store without numbers: where one shard has clicks, all were made.
      let others = sights.indices.contains { $0 != shard && sights[$0]?.position ?? 0 > 0 }
      guard !isNumbered, sights[shard] == nil, others else { return nil }
      return ShardFault(shard: shard, directory: directory(of: shard, in: path), kind: .missing, known: 0)
    }
  }

  /// What is wrong with one shard, as far as it can be told without the others; nil for nothing.
  package func fault(of shard: Int, _ sight: ShardSight?, in path: String) -> ShardFault? {
    let mark = marks[shard]
    func fault(_ kind: ShardFault.Kind) -> ShardFault {
      ShardFault(shard: shard, directory: directory(of: shard, in: path), kind: kind, known: mark.position)
    }
    guard let sight else { return mark.start > 0 && !sabotaged(.trustShards) ? fault(.missing) : nil }
    if sight.store != id { return fault(.foreign(sight.store)) }
    if sabotaged(.trustShards) { return nil }
    if let number = sight.shard, number != shard { return fault(.other(number)) }
    let isCutShort = sight.start == start + 1
    guard sight.start == mark.start || isCutShort else {
      let words = "its last opening is number \(sight.start), STORE knows number \(mark.start)"
      return fault(sight.start < mark.start ? .older(words) : .newer(words))
    }
    if sight.sequence < mark.sequence {
      return fault(.older("its manifest ends with record \(sight.sequence), STORE knows record \(mark.sequence)"))
    }
    guard let position = sight.position else { return nil }
    if position < mark.position {
      return fault(.older("it has \(position) clicks, STORE knows \(mark.position)"))
    }
    if isClosed, position > mark.position {
      return fault(.newer("it has \(position) clicks, STORE knows \(mark.position)"))
    }
    return nil
  }

  /// Takes the shards of `faults` as they were found, at `time`; the next opening is the one that does.
  mutating func accept(_ faults: [ShardFault], _ sights: [ShardSight?], at time: Int64) {
    for fault in faults {
      let sight = sights[fault.shard]
      marks[fault.shard] = ShardMark(
        start: sight?.start ?? 0, position: sight?.position ?? 0, sequence: sight?.sequence ?? 0,
        acceptance: ShardMark.Acceptance(
          start: nextStart, time: time, found: sight?.position ?? 0, known: marks[fault.shard].position))
    }
    // The word of the closing was of what is not there any more.
    isClosed = false
    isNumbered = true
  }

  /// All shards took part in opening `number`, and are so far.
  mutating func began(_ number: UInt64, _ ends: [(position: UInt64, sequence: UInt64)]) {
    start = number
    isClosed = false
    isNumbered = true
    mark(ends)
  }

  /// The shards are so far.
  mutating func mark(_ ends: [(position: UInt64, sequence: UInt64)]) {
    for (shard, end) in ends.enumerated() {
      marks[shard] = ShardMark(
        start: start, position: end.position, sequence: end.sequence, acceptance: marks[shard].acceptance)
    }
  }
}

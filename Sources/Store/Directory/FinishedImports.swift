import ClickLog

// What is known of the imports that were read to their end: so that a file that comes again is recognised, under whatever
// name, long after its raw clicks, and with them the means to find its repeats one by one, have gone.
//
//   same bytes, read in the same way          it was read already
//   same name, begins with the same bytes     it has grown: the import goes on behind them
//   same name, other bytes                    changed, or another file: the sample tells whether any line was read before

/// 128 bits that stand for a text or for a way to read one.
package struct SourceKey: Hashable, Sendable {
  package var high: UInt64
  package var low: UInt64

  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }
}

/// An import that was read to its end.
package struct FinishedImport: Equatable, Sendable {
  /// How it was read: another way makes other clicks of the same lines.
  package var way: SourceKey
  /// The name that ids derived from lines know it by; at most `longestName` bytes.
  package var name: String
  /// The text that was read, decoded: its bytes, its lines, and the first half of its SHA-256.
  package var bytes: UInt64
  package var lines: UInt64
  package var digest: SourceKey
  /// Lines that were not counted.
  package var rejected: UInt64
  /// When its reading began and ended, ms of the logical clock since 1970.
  package var began: Int64
  package var ended: Int64
  /// The layout of the store, and the position of each shard, when its reading began: all of its clicks are behind.
  package var layout: UInt32
  package var since: [UInt64]
  /// The least hashes of its lines (`LineSample`), ascending; empty where not all of its lines were sampled.
  package var sample: [UInt64]

  /// Most bytes of a name that are kept.
  package static let longestName = 255
  /// Most hashes of a sample.
  package static let sampleLimit = 16

  package init(
    way: SourceKey, name: String, bytes: UInt64, lines: UInt64, digest: SourceKey, rejected: UInt64, began: Int64,
    ended: Int64, layout: UInt32, since: [UInt64], sample: [UInt64]
  ) {
    var name = name
    while name.utf8.count > Self.longestName { name.removeLast() }
    self.way = way
    self.name = name
    self.bytes = bytes
    self.lines = lines
    self.digest = digest
    self.rejected = rejected
    self.began = began
    self.ended = ended
    self.layout = layout
    self.since = since
    self.sample = sample
  }
}

/// The least hashes of the lines of a text: whoever shares most lines with it shares most of them.
package struct LineSample: Sendable {
  /// Ascending, each once.
  package private(set) var least: [UInt64] = []

  package init() {}

  /// The hash of a line, as finished imports keep it: for each 8 bytes, little-endian, the last ones filled up with zeros,
  /// h = (h ^ word) · 0x9E3779B97F4A7C15, h ^= h >> 32, from h = the number of bytes on.
  package static func hash(_ line: UnsafeRawBufferPointer) -> UInt64 {
    var hash = UInt64(truncatingIfNeeded: line.count)
    guard let base = line.baseAddress else { return hash }
    var at = 0
    while at + 8 <= line.count {
      hash = unsafe (hash ^ UInt64(littleEndian: (base + at).loadUnaligned(as: UInt64.self))) &* 0x9E37_79B9_7F4A_7C15
      hash ^= hash >> 32
      at += 8
    }
    guard at < line.count else { return hash }
    var word: UInt64 = 0
    if line.count >= 8 {
      // The last 8 bytes, without those that are in the hash already.
      word = UInt64(littleEndian: unsafe (base + (line.count - 8)).loadUnaligned(as: UInt64.self))
      word >>= UInt64(8 * (at + 8 - line.count))
    } else {
      for i in at..<line.count { unsafe word |= UInt64(line[i]) << UInt64(8 * (i - at)) }
    }
    hash = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
    return hash ^ hash >> 32
  }

  /// Takes a line's hash in.
  @inline(__always)
  package mutating func add(_ hash: UInt64) {
    if least.count == FinishedImport.sampleLimit, hash >= least[least.count - 1] { return }
    insert(hash)
  }

  private mutating func insert(_ hash: UInt64) {
    let place = least.firstIndex { $0 >= hash } ?? least.count
    if place < least.count, least[place] == hash { return }
    least.insert(hash, at: place)
    if least.count > FinishedImport.sampleLimit { least.removeLast() }
  }
}

/// All imports that were finished, the oldest first.
package struct FinishedImports: Equatable, Sendable {
  /// How often the list was changed.
  package private(set) var version: UInt64 = 0
  package private(set) var all: [FinishedImport] = []

  /// Most imports that are kept: of more the oldest go.
  package static let limit = 65_536

  package init() {}

  init(version: UInt64, all: [FinishedImport]) {
    self.version = version
    self.all = all
  }

  /// Takes one in, and drops those that ended before `oldest`, ms since 1970.
  package mutating func add(_ one: FinishedImport, oldest: Int64) {
    version += 1
    all.removeAll { $0.ended < oldest }
    // A file that was read on is one import, as far as it is read now.
    all.removeAll { $0.way == one.way && $0.name == one.name && $0.bytes == one.bytes && $0.digest == one.digest }
    all.append(one)
    if all.count > Self.limit { all.removeFirst(all.count - Self.limit) }
  }

  /// Those that were read in this way.
  package func read(_ way: SourceKey) -> [FinishedImport] { all.filter { $0.way == way } }
}

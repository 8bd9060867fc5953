import Bytes
import Clicks
import Files
import Platform
import Reconciliation

// The repeats that a recount finds come in the order of ids, and are wanted in that of rows, beside which they are recorded. They
// are sorted in memory as far as there is some; what is more is sorted part by part, each part waits in a file, and the parts
// are merged when they are wanted:
//
//     found ─▶ ▤▤▤▤ full: sorted ─▶ file     ▤▤▤▤ full: sorted ─▶ file     ▤▤░░ sorted, stays in memory
//              └──────────────── merged in the order of (ad code, minute, position) ────────────────┘
//
// So memory does not grow with what is found: a busy day of browsers may bring millions.

/// A repeat that no run has recorded and no segment had marked.
struct FoundRepeat {
  var minute: Int64
  /// Its position in the shard's log.
  var position: UInt64
  /// The position of the latest copy received before it, plus 1; 0: in no segment that was asked.
  var earlier: UInt64
  var code: UInt32
  /// The file has no byte that means nothing.
  private let zero: UInt32 = 0

  init(_ mark: RepeatMark) {
    (minute, position, code) = (mark.minute.index, mark.position, mark.code)
    earlier = if case .at(let copy) = mark.earlier { copy + 1 } else { 0 }
  }

  /// The order of rows.
  @inline(__always)
  static func precedes(_ a: FoundRepeat, _ b: FoundRepeat) -> Bool {
    if a.code != b.code { return a.code < b.code }
    return a.minute != b.minute ? a.minute < b.minute : a.position < b.position
  }

  /// Whether a row of its key would stand before `key`.
  @inline(__always)
  func precedes(_ key: RowCount) -> Bool { code != key.code ? code < key.code : minute < key.bucket }

  /// Whether the row of `key` counted it.
  @inline(__always)
  func isOf(_ key: RowCount) -> Bool { code == key.code && minute == key.bucket }
}

/// The repeats of one recount. One thread adds them and walks through them.
final class FoundRepeats {
  private let files: any FileSystem
  private let directory: String
  private let limit: Int
  /// Those that no part in the file has: unsorted until `end`.
  private var last: [FoundRepeat] = []
  /// Sorted parts, each in blocks.
  private var parts: [[SpillFile.Block]] = []
  private var spill: SpillFile?
  /// Days that have any.
  private(set) var days: Set<Int64> = []
  private var lastDay: Range<Int64> = 0..<0

  /// Repeats of a block in the file: 64 KB.
  private static let block = 2_048

  /// `limit` repeats are held in memory; more wait in a file in `directory`.
  init(_ files: any FileSystem, in directory: String, limit: Int) {
    self.files = files
    self.directory = directory
    self.limit = limit
  }

  /// Takes in one more.
  func add(_ found: FoundRepeat) throws {
    if !lastDay.contains(found.minute) {
      let day = Day(ofMinute: found.minute)
      lastDay = day.minutes
      days.insert(day.index)
    }
    if last.count >= limit { try putAside() }
    last.append(found)
  }

  /// No more come. Before it nothing is walked through.
  func end() { last.sort(by: FoundRepeat.precedes) }

  private func putAside() throws {
    last.sort(by: FoundRepeat.precedes)
    let file: SpillFile
    if let spill {
      file = spill
    } else {
      file = try SpillFile.create(files, in: directory, name: "repeats")
      spill = file
    }
    var blocks: [SpillFile.Block] = []
    try unsafe last.withUnsafeBytes { bytes in
      let width = Self.block * MemoryLayout<FoundRepeat>.stride
      for start in stride(from: 0, to: bytes.count, by: width) {
        let block = unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + width, bytes.count)])
        blocks.append(try unsafe file.append(block))
      }
    }
    parts.append(blocks)
    last.removeAll(keepingCapacity: true)
  }

  /// Those of `minutes`, in the order of rows.
  func walk(in minutes: Range<Int64>) throws -> Walk { try Walk(self, minutes) }

  /// A way through the repeats of some minutes.
  struct Walk {
    private let found: FoundRepeats
    private let minutes: Range<Int64>
    private var heads: [Head] = []
    /// The next one; nil at the end.
    private(set) var next: FoundRepeat?

    /// Where the walk stands in one part.
    private struct Head {
      /// What is in memory of it, from `at` on.
      var rows: [FoundRepeat]
      var at = 0
      /// What is still in the file.
      var blocks: ArraySlice<SpillFile.Block> = []
    }

    fileprivate init(_ found: FoundRepeats, _ minutes: Range<Int64>) throws {
      self.found = found
      self.minutes = minutes
      for part in found.parts { heads.append(Head(rows: [], blocks: part[...])) }
      heads.append(Head(rows: found.last))
      try advance()
    }

    /// Goes on behind the next one.
    mutating func advance() throws {
      repeat { next = try take() } while next.map { !minutes.contains($0.minute) } ?? false
    }

    /// The least one of all parts.
    private mutating func take() throws -> FoundRepeat? {
      var least: (found: FoundRepeat, part: Int)?
      for part in heads.indices {
        if heads[part].at == heads[part].rows.count, try !refill(part) { continue }
        let head = heads[part].rows[heads[part].at]
        if least.map({ FoundRepeat.precedes(head, $0.found) }) ?? true { least = (head, part) }
      }
      guard let least else { return nil }
      heads[least.part].at += 1
      return least.found
    }

    /// Reads a part's next block; false where there is none.
    private mutating func refill(_ part: Int) throws -> Bool {
      guard let block = heads[part].blocks.popFirst() else { return false }
      let count = Int(block.count) / MemoryLayout<FoundRepeat>.stride
      heads[part].rows = try unsafe [FoundRepeat](unsafeUninitializedCapacity: count) { rows, initialized in
        unsafe try found.spill!.read(block, into: UnsafeMutableRawBufferPointer(rows))
        initialized = count
      }
      heads[part].at = 0
      return true
    }
  }
}

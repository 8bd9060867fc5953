import Platform

// Which clicks were already counted: an exact set of the identities of the last horizon, in about 9 bytes each.
//
// The index stores no identities. It maps a 64-bit hash to the log positions that may hold the identity, nearly always
// none or one, and the caller compares the full identity there. So a repeat is never claimed on a hash alone, and none
// is missed, because every live position with the right tag is offered (see LineTable.swift for the bytes and for why
// the search finds them all).
//
//   hash ──▶ home line ──▶ live slots with the tag ──▶ isSame(position)? ──▶ duplicate(of: position)
//                │                                        └─ none ─▶ first free slot := position ──▶ new
//                └─ next line, as long as something live overflowed past this one
//
// Age is position alone: what is below the watermark is forgotten, at no cost. Positions are 64-bit; with
//
//   watermark ≤ frontier < watermark + 2³¹ − 2¹⁶   (frontier: the least position that may be put next)
//
// the 32 bits stored give back the whole position. A wider horizon is refused. What is stored is a number: the position less
// `origin`, which lies so far below the first watermark that the number 0, of which fresh memory consists, is expired.
//
// Growth. Without identities nothing can be rehashed. When the newest table has more than 75 % of its slots live, one
// of twice the lines is prepared, eight lines an insertion (ready after a quarter as many insertions as the old has
// lines, long before that is full), and then takes the insertions. Searches go through all tables, newest first; a
// table is freed when its last key expires. If load outruns this again meanwhile, the chain grows by another table of
// twice the lines. If the next table would exceed the memory limit, or memory is out, the newest is used up to 90 % and
// then new identities are refused; duplicates are still found, and expiry makes room again. The index never shrinks its
// newest table.

/// The exact dedup index of one shard. Single-threaded, like the shard's committer who owns it.
///
/// For a batch, call `prefetch` with each hash, or 16 ahead, before `put`: a put is otherwise one cache miss long.
@usableFromInline package struct DedupIndex: ~Copyable {
  /// What `put` found.
  @usableFromInline package enum Outcome: Equatable, Sendable {
    /// The identity was not there; it is now, at the position given.
    case new
    /// The identity is there, at this position; nothing changed.
    case duplicate(of: UInt64)
    /// The identity was not there and cannot be taken; nothing changed.
    case refused(Refusal)
  }

  /// Why a new identity cannot be taken.
  @usableFromInline package enum Refusal: Equatable, Sendable {
    /// The table is full and the memory limit, or the memory, allows no larger one.
    case memory
    /// The position is `widestHorizon` or more ahead of the watermark.
    case horizonTooWide
  }

  /// How far the first watermark is from the origin: at most half of what numbers can tell apart less a pass of the sweep.
  private static let lead: UInt64 = 1 << 28

  /// Live positions span less than this.
  package static let widestHorizon: UInt64 = 1 << 31 - 1 << 16

  /// The first position inside the horizon.
  package private(set) var watermark: UInt64
  /// The least position that may be put next.
  package private(set) var frontier: UInt64

  /// Where insertions go.
  private(set) var newest: DedupTable
  /// Larger tables came after these; oldest first, each with the position from which on it is needed no more.
  private(set) var older: [(table: DedupTable, end: UInt64)] = []
  /// The table that `newest` will be, while it is being prepared.
  private(set) var next: DedupTable?

  private let maxBytes: Int
  /// The position whose number in the tables is 0.
  private var origin: UInt64
  /// Nothing was ever put.
  private var isFresh = true
  private var counted = DedupStatistics()

  /// An index for `expectedKeys` live keys at its design load of 70 %, for positions from `watermark` on. Its memory is the
  /// kernel's promise until keys come. It never takes more than `maxBytes`, growth included.
  package static func create(
    expectedKeys: Int, maxBytes: Int, watermark: UInt64 = 0
  ) throws(DedupError) -> DedupIndex {
    precondition(expectedKeys >= 0)
    guard expectedKeys < widestHorizon else { throw .tooManyKeys(expectedKeys, limit: Int(widestHorizon) - 1) }
    let lines = DedupTable.lines(forKeys: expectedKeys)
    let bytes = lines * LineTable.lineBytes
    guard bytes <= maxBytes else { throw .memoryLimit(needed: bytes, limit: maxBytes) }
    guard let table = DedupTable(lines: lines, isReady: true) else { throw .outOfMemory(bytes: bytes) }
    return DedupIndex(table: table, maxBytes: maxBytes, watermark: watermark)
  }

  private init(table: DedupTable, maxBytes: Int, watermark: UInt64) {
    newest = table
    self.maxBytes = maxBytes
    self.watermark = watermark
    frontier = watermark
    origin = watermark &- Self.lead
  }

  /// What the tables have in the place of a position.
  @inline(__always) func number(_ position: UInt64) -> UInt64 { position &- origin }

  /// The 32 bits of the watermark's number.
  var low: UInt32 { UInt32(truncatingIfNeeded: number(watermark)) }

  deinit {
    newest.lines.deallocate()
    for index in older.indices { older[index].table.lines.deallocate() }
    next?.lines.deallocate()
  }

  /// Whether the index cannot tell two hashes apart once it holds one of them: `isSame` is only asked about positions for
  /// which this is true.
  package static func haveSameTag(_ a: UInt64, _ b: UInt64) -> Bool { LineTable.tag(a) == LineTable.tag(b) }

  /// Brings near what `put` of this hash will touch.
  package func prefetch(_ hash: UInt64) {
    newest.lines.prefetch(hash)
    if !older.isEmpty {
      for index in older.indices { older[index].table.lines.prefetch(hash) }
    }
  }

  /// Looks for an identity among the live positions, and takes it in at `position` if it is new.
  ///
  /// `position` must not be below `frontier`; it may be that of an earlier put, as for several clicks that are found
  /// under one number. `isSame` gets a live position at which a click with this tag was put and says whether a
  /// click there has this very identity. If it throws, nothing has changed.
  @inlinable
  package mutating func put<E: Error>(
    _ hash: UInt64, position: UInt64, isSame: (_ position: UInt64) throws(E) -> Bool
  ) throws(E) -> Outcome {
    var search = begin(hash)
    while let candidate = nextCandidate(&search) {
      let same = try isSame(candidate)
      if settle(same) { return .duplicate(of: candidate) }
    }
    return insert(hash, position: position)
  }

  /// Looks for an identity among the live positions, as `put` does, and takes nothing in.
  @inlinable
  package mutating func find<E: Error>(
    _ hash: UInt64, isSame: (_ position: UInt64) throws(E) -> Bool
  ) throws(E) -> UInt64? {
    var search = begin(hash)
    while let candidate = nextCandidate(&search) {
      let same = try isSame(candidate)
      if settle(same) { return candidate }
    }
    return nil
  }

  /// Positions below `watermark` leave the horizon. A lower watermark than the last one changes nothing.
  package mutating func expire(below target: UInt64) {
    if isFresh, target > watermark {
      // Nothing is there to be forgotten.
      (watermark, frontier, origin) = (target, target, target &- Self.lead)
      return
    }
    if target > watermark, target - watermark > Self.widestHorizon {
      // More than the upper bound of the frontier: nothing is left, and no number stored may be compared any more.
      watermark = target
      let number = number(target)
      newest.clear(below: number)
      next?.clear(below: number)
    }
    while watermark < target {
      let step = min(target - watermark, DedupTable.longestStep)
      watermark += step
      let number = number(watermark)
      newest.expire(below: number, step: step)
      next?.expire(below: number, step: step)
      for index in older.indices { older[index].table.expire(below: number, step: step) }
    }
    frontier = max(frontier, watermark)
    while let first = older.first, first.end <= watermark {
      first.table.lines.deallocate()
      older.removeFirst()
    }
  }

  /// What the index holds and has done.
  package var statistics: DedupStatistics {
    var result = counted
    result.liveKeys = newest.live.total
    for index in older.indices { result.liveKeys += older[index].table.live.total }
    result.bytes = bytes
    return result
  }

  /// Bytes of all tables, one in preparation included.
  private var bytes: Int {
    var sum = newest.lines.bytes + (next?.lines.bytes ?? 0)
    for index in older.indices { sum += older[index].table.lines.bytes }
    return sum
  }

  // MARK: - The steps of `put`

  /// A search under way: a walk through each table in turn.
  @usableFromInline struct Search {
    let hash: UInt64
    /// Index in `older` of the table walked; `older.count` stands for `newest`.
    var table: Int
    var walk: LineTable.Walk
  }

  @usableFromInline mutating func begin(_ hash: UInt64) -> Search {
    counted.lookups &+= 1
    return Search(hash: hash, table: older.count, walk: newest.lines.walk(hash, low))
  }

  /// The next position that may hold the identity.
  @usableFromInline mutating func nextCandidate(_ search: inout Search) -> UInt64? {
    let low = low
    var lines = search.table == older.count ? newest.lines : older[search.table].table.lines
    // A copy, so that the walk stays in registers.
    var walk = search.walk
    while true {
      if let position = lines.next(&walk, low) {
        search.walk = walk
        return watermark &+ UInt64(position &- low)
      }
      counted.probes &+= UInt64(truncatingIfNeeded: walk.visited)
      if search.table == 0 { return nil }
      search.table -= 1
      lines = older[search.table].table.lines
      walk = lines.walk(search.hash, low)
    }
  }

  /// Counts a comparison of identities; true if it found the same.
  @usableFromInline mutating func settle(_ same: Bool) -> Bool {
    counted.verifications &+= 1
    if !same { counted.needlessVerifications &+= 1 }
    return same || sabotaged(.trustTag)
  }

  @usableFromInline mutating func insert(_ hash: UInt64, position: UInt64) -> Outcome {
    precondition(position >= frontier, "positions go up")
    guard position &- watermark < Self.widestHorizon else { return .refused(.horizonTooWide) }
    if newest.live.total >= newest.growthLimit || next != nil {
      grow()
      guard newest.live.total < newest.fullLimit else { return .refused(.memory) }
    }
    let number = number(position)
    newest.lines.insert(hash, position: UInt32(truncatingIfNeeded: number), low)
    newest.live.add(number)
    frontier = position
    isFresh = false
    return .new
  }

  // MARK: - Taking back what was there

  /// Makes room for identities at `positions`, from `frontier` on, of which `restore` may then be told in any order, before
  /// anything else is put. What lies below the watermark needs none. False where they do not fit without growth, and nothing has
  /// changed.
  package mutating func reserve(_ positions: Range<UInt64>) -> Bool {
    let positions = positions.clamped(to: max(frontier, watermark)..<UInt64.max)
    guard next == nil, newest.live.total + positions.count < newest.growthLimit,
      positions.isEmpty || positions.upperBound - watermark < Self.widestHorizon
    else { return false }
    for position in positions { newest.live.add(number(position)) }
    if !positions.isEmpty { (frontier, isFresh) = (positions.upperBound, false) }
    return true
  }

  /// Takes in an identity that is not there at a position for which there is room; each has one identity at most.
  package mutating func restore(_ hash: UInt64, position: UInt64) {
    precondition(position >= watermark && position < frontier, "a position without room")
    newest.lines.insert(hash, position: UInt32(truncatingIfNeeded: number(position)), low)
  }

  /// One step towards a larger table.
  private mutating func grow() {
    if next == nil {
      let lines = newest.lines.lines * 2
      guard bytes + lines * LineTable.lineBytes <= maxBytes else { return }
      next = DedupTable(lines: lines)
    }
    let number = number(watermark)
    guard next?.prepare(lines: 8, watermark: number) == true, let ready = next else { return }
    older.append((newest, end: frontier + 1))
    newest = ready
    next = nil
    counted.growths &+= 1
  }
}

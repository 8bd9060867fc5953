import CPlatform
import Glibc
import Platform

// The memory of one dedup table: an array of lines, each one cache line of 64 bytes.
//
//        0         20                 60          62        64
//        ├─────────┼──────────────────┼───────────┼─────────┤
//        │ u16 tag │ u32 position     │ u16       │ u16     │
//        │ × 10    │ × 10             │ overflow  │ filter  │
//        └─────────┴──────────────────┴───────────┴─────────┘
//
// tag       the low 16 bits of the identity's hash; its home line is the high half of hash × lines
// position  the low 32 bits of the log position of the click that holds the slot
// overflow  bits 16–31 of the newest position that found this line full and went on to the next one
// filter    for each tag that did since the mark was last void, the bit numbered by the tag's upper four bits
//
// There is no mark for an empty slot. With w, the watermark, being the first position inside the horizon:
//
//   (1)  a slot is free if and only if position < w; a mark is void if and only if overflow < ⌊w / 2¹⁶⌋.
//   (2)  w − 2³¹ + 2¹⁷ ≤ position < w + 2³¹ − 2¹⁶ for the true position behind each number.
//   (3)  if a live position with tag t and home h is in line l, then for each line j from h on up to, not including, l:
//        overflow[j] ≥ ⌊position / 2¹⁶⌋ and filter[j] has the bit of t.
//
// (2) makes the sign of a 32-bit difference, or of a 16-bit one for marks, the whole test of (1). Its upper half is a
// refusal of the index, its lower half the work of `sweep`: what is expired is rewritten as if just expired before the
// watermark is too far ahead of it. Fresh memory is filled likewise, but for the first table of an index, whose owner counts
// positions from where the kernel's zeros are expired ones: memory that nothing was put into is none.
//
// (3) tells a search when to stop: going on from the home line, the first line whose mark is void or whose filter lacks
// the tag's bit is the last that can hold the identity. Inserting keeps (3): a position goes to the first line from
// home with a free slot, and into the marks of the full lines it passed, which it does not lower.
// The filter halves the lines visited: at 70 % load half of the marks are live, each for very few keys.

/// A view of the lines; a plain value. Its owner, the index, frees the memory and hands in the watermark.
@safe struct LineTable {
  static let lineBytes = 64
  static let slotsPerLine = 10
  private static let positions = 20
  private static let overflow = 60
  private static let filter = 62
  private static let hugePage = 2 << 20

  private let base: UnsafeMutableRawPointer
  let lines: Int

  var bytes: Int { lines * Self.lineBytes }
  var capacity: Int { lines * Self.slotsPerLine }

  /// Memory for `lines` lines, all zero and not there before it is touched: where 0 is no expired position, `fill` must have gone
  /// over all of them before anything else is called. Nil if there is not enough. Aligned to huge pages where it spans one, and
  /// advised to consist of them.
  static func allocate(lines: Int) -> LineTable? {
    let bytes = lines * lineBytes
    guard let base = unsafe tally_zero_memory(bytes, bytes >= hugePage ? hugePage : lineBytes) else { return nil }
    if bytes >= hugePage { _ = unsafe madvise(base, bytes, MADV_HUGEPAGE) }
    return unsafe LineTable(base: base, lines: lines)
  }

  private init(base: UnsafeMutableRawPointer, lines: Int) {
    unsafe self.base = unsafe base
    self.lines = lines
  }

  /// Gives the memory back; no copy of this value may be used any more.
  func deallocate() { unsafe tally_free_zero_memory(base, bytes) }

  /// A walk over the lines that may hold one identity.
  struct Walk {
    let tag: UInt16
    fileprivate var line: Int
    /// Lines that may still be visited; a table whose marks are all live is walked round once.
    fileprivate var remaining: Int
    /// The slots of `line` that are live, have the tag, and were not yet handed out: bit n is slot n.
    fileprivate var candidates: UInt32
    /// Lines visited.
    var visited: Int
  }

  /// Asks for the home line of `hash` to be brought near, and the next, where one insertion in seven ends.
  @inline(__always) func prefetch(_ hash: UInt64) {
    let line = home(hash)
    unsafe tally_prefetch(pointer(line))
    unsafe tally_prefetch(pointer(after(line)))
  }

  /// What a slot keeps of a hash.
  @inline(__always) static func tag(_ hash: UInt64) -> UInt16 { UInt16(truncatingIfNeeded: hash) }

  /// Starts to look for the identities with `hash`.
  @inline(__always) func walk(_ hash: UInt64, _ watermark: UInt32) -> Walk {
    let line = home(hash)
    let tag = UInt16(truncatingIfNeeded: hash)
    return Walk(
      tag: tag, line: line, remaining: lines &- 1, candidates: candidates(line, tag, watermark), visited: 1)
  }

  /// The next live position with the tag, or nil when (3) says that there can't be another.
  @inline(__always) func next(_ walk: inout Walk, _ watermark: UInt32) -> UInt32? {
    while walk.candidates == 0 {
      if !overflowed(walk.line, walk.tag, watermark) || walk.remaining == 0 { return nil }
      walk.line = after(walk.line)
      walk.remaining &-= 1
      walk.visited &+= 1
      walk.candidates = candidates(walk.line, walk.tag, watermark)
    }
    let slot = walk.candidates.trailingZeroBitCount
    walk.candidates &= walk.candidates &- 1
    return load(walk.line, Self.positions &+ slot &* 4)
  }

  /// Puts `position` into the first free slot from home on. There must be one in the table.
  @inline(__always) func insert(_ hash: UInt64, position: UInt32, _ watermark: UInt32) {
    var line = home(hash)
    var remaining = lines
    while true {
      let free = expired(line, watermark)
      if free != 0 {
        let slot = free.trailingZeroBitCount
        unsafe pointer(line).storeBytes(of: UInt16(truncatingIfNeeded: hash), toByteOffset: slot &* 2, as: UInt16.self)
        store(position, line, Self.positions &+ slot &* 4)
        return
      }
      if !sabotaged(.forgetOverflow) { mark(line, UInt16(truncatingIfNeeded: hash), position, watermark) }
      line = after(line)
      remaining &-= 1
      precondition(remaining > 0, "a dedup table ran full below its limit")
    }
  }

  /// Makes every slot and mark of `range` expired, and its memory present.
  func fill(_ range: Range<Int>, _ watermark: UInt32) {
    precondition(range.lowerBound >= 0 && range.upperBound <= lines)
    for line in range {
      for slot in 0..<5 { store(0, line, slot &* 4) }
      for slot in 0..<Self.slotsPerLine { store(watermark &- 1, line, Self.positions &+ slot &* 4) }
      storeMark(line, coarse(watermark) &- 1, filter: 0)
    }
  }

  /// Rewrites what is expired in `range` as the newest expired position.
  func sweep(_ range: Range<Int>, _ watermark: UInt32) {
    precondition(range.lowerBound >= 0 && range.upperBound <= lines)
    for line in range {
      for slot in 0..<Self.slotsPerLine {
        let offset = Self.positions &+ slot &* 4
        if Int32(bitPattern: load(line, offset) &- watermark) < 0 { store(watermark &- 1, line, offset) }
      }
      if isVoid(line, watermark) { storeMark(line, coarse(watermark) &- 1, filter: 0) }
    }
  }

  // MARK: - For the check of the invariants

  /// Calls `body` for each live slot with its line, tag and position.
  func forEachLive(_ watermark: UInt32, _ body: (_ line: Int, _ tag: UInt16, _ position: UInt32) -> Void) {
    for line in 0..<lines {
      let free = expired(line, watermark)
      for slot in 0..<Self.slotsPerLine where free & 1 << slot == 0 {
        let tag = unsafe pointer(line).load(fromByteOffset: slot * 2, as: UInt16.self)
        body(line, tag, load(line, Self.positions + slot * 4))
      }
    }
  }

  /// Whether (3) holds in `line` for a live position that passed it.
  func remembers(_ line: Int, _ tag: UInt16, _ position: UInt32, _ watermark: UInt32) -> Bool {
    overflowed(line, tag, watermark)
      && load16(line, Self.overflow) &- coarse(watermark) >= coarse(position) &- coarse(watermark)
  }

  /// Bits 16–31 of the newest position in the mark of `line`, nil when the mark is void.
  func newestOverflow(_ line: Int, _ watermark: UInt32) -> UInt16? {
    isVoid(line, watermark) ? nil : load16(line, Self.overflow)
  }

  /// The line where the search for `hash` begins; below `lines`, as (2⁶⁴ − 1) × lines / 2⁶⁴ < lines.
  @inline(__always) func home(_ hash: UInt64) -> Int {
    Int(truncatingIfNeeded: hash.multipliedFullWidth(by: UInt64(truncatingIfNeeded: lines)).high)
  }

  /// The line behind `line`; the first follows the last.
  @inline(__always) func after(_ line: Int) -> Int { line &+ 1 == lines ? 0 : line &+ 1 }

  // MARK: - One line

  @inline(__always) private func coarse(_ position: UInt32) -> UInt16 { UInt16(truncatingIfNeeded: position &>> 16) }

  @inline(__always) private func bit(_ tag: UInt16) -> UInt16 { 1 &<< (tag &>> 12) }

  @inline(__always) private func isVoid(_ line: Int, _ watermark: UInt32) -> Bool {
    Int16(bitPattern: load16(line, Self.overflow) &- coarse(watermark)) < 0
  }

  /// Whether a live identity with the tag may have passed this line.
  @inline(__always) private func overflowed(_ line: Int, _ tag: UInt16, _ watermark: UInt32) -> Bool {
    load16(line, Self.filter) & bit(tag) != 0 && !isVoid(line, watermark)
  }

  /// Notes that `position` with the tag passed this line.
  @inline(__always) private func mark(_ line: Int, _ tag: UInt16, _ position: UInt32, _ watermark: UInt32) {
    let others = isVoid(line, watermark) ? 0 : load16(line, Self.filter)
    // An older one may come behind a newer one: a recovery goes through clicks as they lie.
    let (own, last) = (coarse(position), load16(line, Self.overflow))
    let isNewer = others == 0 || Int16(bitPattern: own &- last) > 0
    storeMark(line, isNewer ? own : last, filter: others | bit(tag))
  }

  /// Bit n is set where slot n is free.
  @inline(__always) private func expired(_ line: Int, _ watermark: UInt32) -> UInt32 {
    var mask: UInt32 = 0
    for slot in 0..<Self.slotsPerLine {
      let sign = (load(line, Self.positions &+ slot &* 4) &- watermark) &>> 31
      mask |= sign &<< UInt32(truncatingIfNeeded: slot)
    }
    return mask
  }

  /// The fault `signedWrap`: numbers compared as they stand.
  private func expiredWithoutWrap(_ line: Int, _ watermark: UInt32) -> UInt32 {
    var mask: UInt32 = 0
    for slot in 0..<Self.slotsPerLine where load(line, Self.positions + slot * 4) < watermark { mask |= 1 << slot }
    return mask
  }

  /// Bit n is set where slot n is live and has the tag.
  @inline(__always) private func candidates(_ line: Int, _ tag: UInt16, _ watermark: UInt32) -> UInt32 {
    let tags = unsafe UnsafeRawPointer(pointer(line))
    // Eight tags at a time: slots 0–7, then slots 2–9.
    let equal = unsafe tally_match8(tags, tag) | tally_match8(tags + 4, tag) &<< 2
    if equal == 0 { return 0 }
    return equal & ~(sabotaged(.signedWrap) ? expiredWithoutWrap(line, watermark) : expired(line, watermark))
  }

  @inline(__always) private func pointer(_ line: Int) -> UnsafeMutableRawPointer {
    unsafe base + line &* Self.lineBytes
  }

  @inline(__always) private func load(_ line: Int, _ offset: Int) -> UInt32 {
    unsafe pointer(line).load(fromByteOffset: offset, as: UInt32.self)
  }

  @inline(__always) private func store(_ value: UInt32, _ line: Int, _ offset: Int) {
    unsafe pointer(line).storeBytes(of: value, toByteOffset: offset, as: UInt32.self)
  }

  @inline(__always) private func load16(_ line: Int, _ offset: Int) -> UInt16 {
    unsafe pointer(line).load(fromByteOffset: offset, as: UInt16.self)
  }

  @inline(__always) private func storeMark(_ line: Int, _ position: UInt16, filter: UInt16) {
    unsafe pointer(line).storeBytes(of: position, toByteOffset: Self.overflow, as: UInt16.self)
    unsafe pointer(line).storeBytes(of: filter, toByteOffset: Self.filter, as: UInt16.self)
  }
}

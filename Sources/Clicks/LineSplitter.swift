import Glibc

// Cuts a stream of pieces into lines. A line that lies inside a piece is handed over where it stands; one that crosses
// pieces is put together in memory of the splitter's own:
//
//   kept ≤ longest line + 1, whatever the pieces and whatever the lines

/// Lines of a stream that comes in pieces.
@safe package struct LineSplitter: ~Copyable {
  private let kept: UnsafeMutableRawPointer
  private let limit: Int
  private var count = 0
  /// Lines handed over so far: the number of the last one, from 1.
  package private(set) var lines = 0

  /// A splitter before the first byte. Lines longer than `limit` bytes are handed over cut to `limit` + 1 bytes, so that
  /// whoever reads them sees that they are too long.
  package init(limit: Int = ClickLineReader.maximumLine) {
    self.limit = limit
    unsafe kept = .allocate(byteCount: limit + 1, alignment: 16)
  }

  deinit { unsafe kept.deallocate() }

  /// Whether bytes of a line without its end are kept.
  package var isInside: Bool { count > 0 }

  /// Hands over each line that `piece` completes, without its newline, and its number.
  package mutating func feed(_ piece: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer, Int) -> Void) {
    guard let base = piece.baseAddress else { return }
    var start = 0
    while let found = unsafe memchr(base + start, 0x0A, piece.count - start) {
      let length = unsafe UnsafeRawPointer(found) - (base + start)
      lines += 1
      if count > 0 {
        unsafe keep(base + start, length)
        unsafe body(UnsafeRawBufferPointer(start: kept, count: count), lines)
        count = 0
      } else {
        unsafe body(UnsafeRawBufferPointer(start: base + start, count: min(length, limit + 1)), lines)
      }
      start += length + 1
      if start == piece.count { return }
    }
    unsafe keep(base + start, piece.count - start)
  }

  /// Hands over a last line that has no newline.
  package mutating func finish(_ body: (UnsafeRawBufferPointer, Int) -> Void) {
    guard count > 0 else { return }
    lines += 1
    unsafe body(UnsafeRawBufferPointer(start: kept, count: count), lines)
    count = 0
  }

  private mutating func keep(_ bytes: UnsafeRawPointer, _ more: Int) {
    let taken = min(more, limit + 1 - count)
    if taken > 0 { unsafe memcpy(kept + count, bytes, taken) }
    count += taken
  }
}

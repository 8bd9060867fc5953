import Clicks

/// The columns of up to a page of rows, side by side. The memory is fixed: filled, read and filled again.
@safe package final class RowVector {
  /// Rows of a full page.
  package static let capacity = 1024

  /// The bit of `source` that marks a row: it repeats an earlier click, and counts no longer.
  package static let mark: UInt16 = 1 << 15

  /// Rows it holds.
  package var count = 0
  /// First halves of the impression ids.
  package let high: UnsafeMutablePointer<UInt64>
  /// Second halves.
  package let low: UnsafeMutablePointer<UInt64>
  /// Ms since 1970.
  package let eventTime: UnsafeMutablePointer<Int64>
  /// Less the segment's first position.
  package let position: UnsafeMutablePointer<UInt64>
  /// Ad codes.
  package let code: UnsafeMutablePointer<UInt32>
  /// `Click.Source`, by its number, with `mark` where the row is marked.
  package let source: UnsafeMutablePointer<UInt16>
  /// For each captured column a string a row; empty where none is kept or none was asked for.
  package var strings: [[[UInt8]]] = []

  /// What it owns; nil where it is a window on a pool, which then outlives it.
  private let memory: UnsafeMutableRawPointer?

  init() {
    let words = Self.capacity * 8
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 4 * words + Self.capacity * 6, alignment: 64)
    unsafe self.memory = memory
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: 4 * words + Self.capacity * 6)
    unsafe high = memory.bindMemory(to: UInt64.self, capacity: Self.capacity)
    unsafe low = (memory + words).bindMemory(to: UInt64.self, capacity: Self.capacity)
    unsafe eventTime = (memory + 2 * words).bindMemory(to: Int64.self, capacity: Self.capacity)
    unsafe position = (memory + 3 * words).bindMemory(to: UInt64.self, capacity: Self.capacity)
    unsafe code = (memory + 4 * words).bindMemory(to: UInt32.self, capacity: Self.capacity)
    unsafe source = (memory + 4 * words + Self.capacity * 4).bindMemory(to: UInt16.self, capacity: Self.capacity)
  }

  /// A window on one page of columns that somebody else owns.
  init(
    high: UnsafeMutablePointer<UInt64>, low: UnsafeMutablePointer<UInt64>, eventTime: UnsafeMutablePointer<Int64>,
    position: UnsafeMutablePointer<UInt64>, code: UnsafeMutablePointer<UInt32>, source: UnsafeMutablePointer<UInt16>
  ) {
    unsafe (self.high, self.low, self.eventTime) = (high, low, eventTime)
    unsafe (self.position, self.code, self.source) = (position, code, source)
    unsafe memory = nil
  }

  deinit { unsafe memory?.deallocate() }
}

import Glibc

// What a connection received and nobody took yet, with the table of the current request's field lines in front:
//
//   | table, 2 KiB | taken | bytes at hand | room |
//                  0       start           end    capacity
//
// Memory is held only while there are bytes.

@safe struct InputBuffer {
  /// Field lines that the table has room for.
  static let fieldCapacity = 128
  static let tableSize = fieldCapacity * MemoryLayout<FieldExtent>.stride
  /// A receive gets at least this much room.
  static let leastRoom = 4096
  /// The same for bodies that are streamed: a call of the kernel's for so many bytes costs little a byte.
  static let leastStreamRoom = 64 << 10

  private var memory: UnsafeMutableRawPointer?
  private var capacity = 0
  private var start = 0
  private var end = 0

  /// Bytes at hand.
  var count: Int { end - start }

  /// Bytes of memory that it has.
  var held: Int { unsafe memory == nil ? 0 : capacity + Self.tableSize }

  /// The first byte at hand. Only while there is memory.
  var base: UnsafeMutablePointer<UInt8> {
    unsafe (memory.unsafelyUnwrapped + Self.tableSize + start).assumingMemoryBound(to: UInt8.self)
  }

  /// The table of field lines. Only while there is memory.
  var fields: UnsafeMutablePointer<FieldExtent> {
    unsafe memory.unsafelyUnwrapped.assumingMemoryBound(to: FieldExtent.self)
  }

  /// Where received bytes go: at least some room, made by moving or growing where there is none. `parser` is in the
  /// middle of what begins at the first byte at hand; where it knows how long that is, memory grows no further.
  mutating func room(
    _ blocks: BlockPool, _ parser: inout RequestParser, least: Int = Self.leastRoom
  ) -> UnsafeMutableRawBufferPointer {
    if let old = unsafe memory {
      if capacity - end < least {
        let kept = unsafe parser.closeGap(base, count: count)
        end = start + kept
        if start > 0 {
          unsafe memmove(old + Self.tableSize, base, kept)
          start = 0
          end = kept
        }
        if capacity - end < least { unsafe grow(old, blocks, least: least, whole: parser.announcedEnd) }
      }
    } else {
      unsafe memory = blocks.take(BlockPool.blockSize)
      capacity = BlockPool.blockSize - Self.tableSize
    }
    return unsafe UnsafeMutableRawBufferPointer(
      start: memory.unsafelyUnwrapped + Self.tableSize + end, count: capacity - end)
  }

  private mutating func grow(_ old: UnsafeMutableRawPointer, _ blocks: BlockPool, least: Int, whole: Int?) {
    var larger = capacity * 2
    while larger - end < least { larger *= 2 }
    if let whole { larger = min(larger, max(whole, end) + least) }
    let fresh = unsafe blocks.take(larger + Self.tableSize)
    unsafe memcpy(fresh, old, Self.tableSize + end)
    unsafe blocks.give(old, capacity + Self.tableSize)
    unsafe memory = fresh
    capacity = larger
  }

  /// `count` bytes were put into the room.
  mutating func received(_ count: Int) {
    precondition(count <= capacity - end)
    end += count
  }

  /// Drops the first `count` bytes at hand.
  mutating func consume(_ count: Int) {
    precondition(count <= self.count)
    start += count
  }

  /// Begins at the front again where nothing is at hand, so that a receive gets all the room.
  mutating func rewind() {
    if start == end { (start, end) = (0, 0) }
  }

  /// Drops everything and gives the memory back.
  mutating func release(_ blocks: BlockPool) {
    if let memory = unsafe memory { unsafe blocks.give(memory, capacity + Self.tableSize) }
    self = InputBuffer()
  }
}

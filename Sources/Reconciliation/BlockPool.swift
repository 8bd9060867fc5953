/// Blocks of memory of one size, known by their numbers; at most so many at a time. They are allocated when they are first
/// wanted.
@safe final class BlockPool {
  let blockBytes: Int
  /// The most blocks.
  let limit: Int
  private let memory: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  private var allocated = 0
  private var free: [Int] = []

  init(blockBytes: Int, limit: Int) {
    self.blockBytes = blockBytes
    self.limit = limit
    unsafe memory = .allocate(capacity: limit)
    unsafe memory.initialize(repeating: nil, count: limit)
  }

  deinit {
    for block in 0..<allocated { unsafe memory[block]?.deallocate() }
    unsafe memory.deallocate()
  }

  /// A block; nil where all are taken.
  func take() -> Int? {
    if let block = free.popLast() { return block }
    guard allocated < limit else { return nil }
    unsafe memory[allocated] = .allocate(byteCount: blockBytes, alignment: 64)
    allocated += 1
    return allocated - 1
  }

  func giveBack(_ block: Int) { free.append(block) }

  /// Gives the memory of the free blocks back; they are not taken again.
  func trim() {
    for block in free {
      unsafe memory[block]?.deallocate()
      unsafe memory[block] = nil
    }
    free = []
  }

  /// Where a taken block is.
  func start(_ block: Int) -> UnsafeMutableRawPointer { unsafe memory[block]! }

  /// The first bytes of a taken block.
  func bytes(_ block: Int, _ count: Int) -> UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: memory[block]!, count: count)
  }
}

// The bytes of a simulated file: pages of 4,096 bytes that everybody shares until somebody writes.
//
//   pages[i] is empty      a hole: reads as zeros, takes no space on the volume
//   pages[i] has 4,096 B   a page that takes space; reserved but unwritten pages all share one page of zeros
//
// Invariant: bytes at and behind `size` are zero. Copying a `Content` copies one reference; a write of a whole page
// replaces a reference. So the cache, the device, the unsynced writes and thousands of crash images share their bytes.

/// A write, or the part of it that falls into one page.
struct Piece {
  /// The page it goes to.
  let page: Int
  /// Where in that page its first byte goes.
  let start: Int
  let bytes: [UInt8]
}

/// The bytes of one file as the cache or the device has them.
struct Content {
  static let pageSize = 4096
  static let sectorSize = 512
  static let sectorsPerPage = pageSize / sectorSize
  /// Larger files fail with `EFBIG`: the simulation is for small geometries.
  static let maximumSize = 1 << 32
  private static let zeros = [UInt8](repeating: 0, count: pageSize)

  private(set) var size = 0
  private var pages: [[UInt8]] = []
  /// Pages that take space.
  private(set) var allocated = 0

  /// Sets the size to `size`, if that is more than now; new bytes are a hole.
  mutating func extend(to size: Int) {
    guard size > self.size else { return }
    self.size = size
    addPages((size + Self.pageSize - 1) / Self.pageSize)
  }

  /// Extends to `size` and lets every page up to there take space.
  mutating func reserve(_ size: Int) {
    extend(to: size)
    for page in 0..<(size + Self.pageSize - 1) / Self.pageSize where pages[page].isEmpty {
      pages[page] = Self.zeros
      allocated += 1
    }
  }

  /// Cuts off what lies at and behind `size`, or extends by a hole.
  mutating func truncate(to size: Int) {
    extend(to: size)
    self.size = size
    dropTail()
  }

  /// Makes the invariant true again after pieces were put behind the end.
  mutating func dropTail() {
    let kept = (size + Self.pageSize - 1) / Self.pageSize
    for page in kept..<max(kept, pages.count) where !pages[page].isEmpty { allocated -= 1 }
    if pages.count > kept { pages.removeLast(pages.count - kept) }
    let rest = size % Self.pageSize
    guard rest != 0, !pages[kept - 1].isEmpty else { return }
    for index in rest..<Self.pageSize where pages[kept - 1][index] != 0 { pages[kept - 1][index] = 0 }
  }

  /// How many of the bytes in `range`, from its start on, can be written with `room` more pages taking space.
  func fitting(_ range: Range<Int>, room: Int) -> Int {
    var room = room
    var end = range.lowerBound
    while end < range.upperBound {
      let page = end / Self.pageSize
      if page >= pages.count || pages[page].isEmpty {
        if room == 0 { break }
        room -= 1
      }
      end = (page + 1) * Self.pageSize
    }
    return min(end, range.upperBound) - range.lowerBound
  }

  /// Puts all of a piece in place. The size stays.
  mutating func put(_ piece: Piece) {
    prepare(piece.page)
    if piece.bytes.count == Self.pageSize {
      pages[piece.page] = piece.bytes
    } else {
      copy(piece, 0..<piece.bytes.count)
    }
  }

  /// Puts those sectors of a piece in place whose bit (0 is the first of the page) is set. The size stays.
  mutating func put(_ piece: Piece, sectors: UInt8) {
    prepare(piece.page)
    for sector in 0..<Self.sectorsPerPage where sectors & (1 << sector) != 0 {
      let from = max(sector * Self.sectorSize - piece.start, 0)
      let to = min((sector + 1) * Self.sectorSize - piece.start, piece.bytes.count)
      if from < to { copy(piece, from..<to) }
    }
  }

  /// Fills `buffer` from `offset` on; returns the bytes before the end of the file.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
    let count = min(buffer.count, size - offset)
    var done = 0
    while done < count {
      let page = (offset + done) / Self.pageSize
      let start = (offset + done) % Self.pageSize
      let length = min(Self.pageSize - start, count - done)
      let target = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[done..<done + length])
      if pages[page].isEmpty {
        unsafe target.initializeMemory(as: UInt8.self, repeating: 0)
      } else {
        unsafe pages[page].withUnsafeBytes {
          unsafe target.copyMemory(from: .init(rebasing: $0[start..<start + length]))
        }
      }
      done += length
    }
    return max(count, 0)
  }

  /// All bytes.
  var bytes: [UInt8] {
    unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      count = unsafe read(into: UnsafeMutableRawBufferPointer(buffer), at: 0)
    }
  }

  /// Cuts `bytes`, to be written at `offset`, at the page borders.
  static func forEachPiece(of bytes: UnsafeRawBufferPointer, at offset: Int, _ body: (Piece) -> Void) {
    var done = 0
    while done < bytes.count {
      let page = (offset + done) / pageSize
      let start = (offset + done) % pageSize
      let length = min(pageSize - start, bytes.count - done)
      body(Piece(page: page, start: start, bytes: unsafe [UInt8](bytes[done..<done + length])))
      done += length
    }
  }

  private mutating func addPages(_ count: Int) {
    if count > pages.count { pages.append(contentsOf: repeatElement([], count: count - pages.count)) }
  }

  private mutating func prepare(_ page: Int) {
    addPages(page + 1)
    guard pages[page].isEmpty else { return }
    pages[page] = Self.zeros
    allocated += 1
  }

  private mutating func copy(_ piece: Piece, _ range: Range<Int>) {
    unsafe pages[piece.page].withUnsafeMutableBytes { target in
      unsafe piece.bytes.withUnsafeBytes { source in
        unsafe UnsafeMutableRawBufferPointer(rebasing: target[(piece.start + range.lowerBound)...])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[range]))
      }
    }
  }
}

import Clicks
import Glibc
import Platform

// The records of a file or of a stream, one after the other, each with the bytes that it takes there, so that an import can
// go on behind any of them. A record is a line; of a table it may be several, where a quoted field holds line ends. Memory
// is one buffer, whatever the records: of one that does not fit only the beginning is given, which is too long for a click
// anyway.

/// Reads lines.
@safe package struct LineSource: ~Copyable {
  /// What becomes of a last line without a newline: it may be one that is still being written.
  package enum LastLine: Sendable {
    case taken
    case heldBack
    /// It is taken where it ends as a JSON object does.
    case ifObject
  }

  /// Gives the next bytes into a buffer, and says how many; 0 at the end.
  private let read: (UnsafeMutableRawBufferPointer) throws -> Int
  private let buffer: UnsafeMutableRawBufferPointer
  private var start = 0
  private var end = 0
  private var isAtEnd = false
  /// Knows the bytes of every record that was handed over, once it has been settled.
  private let digest: SourceDigest?
  /// Bytes of the buffer before here are in the digest.
  private var digested = 0

  /// The delimiter of a table whose fields may be quoted; nil: every line is a record.
  package var quotes: UInt8?
  package var lastLine = LastLine.taken
  /// Bytes behind the last record, which `next` has not handed over as `lastLine` says; nil where there are none.
  package private(set) var heldBack: Int?

  private static let size = 1 << 20

  /// Lines of what `read` gives. `digest` has taken in what lies before them, and goes on with the bytes of each record.
  package init(digest: SourceDigest? = nil, read: @escaping (UnsafeMutableRawBufferPointer) throws -> Int) {
    self.digest = digest
    unsafe self.read = read
    unsafe buffer = .allocate(byteCount: Self.size, alignment: 64)
  }

  deinit { unsafe buffer.deallocate() }

  /// Brings the digest up to the end of the record handed over last.
  package mutating func settle() {
    guard let digest else { return }
    unsafe digest.add(UnsafeRawBufferPointer(rebasing: buffer[digested..<start]))
    digested = start
  }

  /// The bytes that the next records begin with, as many as can be had without forgetting any.
  package mutating func peek() throws -> UnsafeRawBufferPointer {
    while end - start < Self.size / 2, !isAtEnd { try fill() }
    return unsafe UnsafeRawBufferPointer(rebasing: buffer[start..<end])
  }

  /// The next record, without its newline, where it is one line that has no quotes of a table and is in memory already; nil
  /// where `next` has to say what comes. Good until more is asked for.
  @inline(__always)
  mutating func nextPlain() -> UnsafeRawBufferPointer? {
    let base = unsafe UnsafeRawPointer(buffer.baseAddress!) + start
    guard let found = unsafe memchr(base, 0x0A, end - start) else { return nil }
    let count = unsafe UnsafeRawPointer(found) - base
    if quotes != nil, unsafe memchr(base, 0x22, count) != nil { return nil }
    start += count + 1
    return unsafe UnsafeRawBufferPointer(start: base, count: count)
  }

  /// Hands over the next record without its newline, how many bytes it takes with it, and how many lines. False: there is
  /// none.
  package mutating func next(_ body: (UnsafeRawBufferPointer, Int, Int) throws -> Void) throws -> Bool {
    var way = quotes.map { RecordEnd(delimiter: $0) }
    // Bytes that were searched for a newline, and bytes that `way` has passed.
    var (searched, passed) = (0, 0)
    var recordLines = 0
    while true {
      let base = unsafe buffer.baseAddress! + start
      while let found = unsafe memchr(base + searched, 0x0A, end - start - searched) {
        let count = unsafe UnsafeRawPointer(found) - UnsafeRawPointer(base)
        recordLines += 1
        if way != nil, unsafe passed > 0 || memchr(base, 0x22, count) != nil {
          unsafe way!.pass(UnsafeRawBufferPointer(start: base + passed, count: count - passed))
          passed = count
          if way!.isInside {
            searched = count + 1
            continue
          }
        }
        start += count + 1
        unsafe try body(UnsafeRawBufferPointer(start: base, count: count), count + 1, recordLines)
        return true
      }
      searched = end - start
      if isAtEnd { return unsafe try last(UnsafeRawBufferPointer(start: base, count: searched), recordLines, body) }
      if searched >= Self.size / 2 { return unsafe try long(&way, passed, recordLines, body) }
      try fill()
    }
  }

  /// What stands behind the last newline that ends a record.
  private mutating func last(
    _ line: UnsafeRawBufferPointer, _ ended: Int, _ body: (UnsafeRawBufferPointer, Int, Int) throws -> Void
  ) throws -> Bool {
    guard line.count > 0 else { return false }
    let isTaken =
      switch lastLine {
      case .taken: true
      case .heldBack: false
      case .ifObject: unsafe line.last { ![0x20, 0x09, 0x0D].contains($0) } == UInt8(ascii: "}")
      }
    guard isTaken || (unsafe ClickLineReader.isBlank(line)) else {
      heldBack = line.count
      return false
    }
    start = end
    // Behind a newline inside quotes there may be nothing.
    unsafe try body(line, line.count, line.last == 0x0A ? ended : ended + 1)
    return true
  }

  /// A record that is longer than half of the buffer: its beginning, and all of its bytes.
  private mutating func long(
    _ way: inout RecordEnd?, _ passed: Int, _ ended: Int, _ body: (UnsafeRawBufferPointer, Int, Int) throws -> Void
  ) throws -> Bool {
    var count = end - start
    var recordLines = ended
    let head = unsafe [UInt8](buffer[start..<(start + ClickLineReader.maximumLine + 1)])
    unsafe way?.pass(UnsafeRawBufferPointer(rebasing: buffer[(start + passed)..<end]))
    start = end
    while true {
      if start == end {
        if isAtEnd { break }
        try fill()
      }
      let base = unsafe buffer.baseAddress! + start
      if let found = unsafe memchr(base, 0x0A, end - start) {
        let rest = unsafe UnsafeRawPointer(found) - UnsafeRawPointer(base)
        unsafe way?.pass(UnsafeRawBufferPointer(start: base, count: rest))
        start += rest + 1
        count += rest + 1
        recordLines += 1
        if way?.isInside == true { continue }
        break
      }
      unsafe way?.pass(UnsafeRawBufferPointer(start: base, count: end - start))
      count += end - start
      start = end
    }
    try unsafe head.withUnsafeBytes { unsafe try body($0, count, max(1, recordLines)) }
    return true
  }

  private mutating func fill() throws {
    settle()
    digested = 0
    if start > 0 {
      unsafe memmove(buffer.baseAddress!, buffer.baseAddress! + start, end - start)
      end -= start
      start = 0
    }
    let count = unsafe try read(UnsafeMutableRawBufferPointer(rebasing: buffer[end...]))
    if count == 0 { isAtEnd = true }
    end += count
  }
}

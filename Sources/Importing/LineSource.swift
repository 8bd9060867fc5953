import Clicks
import Glibc
import Platform

// The lines of a file or of a stream, one after the other, each with the bytes that it takes there, so that an import can go
// on behind any of them. Memory is one buffer, whatever the lines: of a line that does not fit only the beginning is given,
// which is too long for a click anyway.

/// Reads lines.
@safe package struct LineSource: ~Copyable {
  /// Gives the next bytes into a buffer, and says how many; 0 at the end.
  private let read: (UnsafeMutableRawBufferPointer) throws -> Int
  private let buffer: UnsafeMutableRawBufferPointer
  private var start = 0
  private var end = 0
  private var isAtEnd = false
  /// Knows the bytes of every line that was handed over, once it has been settled.
  private let digest: SourceDigest?
  /// Bytes of the buffer before here are in the digest.
  private var digested = 0

  private static let size = 1 << 20

  /// Lines of what `read` gives. `digest` has taken in what lies before them, and goes on with the bytes of each line.
  package init(digest: SourceDigest? = nil, read: @escaping (UnsafeMutableRawBufferPointer) throws -> Int) {
    self.digest = digest
    unsafe self.read = read
    unsafe buffer = .allocate(byteCount: Self.size, alignment: 64)
  }

  /// Lines of a file from a byte on.
  package init(_ file: any File, from offset: UInt64, digest: SourceDigest? = nil) {
    var at = offset
    unsafe self.init(digest: digest) { buffer in
      let count = unsafe try file.read(into: buffer, at: at)
      at += UInt64(count)
      return count
    }
  }

  deinit { unsafe buffer.deallocate() }

  /// Brings the digest up to the end of the line handed over last.
  package mutating func settle() {
    guard let digest else { return }
    unsafe digest.add(UnsafeRawBufferPointer(rebasing: buffer[digested..<start]))
    digested = start
  }

  /// The bytes that the next lines begin with, as many as can be had without forgetting any.
  package mutating func peek() throws -> UnsafeRawBufferPointer {
    while end - start < Self.size / 2, !isAtEnd { try fill() }
    return unsafe UnsafeRawBufferPointer(rebasing: buffer[start..<end])
  }

  /// Hands over the next line without its newline, and how many bytes it takes with it. False: there is none.
  package mutating func next(_ body: (UnsafeRawBufferPointer, Int) throws -> Void) throws -> Bool {
    var searched = 0
    while true {
      let base = unsafe buffer.baseAddress! + start
      if let found = unsafe memchr(base + searched, 0x0A, end - start - searched) {
        let count = unsafe UnsafeRawPointer(found) - UnsafeRawPointer(base)
        start += count + 1
        unsafe try body(UnsafeRawBufferPointer(start: base, count: count), count + 1)
        return true
      }
      searched = end - start
      if isAtEnd {
        guard searched > 0 else { return false }
        start = end
        unsafe try body(UnsafeRawBufferPointer(start: base, count: searched), searched)
        return true
      }
      if searched >= Self.size / 2 { return unsafe try long(body) }
      try fill()
    }
  }

  /// A line that is longer than half of the buffer: its beginning, and all of its bytes.
  private mutating func long(_ body: (UnsafeRawBufferPointer, Int) throws -> Void) throws -> Bool {
    var count = end - start
    let head = unsafe [UInt8](buffer[start..<(start + ClickLineReader.maximumLine + 1)])
    start = end
    while true {
      if start == end {
        if isAtEnd { break }
        try fill()
      }
      let base = unsafe buffer.baseAddress! + start
      if let found = unsafe memchr(base, 0x0A, end - start) {
        let rest = unsafe UnsafeRawPointer(found) - UnsafeRawPointer(base) + 1
        start += rest
        count += rest
        break
      }
      count += end - start
      start = end
    }
    try unsafe head.withUnsafeBytes { unsafe try body($0, count) }
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

import Glibc

// The front for whoever asks for bytes instead of being given them: a file, a pipe, standard input.

/// The text of a source, asked for piece by piece.
@safe package final class TextSource {
  private let raw: (UnsafeMutableRawBufferPointer) throws -> Int
  private let front = TextFront()
  private var pending: [UInt8] = []
  private var used = 0
  private var isAtEnd = false

  /// Bytes asked for at once while it is not known that they are plain text: what they unpack to is in memory, and is at
  /// most about a thousand times as much.
  private static let step = 1 << 14

  /// The text of what `raw` gives: the next bytes into a buffer, and how many; 0 at the end.
  package init(_ raw: @escaping (UnsafeMutableRawBufferPointer) throws -> Int) { unsafe self.raw = raw }

  /// Whether the source's bytes are its text, but for a mark before them of `markBytes`.
  package var isPlain: Bool { front.isPlain }
  package var markBytes: Int { front.markBytes }
  /// Whether its end is said by itself (gzip), so that its last line is whole.
  package var saysItsEnd: Bool { front.saysItsEnd }

  /// The next bytes of text into a buffer that is not empty, and how many; 0 at the end. Throws `FileFault`, and what the
  /// source throws.
  package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    while used == pending.count {
      if isAtEnd { return 0 }
      pending.removeAll(keepingCapacity: true)
      used = 0
      if front.isPlain {
        let count = unsafe try raw(buffer)
        if count == 0 { isAtEnd = true }
        return count
      }
      try fill()
    }
    let count = min(buffer.count, pending.count - used)
    unsafe pending.withUnsafeBytes {
      unsafe buffer.baseAddress!.copyMemory(from: $0.baseAddress! + used, byteCount: count)
    }
    used += count
    return count
  }

  /// Asks until it is known what the source is. Throws as `read` does.
  package func learn() throws { while used == pending.count, !isAtEnd, !front.isPlain { try fill() } }

  private func fill() throws {
    var piece = [UInt8](repeating: 0, count: Self.step)
    let count = try unsafe piece.withUnsafeMutableBytes { unsafe try raw($0) }
    var more: [UInt8] = []
    if count == 0 {
      isAtEnd = true
      unsafe try front.finish { unsafe more.append(contentsOf: $0) }
    } else {
      try unsafe piece.withUnsafeBytes { bytes in
        unsafe try front.feed(UnsafeRawBufferPointer(rebasing: bytes[..<count])) { unsafe more.append(contentsOf: $0) }
      }
    }
    pending += more
  }
}

// The one front of every door that takes files or bodies: bytes as they come ▶ UTF-8 text without a mark.
//
//   bytes ──▶ what is it? ──▶ gzip: unpack ──▶ what is in it? ──▶ UTF-16: transcode ──▶ text
//                        ╰──▶ anything else: a fault with its name                 ╰──▶ UTF-8: as it is
//
//   invariant: memory is bounded by the head (512 bytes), zlib's window and one output buffer, whatever comes
//
// Who must not unpack without end sets `limit`: beyond it the rest is a fault.

/// Turns the bytes of one source into text.
package final class TextFront {
  private enum Stage {
    case head
    case text
    case utf16(isLittle: Bool)
    case gzip(Inflater, TextFront)
  }

  private var stage = Stage.head
  private var head: [UInt8] = []
  /// Half a character of UTF-16: a byte, and the first of two units.
  private var oddByte: UInt8?
  private var high: UInt32?
  private let isInside: Bool
  private let limit: UInt64
  private var made: UInt64 = 0

  /// Bytes of a mark at the beginning of text that is handed on as it is.
  package private(set) var markBytes = 0

  /// - Parameters:
  ///   - limit: bytes of text at most.
  ///   - mustBeGzip: the sender has said that it is.
  package convenience init(limit: UInt64 = .max, mustBeGzip: Bool = false) {
    self.init(limit: limit, mustBeGzip: mustBeGzip, isInside: false)
  }

  private let mustBeGzip: Bool

  private init(limit: UInt64, mustBeGzip: Bool, isInside: Bool) {
    self.limit = limit
    self.mustBeGzip = mustBeGzip
    self.isInside = isInside
  }

  /// Whether it is known what the bytes are, and they are text as they stand.
  package var isPlain: Bool { if case .text = stage { true } else { false } }

  /// Whether the bytes say themselves where they end.
  package var saysItsEnd: Bool { if case .gzip = stage { true } else { false } }

  /// Takes a piece; `body` gets the text that comes of it. Throws `FileFault`, and whatever `body` does.
  package func feed(_ piece: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    guard piece.count > 0 else { return }
    if case .head = stage {
      let rest = FileKind.headBytes - head.count
      unsafe head.append(contentsOf: piece.prefix(rest))
      guard head.count == FileKind.headBytes || FileKind.isCertain(head) else { return }
      unsafe try begin(body)
      if piece.count > rest { unsafe try pass(UnsafeRawBufferPointer(rebasing: piece[rest...]), body) }
    } else {
      unsafe try pass(piece, body)
    }
  }

  /// Nothing more comes. Throws where what came is cut off.
  package func finish(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    if case .head = stage { unsafe try begin(body) }
    switch stage {
    case .head, .text: break
    case .utf16:
      guard oddByte == nil, high == nil else { throw FileFault("is UTF-16 that ends inside a character") }
    case .gzip(let inflater, let inner):
      try inflater.finish()
      unsafe try inner.finish { unsafe try out($0, body) }
    }
  }

  /// The head is there: decides what it is, and hands it on.
  private func begin(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    if mustBeGzip, !head.isEmpty, FileKind(head) != .gzip { throw FileFault("is not the gzip that it is said to be") }
    switch FileKind(head) {
    case .other(let fault): throw FileFault(isInside ? "is gzip of a file that \(fault)" : fault)
    case .gzip:
      guard !isInside else { throw FileFault("is gzip of gzip; unpack it once") }
      stage = .gzip(Inflater(), TextFront(limit: .max, mustBeGzip: false, isInside: true))
    case .utf16(let isLittle, let mark):
      stage = .utf16(isLittle: isLittle)
      head.removeFirst(mark)
    case .text:
      stage = .text
      if head.starts(with: [0xEF, 0xBB, 0xBF]) {
        markBytes = 3
        head.removeFirst(3)
      }
    }
    let bytes = head
    head = []
    try unsafe bytes.withUnsafeBytes { unsafe try pass($0, body) }
  }

  private func pass(_ piece: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    guard piece.count > 0 else { return }
    switch stage {
    case .head: preconditionFailure("the head is passed on when it is known")
    case .text: unsafe try out(piece, body)
    case .utf16(let isLittle): unsafe try transcode(piece, isLittle, body)
    case .gzip(let inflater, let inner):
      unsafe try inflater.feed(piece) { chunk in unsafe try inner.feed(chunk) { unsafe try out($0, body) } }
    }
  }

  private func out(_ text: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    made += UInt64(text.count)
    guard made <= limit else { throw FileFault("is more than \(limit) bytes when it is unpacked") }
    unsafe try body(text)
  }

  /// UTF-16 to UTF-8, unit by unit; half of a pair is a fault, as a guess would be another text.
  private func transcode(
    _ piece: UnsafeRawBufferPointer, _ isLittle: Bool, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    var text: [UInt8] = []
    text.reserveCapacity(min(piece.count, 1 << 16) * 3 / 2 + 4)
    for i in 0..<piece.count {
      let byte = unsafe piece[i]
      guard let first = oddByte else {
        oddByte = byte
        continue
      }
      oddByte = nil
      let unit = isLittle ? UInt32(byte) << 8 | UInt32(first) : UInt32(first) << 8 | UInt32(byte)
      var code = unit
      if let begun = high {
        guard 0xDC00...0xDFFF ~= unit else { throw FileFault("is UTF-16 with half of a surrogate pair") }
        code = 0x10000 + (begun - 0xD800) << 10 + (unit - 0xDC00)
        high = nil
      } else if 0xD800...0xDBFF ~= unit {
        high = unit
        continue
      }
      guard let scalar = Unicode.Scalar(code) else { throw FileFault("is UTF-16 with half of a surrogate pair") }
      text.append(contentsOf: UTF8.encode(scalar)!)
      if text.count >= 1 << 16 {
        try unsafe text.withUnsafeBytes { unsafe try out($0, body) }
        text.removeAll(keepingCapacity: true)
      }
    }
    if !text.isEmpty { try unsafe text.withUnsafeBytes { unsafe try out($0, body) } }
  }
}

import CZlib

// gzip (RFC 1952), by zlib: one member or several behind each other, as `cat a.gz b.gz` makes them, each with its length
// and its CRC-32, which are checked. Zeros behind the last member are padding of tapes; any other byte there is a fault.
//
//   invariant: memory = zlib's window + one output buffer, whatever the input

/// Unpacks a stream of gzip members.
@safe final class Inflater {
  private let stream: UnsafeMutablePointer<z_stream>
  private let output: UnsafeMutableRawPointer
  private var isInside = true
  private var isPadding = false
  /// Bytes taken and given so far.
  private(set) var taken: UInt64 = 0
  private(set) var given: UInt64 = 0

  static let outputBytes = 1 << 16

  init() {
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    unsafe output = .allocate(byteCount: Self.outputBytes, alignment: 16)
    // 15: the largest window; + 16: gzip, nothing else.
    let result = unsafe inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    precondition(result == Z_OK, "zlib cannot be used")
  }

  deinit {
    unsafe inflateEnd(stream)
    unsafe stream.deallocate()
    unsafe output.deallocate()
  }

  /// Unpacks a piece; `body` gets what comes of it in pieces of at most `outputBytes`.
  func feed(_ piece: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    guard let base = piece.baseAddress, piece.count > 0 else { return }
    var at = 0
    while at < piece.count {
      if !isInside {
        if unsafe piece[at] == 0 {
          isPadding = true
          at += 1
          taken += 1
          continue
        }
        guard unsafe !isPadding && piece[at] == 0x1F else {
          throw FileFault("has bytes behind its gzip data, at byte \(taken), that are no gzip")
        }
        unsafe inflateReset(stream)
        isInside = true
      }
      let count = min(piece.count - at, 1 << 20)
      unsafe stream.pointee.next_in = UnsafeMutablePointer(
        mutating: (base + at).assumingMemoryBound(to: UInt8.self))
      unsafe stream.pointee.avail_in = UInt32(count)
      var result = Z_OK
      repeat {
        unsafe stream.pointee.next_out = output.assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.avail_out = UInt32(Self.outputBytes)
        result = unsafe inflate(stream, Z_NO_FLUSH)
        guard result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR else {
          let place = unsafe taken + UInt64(count) - UInt64(stream.pointee.avail_in)
          throw FileFault("is gzip that is damaged at about byte \(place)")
        }
        let made = unsafe Self.outputBytes - Int(stream.pointee.avail_out)
        given += UInt64(made)
        if made > 0 { try unsafe body(UnsafeRawBufferPointer(start: output, count: made)) }
      } while unsafe result == Z_OK && (stream.pointee.avail_in > 0 || stream.pointee.avail_out == 0)
      let used = unsafe count - Int(stream.pointee.avail_in)
      at += used
      taken += UInt64(used)
      if result == Z_STREAM_END { isInside = false }
    }
  }

  /// The stream has ended: it must not do so inside a member.
  func finish() throws(FileFault) {
    if isInside { throw FileFault("is gzip that ends too early: it was cut off behind byte \(taken)") }
  }
}

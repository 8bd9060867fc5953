import CZlib

/// Packs whole texts as gzip (RFC 1952), by zlib.
package enum Deflater {
  /// How hard zlib tries.
  package enum Effort: Int32, Sendable {
    /// For what is sent once: a series shrinks to a tenth at any level, and the thread has others to answer.
    case fast = 1
    /// For what is packed once and sent again and again.
    case best = 9
  }

  /// The bytes as one gzip member.
  package static func gzip(_ bytes: [UInt8], _ effort: Effort = .fast) -> [UInt8] {
    // zlib remembers where its stream stands.
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    defer { unsafe stream.deallocate() }
    // 15: the largest window; + 16: gzip. 8: the usual memory.
    let result = unsafe deflateInit2_(
      stream, effort.rawValue, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
      Int32(MemoryLayout<z_stream>.size))
    precondition(result == Z_OK, "zlib cannot be used")
    defer { unsafe deflateEnd(stream) }
    precondition(bytes.count <= UInt32.max, "an answer of more than 4 GiB")
    var packed = [UInt8](repeating: 0, count: Int(unsafe deflateBound(stream, UInt(bytes.count))))
    let made = unsafe bytes.withUnsafeBufferPointer { input in
      unsafe packed.withUnsafeMutableBufferPointer { output in
        unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
        unsafe stream.pointee.avail_in = UInt32(input.count)
        unsafe stream.pointee.next_out = output.baseAddress
        unsafe stream.pointee.avail_out = UInt32(output.count)
        let result = unsafe deflate(stream, Z_FINISH)
        precondition(result == Z_STREAM_END, "a bound of zlib's that does not hold")
        return unsafe output.count - Int(stream.pointee.avail_out)
      }
    }
    packed.removeLast(packed.count - made)
    return packed
  }
}

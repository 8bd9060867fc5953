import CZlib

/// Packs bytes that are served again and again: as small as zlib can, once.
package enum Gzip {
  /// `bytes` as one gzip member (RFC 1952).
  package static func pack(_ bytes: [UInt8]) -> [UInt8] {
    var stream = unsafe z_stream()
    // 15: the largest window; + 16: gzip. 8 is zlib's own choice of memory.
    let begun = unsafe deflateInit2_(
      &stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
      Int32(MemoryLayout<z_stream>.size))
    precondition(begun == Z_OK, "zlib cannot be used")
    defer { unsafe deflateEnd(&stream) }
    let bound = unsafe Int(deflateBound(&stream, UInt(bytes.count)))
    var input = bytes
    return unsafe [UInt8](unsafeUninitializedCapacity: bound) { output, count in
      unsafe input.withUnsafeMutableBufferPointer { input in
        unsafe stream.next_in = input.baseAddress
        unsafe stream.avail_in = UInt32(input.count)
        unsafe stream.next_out = output.baseAddress
        unsafe stream.avail_out = UInt32(bound)
        // The room is enough for all, so one call ends it.
        let ended = unsafe deflate(&stream, Z_FINISH)
        precondition(ended == Z_STREAM_END, "zlib did not end")
      }
      count = unsafe bound - Int(stream.avail_out)
    }
  }
}

import Columns
import Glibc

/// Memory whose last byte is the last of a page, with a page behind it that nobody may touch: a decoder that reads beyond
/// its input ends the test process.
@safe final class ExactMemory {
  private let base: UnsafeMutableRawPointer
  private let room: Int
  private static let page = 4096

  init(atLeast bytes: Int) {
    room = (bytes + Self.page - 1) / Self.page * Self.page
    unsafe base = mmap(nil, room + Self.page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
    precondition(unsafe base != MAP_FAILED && mprotect(base + room, Self.page, PROT_NONE) == 0)
  }

  deinit { unsafe munmap(base, room + Self.page) }

  /// Calls `body` with `bytes` at the very end.
  func with<R>(_ bytes: some Collection<UInt8>, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    precondition(bytes.count <= room)
    let start = unsafe base + (room - bytes.count)
    unsafe UnsafeMutableRawBufferPointer(start: start, count: bytes.count).copyBytes(from: bytes)
    return try unsafe body(UnsafeRawBufferPointer(start: start, count: bytes.count))
  }
}

/// Decoding into arrays.
enum Decode {
  static func column(_ bytes: UnsafeRawBufferPointer, _ count: Int) throws -> (values: [UInt64], used: Int) {
    var values = [UInt64](repeating: 0, count: max(1, count))
    let used = try unsafe values.withUnsafeMutableBufferPointer {
      try unsafe IntegerColumn.decode(bytes, count: count, into: $0.baseAddress!)
    }
    return (values, used)
  }

  static func column(_ bytes: UnsafeRawBufferPointer, _ count: Int, rows: Range<Int>) throws -> [UInt64] {
    var values = [UInt64](repeating: 0, count: max(1, rows.count))
    _ = try unsafe values.withUnsafeMutableBufferPointer {
      try unsafe IntegerColumn.decode(bytes, count: count, rows: rows, into: $0.baseAddress!)
    }
    return Array(values[..<rows.count])
  }

  static func rows(_ bytes: UnsafeRawBufferPointer) throws -> Rows {
    let most = RowBlock.maximumRows
    var found = Rows(
      codes: .init(repeating: 0, count: most), buckets: .init(repeating: 0, count: most),
      values: .init(repeating: 0, count: most))
    let count = try unsafe found.codes.withUnsafeMutableBufferPointer { codes in
      try unsafe found.buckets.withUnsafeMutableBufferPointer { buckets in
        try unsafe found.values.withUnsafeMutableBufferPointer { values in
          try unsafe RowBlock.decode(
            bytes, codes: codes.baseAddress!, buckets: buckets.baseAddress!, values: values.baseAddress!)
        }
      }
    }
    found.codes.removeLast(most - count)
    found.buckets.removeLast(most - count)
    found.values.removeLast(most - count)
    return found
  }

  static func rows(_ bytes: UnsafeRawBufferPointer, only code: UInt32) throws -> Rows {
    let most = RowBlock.maximumRows
    var found = Rows(buckets: .init(repeating: 0, count: most), values: .init(repeating: 0, count: most))
    let count = try unsafe found.buckets.withUnsafeMutableBufferPointer { buckets in
      try unsafe found.values.withUnsafeMutableBufferPointer { values in
        try unsafe RowBlock.decode(bytes, only: code, buckets: buckets.baseAddress!, values: values.baseAddress!)
      }
    }
    found.codes = .init(repeating: code, count: count)
    found.buckets.removeLast(most - count)
    found.values.removeLast(most - count)
    return found
  }
}

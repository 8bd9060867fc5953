import Glibc

// One record of a table in text: fields between delimiters; a field in double quotes may hold delimiters, line ends and
// doubled quotes (RFC 4180). Where a record ends is `RecordSource`'s to say.

/// Cuts lines into fields. One instance for each thread.
@safe struct DelimitedLine: ~Copyable {
  private let delimiter: UInt8
  private var fields: [(start: UnsafeRawPointer, count: Int)] = unsafe []
  private let scratch: UnsafeMutablePointer<UInt8>
  private let capacity: Int

  /// Lines of at most `limit` bytes.
  init(delimiter: UInt8, limit: Int) {
    self.delimiter = delimiter
    capacity = limit
    unsafe scratch = .allocate(capacity: max(limit, 1))
  }

  deinit { unsafe scratch.deallocate() }

  /// Fields of the line cut last.
  var count: Int { unsafe fields.count }

  /// A field of it; good until the line or this changes.
  subscript(field: Int) -> UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: fields[field].start, count: fields[field].count)
  }

  /// Cuts a line without its newline. Returns what is wrong with it, or nil.
  mutating func cut(_ line: UnsafeRawBufferPointer) -> StaticString? {
    unsafe fields.removeAll(keepingCapacity: true)
    guard line.count <= capacity else { return "is too long" }
    guard let base = line.baseAddress, line.count > 0 else { return nil }
    var end = line.count
    if unsafe line[end - 1] == 0x0D { end -= 1 }
    // Some reader of the same file ends a line there. Looked for once, and in the fields only where there is one.
    let hasReturn = unsafe memchr(base, 0x0D, end) != nil
    var at = 0
    var used = 0
    while true {
      if at < end, unsafe line[at] == 0x22 {
        let start = used
        at += 1
        while true {
          guard at < end else { return "has a quote that is never closed" }
          let byte = unsafe line[at]
          at += 1
          if byte == 0x22 {
            guard at < end, unsafe line[at] == 0x22 else { break }
            at += 1
          }
          unsafe scratch[used] = byte
          used += 1
        }
        unsafe fields.append((UnsafeRawPointer(scratch + start), used - start))
        if at == end { return nil }
        guard unsafe line[at] == delimiter else { return "has text behind a closing quote" }
        at += 1
        continue
      }
      let found = unsafe at < end ? memchr(base + at, Int32(delimiter), end - at) : nil
      let stop = unsafe found.map { unsafe UnsafeRawPointer($0) - base } ?? end
      if unsafe hasReturn && at < stop && memchr(base + at, 0x0D, stop - at) != nil {
        return "has a carriage return without a line feed"
      }
      unsafe fields.append((base + at, stop - at))
      if stop == end { return nil }
      at = stop + 1
    }
  }
}

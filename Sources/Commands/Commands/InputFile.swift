import Platform
import Records

// What a FILE operand stands for: a file, a pipe or FIFO (also `<(zcat f)` and /dev/stdin), or `-` for standard input.

/// Bytes that a command reads.
struct InputFile {
  let path: String
  private let console: Console
  private let file: (any File)?
  /// Ends what is waited for at standard input.
  private let interrupt: Interrupt?
  /// Bytes of it; nil where they come only once, and their number is not known.
  let size: UInt64?

  /// Whether it can be read again from its beginning.
  var canBeReadTwice: Bool { size != nil }

  init(_ path: String, _ console: Console, _ interrupt: Interrupt? = nil) throws(SystemError) {
    self.path = path
    self.interrupt = interrupt
    self.console = console
    let file = path == "-" ? nil : try console.environment.files.open(path, .read)
    self.file = file
    if let file, try file.hasOffsets() { size = try file.size() } else { size = nil }
  }

  /// Its bytes from an offset on, which is 0 where they come only once; then also only the first call has them all.
  func raw(from offset: UInt64 = 0) -> (UnsafeMutableRawBufferPointer) throws -> Int {
    if let file, size != nil {
      var at = offset
      return { buffer in
        let count = unsafe try file.read(into: buffer, at: at)
        at += UInt64(count)
        return count
      }
    }
    if let file { return { buffer in unsafe try file.readNext(into: buffer) } }
    let (console, interrupt) = (console, interrupt)
    return { buffer in
      if let interrupt {
        if let descriptor = console.inputDescriptor { interrupt.wait(for: descriptor) }
        if interrupt.isRequested { return 0 }
      }
      let bytes = console.input(buffer.count)
      for (i, byte) in bytes.enumerated() { unsafe buffer[i] = byte }
      return bytes.count
    }
  }

  /// All of its text, of which there may be `limit` bytes: unpacked, in UTF-8, without a mark.
  func text(limit: Int) throws -> [UInt8] {
    let source = unsafe TextSource(raw())
    var text: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    defer { unsafe buffer.deallocate() }
    while case let count = unsafe try source.read(into: buffer), count > 0 {
      unsafe text.append(contentsOf: buffer[..<count])
      guard text.count <= limit else {
        throw Failure("\(path): more than \(SizeText.write(Int64(limit))); import it in parts")
      }
    }
    return text
  }
}

import Importing
import Platform
import Records

/// A file that is being imported: how it is read, and from which byte of its text on.
struct ImportReading {
  let path: String
  private(set) var plan: ImportPlan
  /// Bytes of the text, where they are known: nil for what comes once, and for what has to be unpacked or transcoded.
  let size: UInt64?
  /// Whether its text can be read again.
  let canBeReadTwice: Bool
  private let file: InputFile
  /// Bytes before the text, where the file is its text.
  private let markBytes: UInt64?
  /// The text of what comes once, and what was read of it to learn what it is.
  private let once: TextSource?
  private let head: [UInt8]
  private let takesLastLine: Bool

  /// - Parameters:
  ///   - format: nil: its first character tells.
  ///   - isComplete: its last line counts without a newline too.
  init(
    _ path: String, _ plan: ImportPlan, _ format: ImportFormat?, isComplete: Bool, _ console: Console,
    _ interrupt: Interrupt
  ) throws {
    self.path = path
    self.plan = plan
    do {
      file = try InputFile(path, console, interrupt)
      let text = unsafe TextSource(file.raw())
      try text.learn()
      head = try Self.head(of: text)
      once = file.canBeReadTwice ? nil : text
      canBeReadTwice = file.canBeReadTwice
      markBytes = text.isPlain ? UInt64(text.markBytes) : nil
      size = text.isPlain ? file.size.map { $0 - min($0, UInt64(text.markBytes)) } : nil
      takesLastLine = isComplete || text.saysItsEnd
    } catch let fault as FileFault { throw Failure("\(path) \(fault)", .refused) }
    let first = head.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
    self.plan.format = format ?? (first == UInt8(ascii: "{") || first == UInt8(ascii: "[") ? .ndjson : .csv)
    if head.contains(0x0D), !head.contains(0x0A), head.firstIndex(of: 0x0D)! < head.count - 1 {
      throw Failure(
        "\(path): its lines end with a carriage return alone; try tr '\\r' '\\n' < FILE | tally import -", .refused)
    }
    if self.plan.format == .csv, self.plan.hasHeader, let sign = Self.separator(head) { self.plan.delimiter = sign }
  }

  /// The delimiter that the first line with anything on it names.
  private static func separator(_ head: [UInt8]) -> UInt8? {
    let first = head.split(separator: 0x0A).first { line in line.contains { ![0x20, 0x09, 0x0D].contains($0) } }
    return first.flatMap { line in unsafe Array(line).withUnsafeBytes { unsafe ClickParser.separator($0) } }
  }

  /// What can be read more than once; nil for what comes once.
  var text: SourceText? {
    guard canBeReadTwice else { return nil }
    return SourceText(size: size, hasHeader: plan.format == .csv && plan.hasHeader) { offset, digest in
      try lines(from: offset, digest: digest)
    }
  }

  /// The first bytes of a text, at most 8 KiB.
  private static func head(of text: TextSource) throws -> [UInt8] {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 8_192, alignment: 16)
    defer { unsafe buffer.deallocate() }
    var count = 0
    while count < buffer.count {
      let more = unsafe try text.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]))
      if more == 0 { break }
      count += more
    }
    return unsafe Array(buffer[..<count])
  }

  /// The records from the byte `offset` of the text on, which is 0 where it comes once. `digest` has what lies before and
  /// takes in what is read.
  func lines(from offset: UInt64, digest: SourceDigest? = nil) throws -> LineSource {
    var left = head[...]
    let text: TextSource
    if let once {
      text = once
    } else if let markBytes {
      left = []
      let raw = unsafe file.raw(from: markBytes + offset)
      return configured(unsafe LineSource(digest: digest) { buffer in unsafe try raw(buffer) })
    } else {
      // Unpacked from the beginning on, and passed over up to the offset.
      left = []
      text = unsafe TextSource(file.raw())
      try Self.skip(offset, of: text)
    }
    let path = path
    return configured(
      unsafe LineSource(digest: digest) { buffer in
        if !left.isEmpty {
          let count = min(left.count, buffer.count)
          for (i, byte) in left.prefix(count).enumerated() { unsafe buffer[i] = byte }
          left = left.dropFirst(count)
          return count
        }
        do { return unsafe try text.read(into: buffer) } catch let fault as FileFault {
          throw Failure("\(path) \(fault)", .failed)
        }
      })
  }

  private func configured(_ lines: consuming LineSource) -> LineSource {
    if plan.format == .csv { lines.quotes = plan.delimiter }
    // An object says itself where it ends; an id that is made of the line needs its very end.
    lines.lastLine = takesLastLine ? .taken : plan.format == .ndjson && plan.identity != .line ? .ifObject : .heldBack
    return lines
  }

  private static func skip(_ count: UInt64, of text: TextSource) throws {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    defer { unsafe buffer.deallocate() }
    var left = count
    while left > 0 {
      let part = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(left, 1 << 16))])
      let more = unsafe try text.read(into: part)
      if more == 0 { break }
      left -= UInt64(more)
    }
  }
}

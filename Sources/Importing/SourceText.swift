import Clicks
import Store

// A source that can be read more than once, and what is learnt of it before its clicks are counted.

/// A source that can be read again: a file, and not a pipe.
package struct SourceText {
  /// Bytes of its decoded text; nil where only reading tells.
  package let size: UInt64?
  /// A line before the clicks names columns.
  package let hasHeader: Bool
  private let open: (_ offset: UInt64, _ digest: SourceDigest?) throws -> LineSource

  /// `open` gives the lines from a byte of the decoded text on; `digest` has what lies before it.
  package init(
    size: UInt64?, hasHeader: Bool, open: @escaping (_ offset: UInt64, _ digest: SourceDigest?) throws -> LineSource
  ) {
    self.size = size
    self.hasHeader = hasHeader
    self.open = open
  }

  /// The first lines of a source, as they are read now.
  package struct Beginning {
    package var lines: UInt64 = 0
    package var digest: SourceDigest
    package var sample = LineSample()
  }

  /// Reads up to byte `bytes`; nil where no line ends there.
  package func beginning(_ bytes: UInt64) throws -> Beginning? {
    var found: Beginning?
    try forEachEnd([bytes]) { found = $0 }
    return found
  }

  /// The digests of the text up to those of the bytes `ends` at which a line ends.
  func digests(at ends: Set<UInt64>) throws -> [UInt64: SourceKey] {
    var found: [UInt64: SourceKey] = [:]
    try forEachEnd(ends) { found[$0.digest.bytes] = $0.digest.value }
    return found
  }

  private func forEachEnd(_ ends: Set<UInt64>, _ body: (Beginning) -> Void) throws {
    guard let last = ends.max() else { return }
    var beginning = Beginning(digest: SourceDigest())
    if ends.contains(0) { body(beginning) }
    guard last > 0 else { return }
    var lines = try open(0, beginning.digest)
    var bytes: UInt64 = 0
    var isHead = hasHeader
    while bytes < last {
      let isThere = unsafe try lines.next { line, lineBytes, lineCount in
        bytes += UInt64(lineBytes)
        beginning.lines += UInt64(lineCount)
        guard unsafe isClick(line, &isHead) else { return }
        unsafe beginning.sample.add(LineSample.hash(line))
      }
      guard isThere else { return }
      if ends.contains(bytes) {
        lines.settle()
        body(beginning)
      }
    }
  }

  /// Whether a line is one of a click; `isHead`: the one that names the columns is still to come.
  private func isClick(_ line: UnsafeRawBufferPointer, _ isHead: inout Bool) -> Bool {
    guard isHead else { return unsafe !ClickLineReader.isBlank(line) }
    if unsafe !ClickParser.isBeforeHeader(line) { isHead = false }
    return false
  }

  /// Whether no line begins behind byte `bytes`.
  func ends(at bytes: UInt64) throws -> Bool {
    if bytes == size { return true }
    var lines = try open(bytes, nil)
    return unsafe try !lines.next { _, _, _ in }
  }

  /// Whether any line has one of these hashes.
  func hasLine(of hashes: Set<UInt64>) throws -> Bool {
    var lines = try open(0, nil)
    var isHead = hasHeader
    var isFound = false
    while !isFound {
      let isThere = unsafe try lines.next { line, _, _ in
        guard unsafe isClick(line, &isHead) else { return }
        isFound = unsafe hashes.contains(LineSample.hash(line))
      }
      if !isThere { break }
    }
    return isFound
  }
}

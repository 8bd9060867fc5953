// HTTP/1.1 requests (RFC 9112). Where a request ends is read strictly: what two readers could take in two ways is refused.
// What changes nothing about that is taken as it comes: bytes that no URI may hold in a query, minor versions to come.
//
//   requestLine ─▶ fields ─┬─▶ complete
//                          ├─▶ fixedBody ─▶ complete
//                          └─▶ chunkSize ─▶ chunkData ─▶ chunkEnd ─▶ chunkSize … ─▶ trailers ─▶ complete
//
// The parser works in place over the connection's buffer and keeps offsets only. `position` is the first byte that no
// finished step has taken; a line that is not all there is read again from its start when more bytes come.
//
// Invariant: a verdict depends on the bytes, never on how they were split. Each line is judged strictly from left to
// right, inside a view that ends at the limit or at the last byte, and running out of the view means "more" in the
// second case and "too long" in the first.

/// Reads one request; the next one takes a new parser.
package struct RequestParser {
  enum Phase: UInt8 {
    case requestLine, fields, fixedBody, chunkSize, chunkData, chunkEnd, trailers, complete
  }

  private(set) var head = RequestHead()
  var phase = Phase.requestLine
  /// Offset of the first byte that is not taken yet; where the request ends, once complete.
  package internal(set) var position = 0
  /// Where the body begins: right behind the head.
  var bodyStart = 0
  /// Bytes of the body so far, without the framing of chunks.
  var bodyCount = 0

  /// Where the request ends, once its head says so; nil before, and where its body is chunked.
  var announcedEnd: Int? { phase == .fixedBody ? bodyStart + head.contentLength : nil }
  /// The greatest body that is accepted.
  var bodyLimit = 0
  /// Bytes of the current chunk that are still to come.
  var chunkLeft = 0
  /// Bytes spent on chunk extensions and trailers.
  var overhead = 0
  /// The body is handed over in pieces: see `nextPiece`.
  var isStreaming = false
  /// Nobody wants the body: its bytes are read over, and their room is given back as that of a chunk's framing is.
  var skipsBody = false
  /// Bytes of the body that were read over.
  var bodySkipped = 0

  /// A parser before a request's first byte.
  package init() {}

  /// What came of one line.
  enum Progress {
    case more
    case done
    case failed(Int)
  }

  /// Whether nothing of a request has come yet, `count` being the bytes at hand. An empty line before it is nothing.
  func isBeforeFirstByte(of count: Int) -> Bool { phase == .requestLine && position == count }

  /// Whether the request line is complete, so that method and target are known.
  var hasTarget: Bool { phase.rawValue > Phase.requestLine.rawValue }

  /// Whether the head is complete.
  var hasHead: Bool { phase.rawValue > Phase.fields.rawValue }

  /// Goes on as far as the `count` bytes at `base` allow; they begin with the request's first byte and hold all that
  /// earlier calls saw. Chunks are moved together in place. `fields` has room for `limits.fields` lines.
  package mutating func advance(
    _ base: UnsafeMutablePointer<UInt8>, count: Int, fields: UnsafeMutablePointer<FieldExtent>, limits: HeadLimits
  ) -> ParserStep {
    while true {
      let progress: Progress
      switch phase {
      case .requestLine:
        progress = unsafe requestLine(base, count, limits)
      case .fields:
        progress = unsafe fieldLines(base, count, fields, limits)
        if case .done = progress, phase != .complete { return .head }
      case .fixedBody:
        if skipsBody {
          progress = skipFixedBody(count)
          break
        }
        if count - bodyStart < head.contentLength { return .needMore }
        bodyCount = head.contentLength
        position = bodyStart + bodyCount
        phase = .complete
        progress = .done
      case .chunkSize: progress = unsafe chunkSize(base, count)
      case .chunkData: progress = unsafe chunkData(base, count)
      case .chunkEnd: progress = unsafe chunkEnd(base, count)
      case .trailers: progress = unsafe trailers(base, count, limits)
      case .complete: return .complete
      }
      switch progress {
      case .more: return .needMore
      case .failed(let status): return .failed(status)
      case .done: continue
      }
    }
  }

  /// Decides on the body that a head has announced: nil to go on, or the status to refuse it with. With `skips` the body
  /// is read over and empty in the end, whatever its length; `limit` holds all the same.
  package mutating func acceptBody(limit: Int, skips: Bool = false) -> Int? {
    bodyLimit = limit
    skipsBody = skips
    return head.contentLength > limit ? 413 : nil
  }

  private mutating func skipFixedBody(_ count: Int) -> Progress {
    let n = min(head.contentLength - bodySkipped, count - position)
    bodySkipped += n
    position += n
    if bodySkipped < head.contentLength { return .more }
    phase = .complete
    return .done
  }

  // MARK: Request line

  private mutating func requestLine(
    _ base: UnsafeMutablePointer<UInt8>, _ count: Int, _ limits: HeadLimits
  ) -> Progress {
    let end = min(count, limits.head)
    if position == 0, end > 0, unsafe base[0] == ASCII.carriageReturn {
      // One empty line before a request is forgiven (RFC 9112, 2.2): some clients end a body with it.
      if end == 1 { return outOfView(end, limits, 400) }
      if unsafe base[1] != ASCII.lineFeed { return .failed(400) }
      position = 2
    }
    var p = position
    let nameStart = p
    while true {
      if p == end { return outOfView(end, limits, 414) }
      let byte = unsafe base[p]
      if byte == ASCII.space { break }
      if !isToken(byte) { return .failed(400) }
      if p - nameStart == 32 { return .failed(501) }
      p += 1
    }
    if p == nameStart { return .failed(400) }
    head.methodName = Extent(nameStart, p)
    p += 1

    let targetStart = p
    let targetView = min(end, targetStart + limits.target + 1)
    p = unsafe scanPath(base, p, targetView)
    let pathEnd = p
    head.hasQuery = unsafe p < targetView && base[p] == ASCII.question
    if head.hasQuery { p = unsafe scanQuery(base, p + 1, targetView) }
    if p - targetStart > limits.target { return .failed(414) }
    if p == end { return outOfView(end, limits, 414) }
    if unsafe base[p] != ASCII.space { return .failed(400) }
    if p == targetStart { return .failed(400) }
    let targetEnd = p
    p += 1

    switch unsafe version(base, p, end) {
    case .more: return outOfView(end, limits, 431)
    case .failed(let status): return .failed(status)
    case .done: break
    }
    head.method = unsafe Self.method(base + nameStart, targetStart - 1 - nameStart)
    head.target = Extent(targetStart, targetEnd)
    if head.hasQuery { head.query = Extent(pathEnd + 1, targetEnd) }
    guard unsafe splitTarget(base, targetStart, pathEnd, targetEnd) else { return .failed(400) }
    position = p + 10
    phase = .fields
    return .done
  }

  /// The view ended at `end`: either the bytes at hand did, or the limit of the head was reached.
  @inline(__always)
  private func outOfView(_ end: Int, _ limits: HeadLimits, _ status: Int) -> Progress {
    end >= limits.head ? .failed(status) : .more
  }

  /// `HTTP/1.1` and the line end, ten bytes.
  @inline(__always)
  private mutating func version(_ base: UnsafePointer<UInt8>, _ from: Int, _ end: Int) -> Progress {
    if from + 10 <= end {
      let text = UInt64(littleEndian: unsafe UnsafeRawPointer(base + from).loadUnaligned(as: UInt64.self))
      if text == 0x312E_312F_5054_5448, unsafe base[from + 8] == ASCII.carriageReturn,
        unsafe base[from + 9] == ASCII.lineFeed
      {
        return .done
      }
    }
    return unsafe otherVersion(base, from, end)
  }

  private mutating func otherVersion(_ base: UnsafePointer<UInt8>, _ from: Int, _ end: Int) -> Progress {
    let form: StaticString = "HTTP/0.0\r\n"
    for i in 0..<10 {
      if from + i >= end { return .more }
      let byte = unsafe base[from + i]
      let wanted = unsafe form.utf8Start[i]
      let fits = wanted == ASCII.zero ? byte >= ASCII.zero && byte <= ASCII.zero + 9 : byte == wanted
      if !fits { return .failed(400) }
    }
    let major = unsafe base[from + 5]
    let minor = unsafe base[from + 7] - ASCII.zero
    if major != ASCII.zero + 1 { return .failed(505) }
    // A later minor version keeps to the framing of this one (RFC 9110, 2.5).
    head.minorVersion = min(minor, 1)
    return .done
  }

  @inline(__always)
  private static func method(_ name: UnsafePointer<UInt8>, _ count: Int) -> Method {
    unsafe spells(name, count, "GET")
      ? .get
      : unsafe spells(name, count, "HEAD")
        ? .head
        : unsafe spells(name, count, "POST")
          ? .post
          : unsafe spells(name, count, "PUT")
            ? .put
            : unsafe spells(name, count, "DELETE")
              ? .delete
              : unsafe spells(name, count, "OPTIONS")
                ? .options : unsafe spells(name, count, "PATCH") ? .patch : .other
  }

  /// Methods are told apart by case.
  @inline(__always)
  private static func spells(_ name: UnsafePointer<UInt8>, _ count: Int, _ text: StaticString) -> Bool {
    guard count == text.utf8CodeUnitCount else { return false }
    for i in 0..<count where unsafe name[i] != text.utf8Start[i] { return false }
    return true
  }

  /// Finds path and authority of an origin-form, asterisk-form or absolute-form target; false where it is none.
  @inline(__always)
  private mutating func splitTarget(
    _ base: UnsafePointer<UInt8>, _ start: Int, _ pathEnd: Int, _ end: Int
  ) -> Bool {
    if unsafe base[start] == ASCII.slash {
      head.path = Extent(start, pathEnd)
      return true
    }
    return unsafe splitOtherTarget(base, start, pathEnd, end)
  }

  private mutating func splitOtherTarget(
    _ base: UnsafePointer<UInt8>, _ start: Int, _ pathEnd: Int, _ end: Int
  ) -> Bool {
    if unsafe base[start] == ASCII.asterisk {
      head.path = Extent(start, end)
      return head.method == .options && end == start + 1
    }
    var p = start
    if pathEnd - start >= 7, unsafe matches(base + start, 7, "http://") {
      p += 7
    } else if pathEnd - start >= 8, unsafe matches(base + start, 8, "https://") {
      p += 8
    } else {
      return false
    }
    let authority = p
    while p < pathEnd, unsafe base[p] != ASCII.slash {
      if unsafe !isHost(base[p]) { return false }
      p += 1
    }
    head.targetIsAbsolute = true
    head.authority = Extent(authority, p)
    head.path = Extent(p, pathEnd)
    return p > authority
  }

  // MARK: Field lines

  private mutating func fieldLines(
    _ base: UnsafeMutablePointer<UInt8>, _ count: Int, _ fields: UnsafeMutablePointer<FieldExtent>,
    _ limits: HeadLimits
  ) -> Progress {
    let end = min(count, limits.head)
    while true {
      if position == end { return outOfView(end, limits, 431) }
      if unsafe base[position] == ASCII.carriageReturn {
        if position + 1 == end { return outOfView(end, limits, 431) }
        if unsafe base[position + 1] != ASCII.lineFeed { return .failed(400) }
        position += 2
        return endOfHead()
      }
      guard let (field, next) = unsafe fieldLine(base, end) else { return outOfView(end, limits, 431) }
      if next < 0 { return .failed(400) }
      if Int(head.fieldCount) == limits.fields { return .failed(431) }
      unsafe fields[Int(head.fieldCount)] = field
      head.fieldCount += 1
      let status = unsafe head.note(field, base)
      if status != 0 { return .failed(status) }
      position = next
    }
  }

  /// The field line at `position` and where the next line begins: nil where the view ends before it does, a negative
  /// position where it is malformed. A line that begins with white space (a folded one) has no name and so is malformed.
  @inline(__always)
  func fieldLine(_ base: UnsafePointer<UInt8>, _ end: Int) -> (FieldExtent, Int)? {
    let malformed = (FieldExtent(name: Extent(), value: Extent()), -1)
    let nameStart = position
    var p = nameStart
    while true {
      if p == end { return nil }
      if unsafe !isToken(base[p]) { break }
      p &+= 1
    }
    let nameEnd = p
    if nameEnd == nameStart { return malformed }
    if unsafe base[p] != ASCII.colon { return malformed }
    p += 1
    while p < end, unsafe isBlank(base[p]) { p += 1 }
    let valueStart = p
    p = unsafe scanFieldValue(base, p, end)
    if p == end { return nil }
    if unsafe base[p] != ASCII.carriageReturn { return malformed }
    if p + 1 == end { return nil }
    if unsafe base[p + 1] != ASCII.lineFeed { return malformed }
    var valueEnd = p
    while valueEnd > valueStart, unsafe isBlank(base[valueEnd - 1]) { valueEnd -= 1 }
    return (FieldExtent(name: Extent(nameStart, nameEnd), value: Extent(valueStart, valueEnd)), p + 2)
  }

  private mutating func endOfHead() -> Progress {
    if head.minorVersion == 1, !head.hasHost { return .failed(400) }
    // Either is a body that two readers could take to be of two lengths.
    if head.hasTransferEncoding, head.hasContentLength || head.minorVersion == 0 { return .failed(400) }
    bodyStart = position
    phase = head.hasTransferEncoding ? .chunkSize : head.contentLength > 0 ? .fixedBody : .complete
    return .done
  }
}

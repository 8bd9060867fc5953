import Bytes
import Glibc

// A chunked body (RFC 9112, 7.1) is moved together in place while it comes:
//
//   head | body so far | gap (framing already read) | bytes not yet read
//        ▲ bodyStart   ▲ bodyStart + bodyCount      ▲ position           ▲ count
//
// A body that is read over is all gap, whether it is chunked or not.
// `closeGap` gives the gap's room back when the buffer is full, so memory follows the body and not its framing.
// Extensions are read over and trailers checked and dropped; both are bounded.

extension RequestParser {
  /// Bytes of one chunk-size line, its line end included.
  static let chunkLineLimit = 256
  /// Bytes that all chunk extensions of a body may take together.
  static let extensionLimit = 16 << 10

  mutating func chunkSize(_ base: UnsafePointer<UInt8>, _ count: Int) -> Progress {
    let end = min(count, position + Self.chunkLineLimit)
    let atLimit = end == position + Self.chunkLineLimit
    var p = position
    var size = 0
    while true {
      if p == end { return atLimit ? .failed(400) : .more }
      guard let digit = unsafe Hex.value(of: base[p]) else { break }
      if p - position == 15 { return .failed(400) }
      size = size << 4 | Int(digit)
      p += 1
    }
    if p == position { return .failed(400) }
    let extensionStart = p
    if unsafe base[p] == ASCII.semicolon {
      p = unsafe scanFieldValue(base, p, end)
      if p == end { return atLimit ? .failed(400) : .more }
    }
    if unsafe base[p] != ASCII.carriageReturn { return .failed(400) }
    let extensionBytes = p - extensionStart
    p += 1
    if p == end { return atLimit ? .failed(400) : .more }
    if unsafe base[p] != ASCII.lineFeed { return .failed(400) }
    overhead += extensionBytes
    if overhead > Self.extensionLimit { return .failed(400) }
    if size > bodyLimit - bodyCount - bodySkipped { return .failed(413) }
    position = p + 1
    chunkLeft = size
    if size == 0 {
      overhead = 0
      phase = .trailers
    } else {
      phase = .chunkData
    }
    return .done
  }

  mutating func chunkData(_ base: UnsafeMutablePointer<UInt8>, _ count: Int) -> Progress {
    let n = min(chunkLeft, count - position)
    if n > 0 {
      if skipsBody {
        bodySkipped += n
      } else {
        unsafe memmove(base + bodyStart + bodyCount, base + position, n)
        bodyCount += n
      }
      position += n
      chunkLeft -= n
    }
    if chunkLeft > 0 { return .more }
    phase = .chunkEnd
    return .done
  }

  mutating func chunkEnd(_ base: UnsafePointer<UInt8>, _ count: Int) -> Progress {
    if position == count { return .more }
    if unsafe base[position] != ASCII.carriageReturn { return .failed(400) }
    if position + 1 == count { return .more }
    if unsafe base[position + 1] != ASCII.lineFeed { return .failed(400) }
    position += 2
    phase = .chunkSize
    return .done
  }

  mutating func trailers(_ base: UnsafePointer<UInt8>, _ count: Int, _ limits: HeadLimits) -> Progress {
    while true {
      let room = limits.head - overhead
      let end = min(count, position + room)
      let short: Progress = end == position + room ? .failed(431) : .more
      if position == end { return short }
      if unsafe base[position] == ASCII.carriageReturn {
        if position + 1 == end { return short }
        if unsafe base[position + 1] != ASCII.lineFeed { return .failed(400) }
        position += 2
        phase = .complete
        return .done
      }
      guard let (_, next) = unsafe fieldLine(base, end) else { return short }
      if next < 0 { return .failed(400) }
      overhead += next - position
      position = next
    }
  }

  /// Moves the bytes that are not yet read down to the body's end and returns how many bytes there are then.
  package mutating func closeGap(_ base: UnsafeMutablePointer<UInt8>, count: Int) -> Int {
    guard hasHead, head.hasTransferEncoding || skipsBody, !isStreaming, phase != .complete else { return count }
    let bodyEnd = bodyStart + bodyCount
    let gap = position - bodyEnd
    if gap == 0 { return count }
    unsafe memmove(base + bodyEnd, base + position, count - position)
    position = bodyEnd
    return count - gap
  }
}

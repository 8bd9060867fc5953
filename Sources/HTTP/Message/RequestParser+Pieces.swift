// A body that is handed over in pieces, each where it stands in the buffer:
//
//   | framing read | piece | bytes not yet read |        all offsets from the first byte at hand
//                  start   position             count
//
// Whoever takes the pieces drops what was read and begins at 0 again, so memory is one buffer whatever the body's size.

/// What came of the bytes at hand.
enum BodyPiece {
  /// No more before more bytes come.
  case more
  /// So many bytes of the body, from `start` on.
  case data(start: Int, count: Int)
  /// The body has ended at `position`.
  case complete
  /// It is refused with this status.
  case failed(Int)
}

extension RequestParser {
  /// From here on the body comes in pieces and offsets count from the body's first byte: the head is no longer at hand.
  mutating func beginPieces() {
    precondition(hasHead && phase != .complete && bodyCount == 0)
    isStreaming = true
    position = 0
  }

  /// Whether the last piece was the end of the body.
  var isAtEnd: Bool { phase == .complete }

  /// The next piece of the `count` bytes at `base`.
  mutating func nextPiece(_ base: UnsafeMutablePointer<UInt8>, count: Int, limits: HeadLimits) -> BodyPiece {
    while true {
      let progress: Progress
      switch phase {
      case .fixedBody:
        let taken = take(min(head.contentLength - bodyCount, count - position))
        if bodyCount == head.contentLength { phase = .complete }
        return taken
      case .chunkData:
        let size = min(chunkLeft, count - position)
        chunkLeft -= size
        if chunkLeft == 0 { phase = .chunkEnd }
        return take(size)
      case .chunkSize: progress = unsafe chunkSize(base, count)
      case .chunkEnd: progress = unsafe chunkEnd(base, count)
      case .trailers: progress = unsafe trailers(base, count, limits)
      case .complete: return .complete
      case .requestLine, .fields: preconditionFailure("a body before its head")
      }
      switch progress {
      case .more: return .more
      case .failed(let status): return .failed(status)
      case .done: continue
      }
    }
  }

  private mutating func take(_ size: Int) -> BodyPiece {
    if size == 0 { return .more }
    let start = position
    position += size
    bodyCount += size
    return .data(start: start, count: size)
  }
}

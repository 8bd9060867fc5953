// What the parser learned about a request: where its parts lie, relative to the request's first byte, so that the
// buffer may move in between.

/// The request methods that routes distinguish.
package enum Method: UInt8, Sendable {
  case get, head, post, put, delete, options, patch
  /// Any other token; `Request.methodName` has its text.
  case other
}

/// A run of bytes inside a request.
package struct Extent: Equatable, BitwiseCopyable, Sendable {
  var start: UInt32 = 0
  var count: UInt32 = 0

  init() {}

  @inline(__always)
  init(_ start: Int, _ end: Int) {
    self.start = UInt32(truncatingIfNeeded: start)
    count = UInt32(truncatingIfNeeded: end &- start)
  }
}

/// One field line: where its name and its value lie, white space around the value left out.
package struct FieldExtent: Equatable, BitwiseCopyable, Sendable {
  var name: Extent
  var value: Extent

  init(name: Extent, value: Extent) {
    self.name = name
    self.value = value
  }

  /// A place in a table that no line has taken yet.
  package init() { self.init(name: Extent(), value: Extent()) }
}

/// The request line and the framing of a request.
struct RequestHead {
  var method = Method.other
  /// 0 for HTTP/1.0, 1 for HTTP/1.1.
  var minorVersion: UInt8 = 1
  var hasQuery = false
  var hasHost = false
  var hasContentLength = false
  var hasTransferEncoding = false
  var saysClose = false
  var saysKeepAlive = false
  var expectsContinue = false
  var fieldCount: UInt32 = 0
  var methodName = Extent()
  var target = Extent()
  /// Empty for an absolute target without a path, which means `/`.
  var path = Extent()
  var query = Extent()
  /// Host and port: of an absolute target, else the value of `Host`.
  var authority = Extent()
  var targetIsAbsolute = false
  var contentLength = 0

  /// Whether the client may send another request on this connection.
  var keepsAlive: Bool { minorVersion == 1 ? !saysClose : saysKeepAlive && !saysClose }

  /// Whether a body is announced that has bytes or may have some.
  var hasBody: Bool { contentLength > 0 || hasTransferEncoding }
}

/// The limits of a request's head; beyond them the answer is 414 or 431.
package struct HeadLimits: Sendable {
  /// Bytes of the whole head, from the first byte to the empty line.
  package var head: Int
  /// Bytes of the request target.
  package var target: Int
  /// Field lines.
  package var fields: Int

  package init(head: Int, target: Int, fields: Int) {
    self.head = head
    self.target = target
    self.fields = fields
  }
}

/// What came of the bytes at hand.
package enum ParserStep: Equatable, Sendable {
  /// No verdict yet; call again with more bytes.
  case needMore
  /// The head is there and announces a body: decide with `acceptBody(limit:)`, then call again.
  case head
  /// The request is there, `position` bytes long.
  case complete
  /// The request is refused with this status, and nothing behind it on the connection can be trusted.
  case failed(Int)
}

/// A request as its handler sees it, in place in the connection's buffer: valid inside the handler's call only. Byte
/// views point into that buffer; what is to outlive the call is copied. Texts are made on request, so that a route that
/// compares bytes allocates nothing.
@safe package struct Request: ~Copyable {
  let base: UnsafePointer<UInt8>
  let fields: UnsafePointer<FieldExtent>
  private let head: RequestHead
  private let bodyStart: Int
  private let bodyCount: Int
  private let descriptor: Int32
  /// The tag of the listener that the client came by.
  package let listenerTag: Int

  /// A view of the request that begins at `base`, as `parser` found it.
  package init(
    base: UnsafePointer<UInt8>, fields: UnsafePointer<FieldExtent>, parser: borrowing RequestParser,
    descriptor: Int32, listenerTag: Int
  ) {
    unsafe self.base = base
    unsafe self.fields = fields
    head = parser.head
    bodyStart = parser.bodyStart
    bodyCount = parser.bodyCount
    self.descriptor = descriptor
    self.listenerTag = listenerTag
  }

  package var method: Method { head.method }

  /// The method as the client wrote it.
  package var methodName: String { text(head.methodName) }

  /// The minor version of HTTP/1: 0 or 1.
  package var minorVersion: Int { Int(head.minorVersion) }

  /// The target as the client wrote it.
  package var target: UnsafeRawBufferPointer { unsafe bytes(head.target) }

  /// The path as it stands, not decoded; `/` where an absolute target has none; `*` for `OPTIONS *`.
  package var path: UnsafeRawBufferPointer {
    guard head.path.count > 0 else {
      let root: StaticString = "/"
      return unsafe UnsafeRawBufferPointer(start: root.utf8Start, count: 1)
    }
    return unsafe bytes(head.path)
  }

  /// What stands behind the `?`, not decoded; empty where there is none.
  package var query: UnsafeRawBufferPointer { unsafe bytes(head.query) }

  /// Host and port that the request is for: those of an absolute target, else of the `Host` field. May be empty.
  package var authority: String { text(head.authority) }

  /// The whole body; empty while `RequestHandler.limit(for:)` is asked.
  package var body: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: base + bodyStart, count: bodyCount)
  }

  /// The announced length of the body; nil for a chunked one.
  package var announcedLength: Int? { head.hasTransferEncoding ? nil : head.contentLength }

  /// The client's address and port, asked of the kernel each time; empty where the client has gone.
  package var peer: String { SocketAddress.peer(of: descriptor)?.description ?? "" }

  /// Whose the client's address is, asked of the kernel each time: see `SocketAddress.network`; 0 where the client has gone.
  package var peerNetwork: UInt64 { SocketAddress.peer(of: descriptor)?.network ?? 0 }

  // MARK: Path and query

  /// Whether the path as it stands is exactly `path`.
  package func pathEquals(_ path: StaticString) -> Bool {
    let own = unsafe self.path
    return path.utf8CodeUnitCount == own.count && pathStarts(with: path)
  }

  /// Whether the path as it stands begins with `prefix`.
  package func pathStarts(with prefix: StaticString) -> Bool {
    let own = unsafe path
    guard own.count >= prefix.utf8CodeUnitCount else { return false }
    for i in 0..<prefix.utf8CodeUnitCount where unsafe own[i] != prefix.utf8Start[i] { return false }
    return true
  }

  /// The decoded segments of the path; see `PercentCoding.segments(of:)`.
  package func pathSegments() throws(PercentCoding.Failure) -> [String] {
    try unsafe PercentCoding.segments(of: path)
  }

  /// A cursor before the query's first pair.
  package func pairs() -> QueryCursor { unsafe QueryCursor(query) }

  /// All pairs of the query, decoded, in their order.
  package func parameters() throws(PercentCoding.Failure) -> [(name: String, value: String)] {
    var result: [(name: String, value: String)] = []
    var cursor = pairs()
    while cursor.next() { result.append(try cursor.decoded()) }
    return result
  }

  // MARK: Fields

  /// The value of the first field called `name`, without regard to case; nil where there is none.
  package func header(_ name: StaticString) -> UnsafeRawBufferPointer? {
    var index = 0
    guard find(name, &index) else { return nil }
    return unsafe bytes(fields[index].value)
  }

  /// The values of all fields called `name`, joined by `", "` as RFC 9110 (5.2) has it; nil where there is none.
  /// Bytes that are not UTF-8 are replaced.
  package func headerText(_ name: StaticString) -> String? {
    var result: String?
    var index = 0
    while find(name, &index) {
      let value = unsafe text(fields[index].value)
      result = result.map { $0 + ", " + value } ?? value
      index += 1
    }
    return result
  }

  /// Number of field lines.
  package var headerCount: Int { Int(head.fieldCount) }

  /// Name and value of field line `index`, in the order they came.
  package func header(at index: Int) -> (name: String, value: String) {
    precondition(index >= 0 && index < headerCount)
    return unsafe (text(fields[index].name), text(fields[index].value))
  }

  /// Moves `index` to the first field called `name` from there on.
  private func find(_ name: StaticString, _ index: inout Int) -> Bool {
    let count = Int(head.fieldCount)
    while index < count {
      let extent = unsafe fields[index].name
      if Int(extent.count) == name.utf8CodeUnitCount,
        unsafe matches(base + Int(extent.start), Int(extent.count), name)
      {
        return true
      }
      index += 1
    }
    return false
  }

  private func bytes(_ extent: Extent) -> UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: base + Int(extent.start), count: Int(extent.count))
  }

  private func text(_ extent: Extent) -> String { unsafe String(decoding: bytes(extent), as: UTF8.self) }
}

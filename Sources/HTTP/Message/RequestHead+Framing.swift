// The five fields that say where a request ends and what becomes of its connection. All others are kept as they are.

extension RequestHead {
  /// Takes note of `field`: 0, or the status that refuses it.
  @inline(__always)
  mutating func note(_ field: FieldExtent, _ base: UnsafePointer<UInt8>) -> Int {
    switch field.name.count {
    case 4, 6, 10, 14, 17: unsafe noteFraming(field, base)
    default: 0
    }
  }

  private mutating func noteFraming(_ field: FieldExtent, _ base: UnsafePointer<UInt8>) -> Int {
    let name = unsafe base + Int(field.name.start)
    let value = unsafe base + Int(field.value.start)
    let count = Int(field.value.count)
    switch field.name.count {
    case 4 where unsafe matches(name, 4, "host"): return unsafe noteHost(field, value, count)
    case 6 where unsafe matches(name, 6, "expect"):
      // A client of HTTP/1.0 cannot wait for a 100, so there the field means nothing (RFC 9110, 10.1.1).
      if minorVersion == 0 { return 0 }
      guard unsafe matches(value, count, "100-continue") else { return 417 }
      expectsContinue = true
      return 0
    case 10 where unsafe matches(name, 10, "connection"):
      unsafe noteConnection(value, count)
      return 0
    case 14 where unsafe matches(name, 14, "content-length"): return unsafe noteContentLength(value, count)
    case 17 where unsafe matches(name, 17, "transfer-encoding"):
      if hasTransferEncoding { return 400 }
      hasTransferEncoding = true
      return unsafe Self.judgeTransferEncoding(value, count)
    default: return 0
    }
  }

  /// Exactly one, and nothing in it that is not a host and a port. May be empty (RFC 9112, 3.2).
  private mutating func noteHost(_ field: FieldExtent, _ value: UnsafePointer<UInt8>, _ count: Int) -> Int {
    if hasHost { return 400 }
    hasHost = true
    for i in 0..<count where unsafe !isHost(value[i]) { return 400 }
    if !targetIsAbsolute { authority = field.value }
    return 0
  }

  /// Exactly one, digits alone, at most eighteen of them, so that it fits.
  private mutating func noteContentLength(_ value: UnsafePointer<UInt8>, _ count: Int) -> Int {
    if hasContentLength || count == 0 || count > 18 { return 400 }
    hasContentLength = true
    var length = 0
    for i in 0..<count {
      let digit = unsafe value[i] &- ASCII.zero
      if digit > 9 { return 400 }
      length = length * 10 + Int(digit)
    }
    contentLength = length
    return 0
  }

  /// 0 for `chunked`; 501 for other codings with `chunked` last, whose length would be known; 400 for the rest.
  private static func judgeTransferEncoding(_ value: UnsafePointer<UInt8>, _ count: Int) -> Int {
    if unsafe matches(value, count, "chunked") { return 0 }
    var endsChunked = false
    var wellFormed = true
    unsafe forEachListMember(value, count) { member, length in
      if endsChunked || length == 0 { wellFormed = false }
      for i in 0..<length where unsafe !isToken(member[i]) { wellFormed = false }
      endsChunked = unsafe matches(member, length, "chunked")
    }
    return wellFormed && endsChunked ? 501 : 400
  }

  private mutating func noteConnection(_ value: UnsafePointer<UInt8>, _ count: Int) {
    if unsafe matches(value, count, "keep-alive") {
      saysKeepAlive = true
      return
    }
    var close = false
    var keepAlive = false
    unsafe forEachListMember(value, count) { member, length in
      if unsafe matches(member, length, "close") { close = true }
      if unsafe matches(member, length, "keep-alive") { keepAlive = true }
    }
    if close { saysClose = true }
    if keepAlive { saysKeepAlive = true }
  }
}

/// Calls `body` with each member of a comma-separated list, white space around it left out; empty members included.
func forEachListMember(
  _ value: UnsafePointer<UInt8>, _ count: Int, _ body: (UnsafePointer<UInt8>, Int) -> Void
) {
  var start = 0
  while start <= count {
    var end = start
    while end < count, unsafe value[end] != ASCII.comma { end += 1 }
    var first = start
    var last = end
    while first < last, unsafe isBlank(value[first]) { first += 1 }
    while last > first, unsafe isBlank(value[last - 1]) { last -= 1 }
    unsafe body(value + first, last - first)
    start = end + 1
  }
}

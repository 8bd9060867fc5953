import Bytes

/// Walks the `name=value` pairs of a query without allocating:
///
///     var pairs = request.pairs()
///     while pairs.next() {
///       if pairs.name(is: "adId") { count = try unsafe pairs.value(into: scratch) }
///     }
///
/// Pairs are separated by `&`; empty ones are skipped; a pair without `=` has an empty value. Names and values are
/// looked at only where asked, so a bad escape in a parameter that nobody reads is nobody's error. Like the request it
/// came from, it is valid inside the handler's call only.
@safe package struct QueryCursor: ~Copyable {
  private let bytes: UnsafeRawBufferPointer
  private var nextStart = 0
  private var nameStart = 0
  private var nameEnd = 0
  private var valueStart = 0
  private var valueEnd = 0

  /// A cursor before the first pair of `query`, the text behind the `?`.
  package init(_ query: UnsafeRawBufferPointer) { unsafe bytes = query }

  /// Goes to the next pair; false at the end.
  package mutating func next() -> Bool {
    let count = unsafe bytes.count
    while nextStart < count {
      var p = nextStart
      nameStart = p
      while p < count, case let byte = unsafe bytes[p], byte != ASCII.ampersand, byte != ASCII.equals { p += 1 }
      nameEnd = p
      if p < count, unsafe bytes[p] == ASCII.equals {
        p += 1
        valueStart = p
        while p < count, unsafe bytes[p] != ASCII.ampersand { p += 1 }
      } else {
        valueStart = p
      }
      valueEnd = p
      nextStart = p + 1
      if valueEnd > nameStart { return true }
    }
    return false
  }

  /// Whether the decoded name is `text`, case included. A name with a bad escape is no name.
  package func name(is text: StaticString) -> Bool {
    let wanted = text.utf8CodeUnitCount
    var matched = 0
    var p = nameStart
    while p < nameEnd {
      var byte = unsafe bytes[p]
      p += 1
      if byte == ASCII.percent {
        guard p + 2 <= nameEnd, let high = unsafe Hex.value(of: bytes[p]),
          let low = unsafe Hex.value(of: bytes[p + 1])
        else { return false }
        byte = high << 4 | low
        p += 2
      } else if byte == ASCII.plus {
        byte = ASCII.space
      }
      if matched == wanted { return false }
      if unsafe byte != text.utf8Start[matched] { return false }
      matched += 1
    }
    return matched == wanted
  }

  /// Decodes the value into `target` and returns its length.
  package func value(into target: UnsafeMutableRawBufferPointer) throws(PercentCoding.Failure) -> Int {
    try unsafe PercentCoding.decode(rawValue, into: target, plusIsSpace: true)
  }

  /// The value as it stands, not decoded.
  package var rawValue: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(rebasing: bytes[valueStart..<valueEnd])
  }

  /// The decoded name and value, for routes that are not in a hurry.
  package func decoded() throws(PercentCoding.Failure) -> (name: String, value: String) {
    let rawName = unsafe UnsafeRawBufferPointer(rebasing: bytes[nameStart..<nameEnd])
    return (
      try unsafe PercentCoding.string(rawName, plusIsSpace: true),
      try unsafe PercentCoding.string(rawValue, plusIsSpace: true)
    )
  }
}

import Bytes
import Catalog
import Clicks
import HTTP

// What a request to /click says, before anything is looked up: the four parameters, decoded into one small buffer. A link that
// is spelled as it was minted is read without allocating; any other one is read again by `LinkReader`, which knows what mail
// clients, templates and people make of links, or says what is wrong with it.

/// The parsed parameters of a click.
struct ClickParameters {
  /// Where each decoded text stands in the scratch buffer.
  var ad = 0..<0
  var impression = 0..<0
  var signature = 0..<0
  var kid: Range<Int>?
  var impressionID = ImpressionID(high: 0, low: 0)
}

/// Why a link is malformed: each parameter at fault with what is wrong with it.
package struct ClickFault: Error {
  /// At least one.
  package var faults: [(parameter: String, detail: String)]
}

/// Memory for the decoded parameters of one click at a time.
@safe final class ClickScratch {
  private let bytes: UnsafeMutableRawBufferPointer
  private static let size = 1024

  init() { unsafe bytes = .allocate(byteCount: Self.size, alignment: 16) }
  deinit { unsafe bytes.deallocate() }

  /// The bytes of a parsed range.
  func text(_ range: Range<Int>) -> UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(rebasing: bytes[range])
  }

  /// Reads the query of a click.
  @inline(__always)
  func parse(_ request: borrowing Request) throws(ClickFault) -> ClickParameters {
    if let whole = parseAsMinted(request) { return whole }
    return try parseLeniently(request)
  }

  /// Reads a query that has each parameter once, spelled as it was minted but for percent-encoding; nil for any other one.
  private func parseAsMinted(_ request: borrowing Request) -> ClickParameters? {
    var result = ClickParameters()
    var end = 0
    var seen = (ad: false, impression: false, signature: false)
    var pairs = request.pairs()
    while pairs.next() {
      if pairs.name(is: "adId") {
        guard !seen.ad, let range = value(pairs, &end, limit: 64) else { return nil }
        seen.ad = true
        result.ad = range
      } else if pairs.name(is: "impressionId") {
        guard !seen.impression, let range = value(pairs, &end, limit: 36) else { return nil }
        seen.impression = true
        result.impression = range
      } else if pairs.name(is: "signature") {
        guard !seen.signature, let range = value(pairs, &end, limit: 64) else { return nil }
        seen.signature = true
        result.signature = range
      } else if pairs.name(is: "kid") {
        guard result.kid == nil, let range = value(pairs, &end, limit: 64) else { return nil }
        // A template that has no key id to fill in leaves it blank.
        if !range.isEmpty { result.kid = range }
      }
      // Other parameters are the publisher's own: tracking tags of all kinds come along.
    }
    guard seen.ad, seen.impression, seen.signature, unsafe AdID.isValid(text(result.ad)),
      let impression = unsafe ImpressionID(text(result.impression))
    else { return nil }
    result.impressionID = impression
    return result
  }

  private func value(_ pairs: borrowing QueryCursor, _ end: inout Int, limit: Int) -> Range<Int>? {
    let start = end
    do throws(PercentCoding.Failure) {
      let room = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[start..<(start + limit)])
      end = start + (try unsafe pairs.value(into: room))
    } catch { return nil }
    return start..<end
  }

  @inline(never)
  private func parseLeniently(_ request: borrowing Request) throws(ClickFault) -> ClickParameters {
    let link = try unsafe LinkReader.read(request.query)
    guard let impression = ImpressionID(String(decoding: link.impression, as: UTF8.self)) else {
      preconditionFailure("a link was read that names no impression")
    }
    var result = ClickParameters()
    var end = 0
    result.ad = put(link.ad, &end)
    result.impression = put(link.impression, &end)
    result.signature = put(link.signature, &end)
    result.kid = link.kid.map { put($0, &end) }
    result.impressionID = impression
    return result
  }

  private func put(_ text: [UInt8], _ end: inout Int) -> Range<Int> {
    let start = end
    for byte in text {
      unsafe bytes[end] = byte
      end += 1
    }
    return start..<end
  }
}

/// What the click path asks of a request's fields: whether the browser only looks ahead (such a request is sent away and
/// comes back when the user really clicks), and who asks. One look over the fields for both.
func lookAtFields(_ request: borrowing Request) -> (isPrefetch: Bool, agent: UnsafeRawBufferPointer?) {
  var isPrefetch = false
  var agent: UnsafeRawBufferPointer?
  // X-Moz; Purpose; X-Purpose; User-Agent; Sec-Purpose.
  request.forEachField(named: 1 << 5 | 1 << 7 | 1 << 9 | 1 << 10 | 1 << 11) { field in
    switch field.nameLength {
    case 5: if field.isCalled("X-Moz"), saysPrefetch(field) { isPrefetch = true }
    case 7: if field.isCalled("Purpose"), saysPrefetch(field) { isPrefetch = true }
    case 9: if field.isCalled("X-Purpose"), saysPrefetch(field) { isPrefetch = true }
    case 10: if unsafe agent == nil, field.isCalled("User-Agent") { unsafe agent = field.value }
    default: if field.isCalled("Sec-Purpose"), saysPrefetch(field) { isPrefetch = true }
    }
  }
  return unsafe (isPrefetch, agent)
}

private func saysPrefetch(_ field: RequestField) -> Bool {
  field.lists("prefetch") || field.lists("prerender") || field.lists("preview")
}

extension ClickStrings {
  /// What `set` captures of a browser's request.
  init(_ request: borrowing Request, _ set: CaptureSet) {
    self.init()
    if set.contains(.userAgent) { unsafe add(request.header("User-Agent")) }
    if set.contains(.referrer) { unsafe add(request.header("Referer")) }
  }
}

import Bytes
import Catalog
import Clicks
import HTTP

// What a request to /click says, before anything is looked up: the four parameters, decoded into one small buffer, or the
// parameter that is wrong. Nothing here allocates on the way of a good click.

/// The parsed parameters of a click.
struct ClickParameters {
  /// Where each decoded text stands in the scratch buffer.
  var ad = 0..<0
  var impression = 0..<0
  var signature = 0..<0
  var kid: Range<Int>?
  var impressionID = ImpressionID(high: 0, low: 0)
}

/// Why a click is malformed: the parameter at fault and what is wrong with it.
struct ClickFault: Error {
  var parameter: StaticString
  var detail: StaticString
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
  func parse(_ request: borrowing Request) throws(ClickFault) -> ClickParameters {
    var result = ClickParameters()
    var end = 0
    var seen = (ad: false, impression: false, signature: false)
    var pairs = request.pairs()
    while pairs.next() {
      if pairs.name(is: "adId") {
        if seen.ad { throw ClickFault(parameter: "adId", detail: "is given twice") }
        seen.ad = true
        result.ad = try value(pairs, &end, "adId", limit: 64)
      } else if pairs.name(is: "impressionId") {
        if seen.impression { throw ClickFault(parameter: "impressionId", detail: "is given twice") }
        seen.impression = true
        result.impression = try value(pairs, &end, "impressionId", limit: 36)
      } else if pairs.name(is: "signature") {
        if seen.signature { throw ClickFault(parameter: "signature", detail: "is given twice") }
        seen.signature = true
        result.signature = try value(pairs, &end, "signature", limit: 64)
      } else if pairs.name(is: "kid") {
        if result.kid != nil { throw ClickFault(parameter: "kid", detail: "is given twice") }
        result.kid = try value(pairs, &end, "kid", limit: 64)
      }
      // Other parameters are the publisher's own: tracking tags of all kinds come along.
    }
    guard seen.ad else { throw ClickFault(parameter: "adId", detail: "is missing") }
    guard seen.impression else { throw ClickFault(parameter: "impressionId", detail: "is missing") }
    guard seen.signature else { throw ClickFault(parameter: "signature", detail: "is missing") }
    guard unsafe AdID.isValid(text(result.ad)) else {
      throw ClickFault(parameter: "adId", detail: "must be 1 to 64 characters of A-Z a-z 0-9 _ . -")
    }
    guard let impression = unsafe ImpressionID(text(result.impression)) else {
      throw ClickFault(parameter: "impressionId", detail: "must be 32 hex digits or a UUID")
    }
    result.impressionID = impression
    return result
  }

  private func value(
    _ pairs: borrowing QueryCursor, _ end: inout Int, _ name: StaticString, limit: Int
  ) throws(ClickFault) -> Range<Int> {
    let start = end
    do throws(PercentCoding.Failure) {
      let room = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[start..<(start + limit)])
      end = start + (try unsafe pairs.value(into: room))
    } catch {
      switch error {
      case .tooLong: throw ClickFault(parameter: name, detail: "is too long")
      default: throw ClickFault(parameter: name, detail: "has a bad percent escape")
      }
    }
    return start..<end
  }
}

/// Whether the browser only looks ahead: such a request is sent away and comes back when the user really clicks.
func isPrefetch(_ request: borrowing Request) -> Bool {
  listsPrefetch(request, "Sec-Purpose") || listsPrefetch(request, "Purpose") || listsPrefetch(request, "X-Purpose")
    || listsPrefetch(request, "X-Moz")
}

private func listsPrefetch(_ request: borrowing Request, _ name: StaticString) -> Bool {
  guard unsafe request.header(name) != nil else { return false }
  return request.header(name, lists: "prefetch") || request.header(name, lists: "prerender")
    || request.header(name, lists: "preview")
}

extension ClickStrings {
  /// What `set` captures of a browser's request.
  init(_ request: borrowing Request, _ set: CaptureSet) {
    self.init()
    if set.contains(.userAgent) { unsafe add(request.header("User-Agent")) }
    if set.contains(.referrer) { unsafe add(request.header("Referer")) }
  }
}

import HTTP
import Platform

/// The parser of request heads over one click request as a browser sends it, 357 bytes.
package struct ParseBenchmark: Sendable {
  /// Requests parsed.
  package let rounds: Int
  /// The request.
  package static let request: [UInt8] = {
    let head =
      "GET /click?adId=ad-0001234&impressionId=0197a3c5-7d1e-7abc-8def-0123456789ab"
      + "&signature=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff HTTP/1.1\r\n"
      + "Host: clicks.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0\r\n"
      + "Accept: text/html,*/*;q=0.8\r\nAccept-Language: en-US\r\nReferer: https://news.example.org/"
    let end = "\r\n\r\n"
    return Array((head + String(repeating: "x", count: max(0, 357 - head.utf8.count - end.utf8.count)) + end).utf8)
  }()

  package init(rounds: Int) { self.rounds = rounds }

  /// `head`: ns from the first byte to a complete request with its fields in the table. `query`: reading the request's
  /// parameters and their names on top.
  package func run(_ time: any TimeSource) throws -> [Measurement] {
    var bytes = Self.request
    var fields = [FieldExtent](repeating: FieldExtent(), count: 64)
    var good = 0
    var pairs = 0
    let head = elapsed(time) { good = parse(&bytes, &fields) { _ in } }
    let both = elapsed(time) {
      good += parse(&bytes, &fields) { request in
        var cursor = request.pairs()
        while cursor.next() {
          if cursor.name(is: "adId") || cursor.name(is: "impressionId") || cursor.name(is: "signature") { pairs += 1 }
        }
      }
    }
    guard good == 2 * rounds, pairs == 3 * rounds else { throw BenchFailure("the request was not understood") }
    return [
      Measurement("head", "ns", Double(head) / Double(rounds)),
      Measurement("head+query", "ns", Double(both) / Double(rounds)),
    ]
  }

  private func parse(
    _ bytes: inout [UInt8], _ fields: inout [FieldExtent], _ use: (borrowing Request) -> Void
  ) -> Int {
    let limits = HeadLimits(head: 16 << 10, target: 8 << 10, fields: 64)
    var complete = 0
    unsafe bytes.withUnsafeMutableBufferPointer { bytes in
      unsafe fields.withUnsafeMutableBufferPointer { fields in
        let base = bytes.baseAddress!
        let table = fields.baseAddress!
        for _ in 0..<rounds {
          var parser = RequestParser()
          let step = unsafe parser.advance(base, count: bytes.count, fields: table, limits: limits)
          guard step == .complete else { continue }
          complete += 1
          use(unsafe Request(base: base, fields: table, parser: parser, descriptor: -1, listenerTag: 0))
        }
      }
    }
    return complete
  }
}

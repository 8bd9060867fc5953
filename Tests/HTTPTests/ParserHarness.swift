import HTTP

/// What a parser made of a stream, as text: one line a request, and the end.
struct Reading: Equatable, CustomStringConvertible {
  var requests: [String] = []
  /// nil: more is wanted.
  var status: Int?
  var description: String { (requests + [status.map { "→ \($0)" } ?? "→ more"]).joined(separator: "\n") }
}

let testLimits = HeadLimits(head: 1024, target: 256, fields: 16)

/// Feeds `bytes` to the parser, as pieces that end at `cuts` and at the end, from memory that ends where the bytes
/// at hand do. `closesGaps` moves chunked bodies together between the pieces, as a full buffer would; `skipsBody` has bodies read over.
func read(
  _ bytes: [UInt8], cuts: [Int] = [], limits: HeadLimits = testLimits, bodyLimit: Int = 1000,
  closesGaps: Bool = false, skipsBody: Bool = false
) -> Reading {
  var reading = Reading()
  let fields = UnsafeMutablePointer<FieldExtent>.allocate(capacity: limits.fields)
  defer { unsafe fields.deallocate() }
  var hand: [UInt8] = []
  var parser = RequestParser()
  var delivered = 0
  for cut in cuts + [bytes.count] {
    hand += bytes[delivered..<cut]
    delivered = cut
    while true {
      // Exactly as long as its content, so that the address sanitizer sees a byte too many.
      let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, hand.count))
      defer { unsafe memory.deallocate() }
      for (i, byte) in hand.enumerated() { unsafe memory[i] = byte }
      var count = hand.count
      if closesGaps { count = unsafe parser.closeGap(memory, count: count) }
      let step = unsafe parser.advance(memory, count: count, fields: fields, limits: limits)
      hand = unsafe Array(UnsafeBufferPointer(start: memory, count: count))
      switch step {
      case .needMore: break
      case .failed(let status):
        reading.status = status
        return reading
      case .head:
        if let status = parser.acceptBody(limit: bodyLimit, skips: skipsBody) {
          reading.status = status
          return reading
        }
        continue
      case .complete:
        let request = unsafe Request(base: memory, fields: fields, parser: parser, descriptor: -1, listenerTag: 0)
        reading.requests.append(describe(request))
        hand.removeFirst(parser.position)
        parser = RequestParser()
        continue
      }
      break
    }
  }
  return reading
}

func text(_ bytes: UnsafeRawBufferPointer) -> String {
  var result = ""
  for i in 0..<bytes.count {
    let byte = unsafe bytes[i]
    result += byte >= 0x20 && byte < 0x7F ? String(UnicodeScalar(byte)) : "<\(byte)>"
  }
  return result
}

func describe(_ request: borrowing Request) -> String {
  var line = "\(request.methodName) \(unsafe text(request.path)) ?\(unsafe text(request.query))"
  line += " 1.\(request.minorVersion) @\(request.authority)"
  for index in 0..<request.headerCount {
    let (name, value) = request.header(at: index)
    line += " [\(name)=\(value)]"
  }
  return line + " {\(unsafe text(request.body))}"
}

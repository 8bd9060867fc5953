import HTTP
import Simulation
import Testing

private let click =
  "GET /click?adId=42&impressionId=0190b3a5d7e87c1b9f00112233445566&signature=00ff HTTP/1.1\r\n"
  + "Host: ads.example:8080\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: */*\r\n"
  + "Accept-Encoding: gzip\r\nConnection: keep-alive\r\n\r\n"

/// Streams that are well-formed, with what they say.
private let wellFormed: [(stream: String, reads: [String])] = [
  ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", ["GET / ? 1.1 @a [Host=a] {}"]),
  ("\r\nGET / HTTP/1.1\r\nHost:\r\n\r\n", ["GET / ? 1.1 @ [Host=] {}"]),
  ("GET /a?b?c=%20 HTTP/1.0\r\n\r\n", ["GET /a ?b?c=%20 1.0 @ {}"]),
  ("GET http://h:1/p?q HTTP/1.1\r\nHost: other\r\n\r\n", ["GET /p ?q 1.1 @h:1 [Host=other] {}"]),
  ("GET HTTPS://h?q HTTP/1.1\r\nHost: h\r\n\r\n", ["GET / ?q 1.1 @h [Host=h] {}"]),
  ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", ["OPTIONS * ? 1.1 @a [Host=a] {}"]),
  (
    "BREW /pot HTTP/1.1\r\nhOsT: a\r\nX: \t tabs\tinside\t \r\nY:\r\n\r\n",
    ["BREW /pot ? 1.1 @a [hOsT=a] [X=tabs\tinside] [Y=] {}"]
  ),
  (
    "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 005\r\n\r\nhelloGET / HTTP/1.1\r\nHost: b\r\n\r\n",
    ["POST /x ? 1.1 @a [Host=a] [Content-Length=005] {hello}", "GET / ? 1.1 @b [Host=b] {}"]
  ),
  (
    "PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
      + "5\r\nhello\r\n00B;name=\"v\"\r\n world, you\r\n0\r\nTrailer: yes\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\n",
    ["PUT /x ? 1.1 @a [Host=a] [Transfer-Encoding=Chunked] {hello world, you}", "GET /2 ? 1.1 @b [Host=b] {}"]
  ),
  (
    "POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 0\r\n\r\n",
    ["POST /x ? 1.1 @a [Host=a] [Expect=100-Continue] [Content-Length=0] {}"]
  ),
  ("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", ["GET / ? 1.1 @[::1]:80 [Host=[::1]:80] {}"]),
  ("GET / HTTP/1.0\r\nExpect: whatever\r\n\r\n", ["GET / ? 1.0 @ [Expect=whatever] {}"]),
  ("GET /a?b=\u{E9}#c HTTP/1.1\r\nHost: a\r\n\r\n", ["GET /a ?b=<195><169>#c 1.1 @a [Host=a] {}"]),
  ("GET /a?b=\"<>\\^`{|} HTTP/1.1\r\nHost: a\r\n\r\n", ["GET /a ?b=\"<>\\^`{|} 1.1 @a [Host=a] {}"]),
  ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", ["GET / ? 1.1 @a [Host=a] {}"]),
  (
    "POST / HTTP/1.9\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    ["POST / ? 1.1 @a [Host=a] [Transfer-Encoding=chunked] {x}"]
  ),
]

/// Streams that are refused, and the status; the name says why.
private let refused: [(name: String, stream: String, status: Int)] = [
  ("bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
  ("bare LF after a field", "GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
  ("bare LF as the end", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400),
  ("bare CR in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400),
  ("bare CR as the end", "GET / HTTP/1.1\r\nHost: a\r\n\rX", 400),
  ("two empty lines in front", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  ("folded field", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", 400),
  ("folded first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
  ("space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
  ("tab before the colon", "GET / HTTP/1.1\r\nHost: a\r\nX\t: a\r\n\r\n", 400),
  ("no colon", "GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", 400),
  ("empty name", "GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", 400),
  ("control in a name", "GET / HTTP/1.1\r\nHost: a\r\nX\u{1}: a\r\n\r\n", 400),
  ("NUL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
  ("DEL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\u{7F}b\r\n\r\n", 400),
  ("escape in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: \u{1B}[0m\r\n\r\n", 400),
  ("no Host", "GET / HTTP/1.1\r\n\r\n", 400),
  ("two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
  ("Host list", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
  ("Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
  ("Host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400),
  ("empty method", " / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  ("method with a paren", "GE(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  ("NUL in the method", "GE\0T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  ("endless method", String(repeating: "A", count: 33) + " / HTTP/1.1\r\n", 501),
  ("a TLS handshake", "\u{16}\u{3}\u{1}\0\u{A5}", 400),
  ("two spaces before the target", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  ("two spaces before the version", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  ("tab before the target", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  ("space behind the version", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
  ("space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  ("fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  ("space in the query", "GET /a?b c HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  ("DEL in the query", "GET /a?b\u{7F} HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  ("UTF-8 in the target", "GET /ä HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  ("NUL in the target", "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  ("no version", "GET /\r\n\r\n", 400),
  ("HTTP/0.9", "GET / HTTP/0.9\r\n\r\n", 505),
  ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
  ("HTTP/1.2 without a Host", "GET / HTTP/1.2\r\n\r\n", 400),
  ("version in lower case", "GET / http/1.1\r\nHost: a\r\n\r\n", 400),
  ("version of two digits", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400),
  ("another protocol", "GET / ICAP/1.0\r\n\r\n", 400),
  ("asterisk with GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  ("asterisk and more", "OPTIONS *?x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  ("authority-form", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 400),
  ("relative target", "GET a/b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  ("another scheme", "GET ftp://a/b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  ("absolute target without a host", "GET http:///b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  ("absolute target with a user", "GET http://u@h/b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  ("Content-Length empty", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400),
  ("Content-Length with a plus", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello", 400),
  ("Content-Length negative", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\nhello", 400),
  ("Content-Length in hex", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nhello", 400),
  ("Content-Length with a space inside", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 0\r\n\r\nhello", 400),
  ("Content-Length list", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello", 400),
  (
    "Content-Length twice", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400
  ),
  (
    "Content-Lengths that differ",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\ncontent-length: 6\r\n\r\nhello", 400
  ),
  ("Content-Length too great", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551621\r\n\r\n", 400),
  ("Content-Length over the limit", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n", 413),
  (
    "length and chunks",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400
  ),
  (
    "chunks and length",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n", 400
  ),
  ("chunks in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
  ("unknown coding first", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
  ("unknown coding alone", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
  ("identity", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 400),
  ("chunked not last", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", 400),
  ("chunked twice", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 400),
  ("xchunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 400),
  ("chunked in quotes", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n", 400),
  ("chunked with a parameter", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n", 400),
  ("empty coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", 400),
  (
    "two codings", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    400
  ),
  (
    "vertical tab before chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \u{B}chunked\r\n\r\n0\r\n\r\n",
    400
  ),
  ("unknown expectation", "POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", 417),
  ("chunk size empty", chunked("\r\n"), 400),
  ("chunk size not hex", chunked("g\r\n"), 400),
  ("chunk size with 0x", chunked("0x5\r\nhello\r\n0\r\n\r\n"), 400),
  ("chunk size with a sign", chunked("+5\r\nhello\r\n0\r\n\r\n"), 400),
  ("chunk size negative", chunked("-5\r\nhello\r\n0\r\n\r\n"), 400),
  ("chunk size with a space", chunked("5 \r\nhello\r\n0\r\n\r\n"), 400),
  ("chunk size too great", chunked("FFFFFFFFFFFFFFFFF\r\n"), 400),
  ("chunk over the limit", chunked("3E9\r\n"), 413),
  ("chunk ends with a bare LF", chunked("5\nhello\r\n0\r\n\r\n"), 400),
  ("chunk longer than its size", chunked("4\r\nhello\r\n0\r\n\r\n"), 400),
  ("chunk shorter than its size", chunked("6\r\nhello\r\n0\r\n\r\n"), 400),
  ("chunk data ends with a bare LF", chunked("5\r\nhello\n0\r\n\r\n"), 400),
  ("control in an extension", chunked("5;a\0\r\nhello\r\n"), 400),
  ("endless extension", chunked("5;" + String(repeating: "a", count: 300)), 400),
  ("bad trailer", chunked("0\r\nnonsense\r\n\r\n"), 400),
  ("folded trailer", chunked("0\r\nA: 1\r\n 2\r\n\r\n"), 400),
  ("endless trailers", chunked("0\r\n" + String(repeating: "A: bcdef\r\n", count: 110)), 431),
  ("endless target", "GET /" + String(repeating: "a", count: 256), 414),
  ("endless query", "GET /?" + String(repeating: "a", count: 256), 414),
  ("endless field", "GET / HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "a", count: 1000), 431),
  ("endless fields", "GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "A: b\r\n", count: 200), 431),
  ("seventeen fields", "GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "A: b\r\n", count: 16) + "\r\n", 431),
]

private func chunked(_ body: String) -> String {
  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body
}

@Suite struct RequestParserTests {
  @Test func wellFormedStreamsSayWhatTheySay() {
    for (stream, reads) in wellFormed {
      let reading = read(Array(stream.utf8))
      #expect(reading == Reading(requests: reads, status: nil), "\(stream)")
    }
  }

  @Test func malformedStreamsAreRefusedWithTheirStatus() {
    for (name, stream, status) in refused {
      #expect(read(Array(stream.utf8)) == Reading(requests: [], status: status), "\(name)")
    }
  }

  /// What a proxy in front could take as one request and we as two, or the other way round, must not get past the
  /// first: the stream ends in a refusal, and no request after it is seen.
  @Test func smugglingEndsInARefusal() {
    let inner = "GET /admin HTTP/1.1\r\nHost: a\r\n\r\n"
    let attacks = [
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-encoding: x\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\u{B}chunked\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nX: y\rTransfer-Encoding: chunked\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nX: y\nContent-Length: 44\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\n Content-Length: 44\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\n\0Content-Length: 44\r\n\r\n",
      chunked("0;\n" + inner + "\r\n0\r\n\r\n"),
      chunked("5;x\ny\r\nhello\r\n0\r\n\r\n"),
      chunked("5\r\nhelloX0\r\n\r\n"),
      chunked("0\r\n\rX"),
      "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
      "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
    ]
    for attack in attacks {
      let reading = read(Array((attack + inner).utf8))
      #expect(reading.requests.isEmpty && reading.status == 400, "\(attack): \(reading)")
    }
  }

  @Test func everySplitOfEveryStreamReadsTheSame() {
    let streams =
      [click + click] + wellFormed.map(\.stream) + refused.map(\.stream)
      + wellFormed.map { $0.stream + click } + refused.filter { $0.stream.utf8.count < 300 }.map { click + $0.stream }
    for stream in streams {
      let bytes = Array(stream.utf8)
      let whole = read(bytes)
      for cut in 0...bytes.count where bytes.count < 600 {
        #expect(read(bytes, cuts: [cut], closesGaps: cut % 2 == 0) == whole, "cut at \(cut): \(stream)")
      }
      #expect(read(bytes, cuts: Array(0..<bytes.count), closesGaps: true) == whole, "bytewise: \(stream)")
    }
  }

  @Test func lengthsAtTheirLimits() {
    func get(_ target: String, _ extra: String = "") -> Reading {
      read(Array("GET \(target) HTTP/1.1\r\nHost: a\r\n\(extra)\r\n".utf8))
    }
    let path = "/" + String(repeating: "a", count: 255)
    #expect(get(path).requests.count == 1)
    #expect(get(path + "b").status == 414)
    // "GET / HTTP/1.1\r\n" 16, "Host: a\r\n" 9, "X: " 3, two line ends 4: 992 bytes of value make 1,024.
    #expect(get("/", "X: \(String(repeating: "v", count: 992))\r\n").requests.count == 1)
    #expect(get("/", "X: \(String(repeating: "v", count: 993))\r\n").status == 431)
    #expect(get("/", String(repeating: "A: b\r\n", count: 15)).requests.count == 1)
    #expect(read(Array(chunked("3E8\r\n\(String(repeating: "x", count: 1000))\r\n0\r\n\r\n").utf8)).requests.count == 1)
    let maximum = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + String(repeating: "x", count: 1000)
    #expect(read(Array(maximum.utf8)).requests.count == 1)
  }

  /// A body that is read over is gone from the request; where the next one begins, and what is refused, stays the same.
  @Test func bodiesThatAreReadOverChangeNothingElse() {
    let streams =
      wellFormed.map { $0.stream + click } + refused.map(\.stream).filter { $0.utf8.count < 300 }
      + [chunked("3E8\r\n\(String(repeating: "x", count: 1000))\r\n0\r\n\r\n") + click]
    for stream in streams {
      let bytes = Array(stream.utf8)
      var plain = read(bytes)
      for i in plain.requests.indices {
        plain.requests[i] = plain.requests[i].prefix(upTo: plain.requests[i].lastIndex(of: "{")!) + "{}"
      }
      let cuts = stride(from: 0, to: bytes.count, by: bytes.count < 600 ? 1 : 37)
      for cut in cuts {
        #expect(
          read(bytes, cuts: [cut], closesGaps: cut % 2 == 0, skipsBody: true) == plain, "cut at \(cut): \(stream)")
      }
      #expect(read(bytes, cuts: Array(cuts), closesGaps: true, skipsBody: true) == plain, "in pieces: \(stream)")
    }
  }

  /// Streams put together from pieces and then damaged: the same verdict for every way to split them, and for the
  /// reference as far as it goes. Limits are wide, since the reference has none.
  @Test(arguments: 1...8) func damagedStreamsReadTheSameHoweverSplit(seed: UInt64) {
    var chance = SeededGenerator(seed: seed)
    let sources = ([click] + wellFormed.map(\.stream) + refused.map(\.stream)).filter { $0.utf8.count < 400 }
    let wide = HeadLimits(head: 4096, target: 2048, fields: 100)
    let spice: [UInt8] = Array("\r\n\r\n \t:;,=0159aAfF+-/?#%*\0\u{7F}".utf8) + [0x80, 0xFF, 0x0B, 0x1F]
    for round in 0..<2000 {
      var bytes: [UInt8] = []
      for _ in 0...chance.below(2) { bytes += Array(sources.randomElement(using: &chance)!.utf8) }
      for _ in 0..<chance.below(4) where !bytes.isEmpty {
        let at = chance.below(bytes.count)
        switch chance.below(5) {
        case 0: bytes[at] = spice.randomElement(using: &chance)!
        case 1: bytes.insert(spice.randomElement(using: &chance)!, at: at)
        case 2: bytes.remove(at: at)
        case 3: bytes[at] = UInt8.random(in: 0...255, using: &chance)
        default: bytes.removeSubrange(at..<min(bytes.count, at + 1 + chance.below(9)))
        }
      }
      let whole = read(bytes, limits: wide, bodyLimit: 100)
      let where_ = "seed \(seed), round \(round): \(String(decoding: bytes, as: UTF8.self).debugDescription)"
      for _ in 0..<3 {
        let cuts = (0..<chance.below(8)).map { _ in chance.below(bytes.count + 1) }.sorted()
        let split = read(bytes, cuts: cuts, limits: wide, bodyLimit: 100, closesGaps: chance.below(2) == 0)
        #expect(split == whole, "\(where_), cuts \(cuts)")
      }
      let plain = referenceRead(bytes, bodyLimit: 100)
      #expect(whole.requests == plain.requests, "\(where_)")
      if plain.status != nil { #expect(whole.status != nil, "\(where_)") }
      if whole.status == nil { #expect(plain.status == nil, "\(where_)") }
    }
  }

  @Test(arguments: 1...4) func garbageNeverCrashes(seed: UInt64) {
    var chance = SeededGenerator(seed: seed)
    for _ in 0..<3000 {
      let bytes = (0..<chance.below(200)).map { _ in UInt8.random(in: 0...255, using: &chance) }
      let whole = read(bytes)
      let cuts = [chance.below(bytes.count + 1)]
      #expect(read(bytes, cuts: cuts) == whole, "seed \(seed): \(bytes)")
    }
  }
}

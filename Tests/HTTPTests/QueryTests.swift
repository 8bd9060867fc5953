import HTTP
import Simulation
import Testing

/// Runs `body` over the bytes of `text`.
private func withBytes<R>(_ text: String, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
  try unsafe Array(text.utf8).withUnsafeBytes { try unsafe body($0) }
}

private func pairs(_ query: String) throws -> [String] {
  try unsafe withBytes(query) { bytes in
    var cursor = unsafe QueryCursor(bytes)
    var result: [String] = []
    while cursor.next() {
      let (name, value) = try cursor.decoded()
      result.append("\(name)=\(value)")
    }
    return result
  }
}

/// `#expect` for what involves a noncopyable value, which the macro cannot capture.
private func expect(_ condition: Bool, _ location: SourceLocation = #_sourceLocation) {
  #expect(condition, sourceLocation: location)
}

@Suite struct QueryTests {
  @Test func pairsAreFoundAndDecoded() throws {
    #expect(try pairs("") == [])
    #expect(try pairs("a=1&b=2") == ["a=1", "b=2"])
    #expect(try pairs("&&a=1&&&b&") == ["a=1", "b="])
    #expect(try pairs("a==b=c&=x") == ["a==b=c", "=x"])
    #expect(try pairs("a+b=c+d%2B%26%3d") == ["a b=c d+&="])
    #expect(try pairs("%61d%49d=4%32") == ["adId=42"])
    #expect(try pairs("x=%C3%A4") == ["x=ä"])
  }

  @Test func badEscapesAreErrorsWhereTheyAreRead() throws {
    for query in ["a=%", "a=%4", "a=%zz", "a=%4z", "a=%%34", "%z=1", "a=1%"] {
      #expect(throws: PercentCoding.Failure.badEscape, "\(query)") { try pairs(query) }
    }
    #expect(throws: PercentCoding.Failure.notUTF8) { try pairs("a=%FF") }
    // Nobody reads the broken one.
    unsafe withBytes("utm=%zz&adId=42") { bytes in
      var cursor = unsafe QueryCursor(bytes)
      var seen = false
      while cursor.next() { if cursor.name(is: "adId") { seen = true } }
      #expect(seen)
    }
  }

  @Test func valuesGoIntoScratchOfAFixedSize() throws {
    func value(_ query: String, room: Int) throws -> String {
      try unsafe withBytes(query) { bytes in
        var cursor = unsafe QueryCursor(bytes)
        _ = cursor.next()
        var scratch = [UInt8](repeating: 0, count: room)
        let count = try unsafe scratch.withUnsafeMutableBytes { try unsafe cursor.value(into: $0) }
        return String(decoding: scratch[..<count], as: UTF8.self)
      }
    }
    #expect(try value("a=abcd", room: 4) == "abcd")
    #expect(try value("a=%61bc%64", room: 4) == "abcd")
    #expect(try value("a=", room: 0) == "")
    #expect(throws: PercentCoding.Failure.tooLong) { try value("a=abcde", room: 4) }
    #expect(throws: PercentCoding.Failure.badEscape) { try value("a=ab%5", room: 4) }
  }

  @Test func namesAreComparedDecodedAndWhole() {
    func names(_ query: String) -> Bool {
      unsafe withBytes(query) { bytes in
        var cursor = unsafe QueryCursor(bytes)
        return cursor.next() && cursor.name(is: "adId")
      }
    }
    for query in ["adId=1", "adId", "%61%64%49%64=1"] { #expect(names(query), "\(query)") }
    for query in ["adid=1", "adI=1", "adIdx=1", "adI%=1", "adId%00=1", "+adId=1", "=adId"] {
      #expect(!names(query), "\(query)")
    }
  }

  @Test(arguments: 1...4) func encodedTextComesBack(seed: UInt64) throws {
    var chance = SeededGenerator(seed: seed)
    for _ in 0..<500 {
      let text = String(
        String.UnicodeScalarView(
          (0..<chance.below(12)).map { _ in
            Unicode.Scalar(UInt32(chance.below(3) == 0 ? chance.below(0xD800) : chance.below(0x80)))!
          }))
      let escaped = PercentCoding.encode(text)
      #expect(escaped.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "seed \(seed)")
      #expect(try pairs("v=" + escaped) == ["v=\(text)"], "seed \(seed)")
    }
  }

  @Test func pathSegmentsAreDecodedEachForItself() throws {
    func segments(_ path: String) throws -> [String] {
      try unsafe withBytes(path) { try unsafe PercentCoding.segments(of: $0) }
    }
    #expect(try segments("/api/v1/ads/a%20b+c") == ["api", "v1", "ads", "a b+c"])
    #expect(try segments("/") == [""])
    #expect(try segments("//x/") == ["", "x", ""])
    #expect(try segments("*") == [])
    #expect(throws: PercentCoding.Failure.forbidden) { try segments("/a%2Fb") }
    #expect(throws: PercentCoding.Failure.forbidden) { try segments("/a%00") }
    for needless in ["/%61pi/v1", "/api/v%31/ads", "/api/v1/ads/a%2Db", "/%7e", "/a%5F", "/%2e%2E/x"] {
      #expect(throws: PercentCoding.Failure.needless, "\(needless)") { try segments(needless) }
    }
    #expect(throws: PercentCoding.Failure.notUTF8) { try segments("/%C3") }
    #expect(throws: PercentCoding.Failure.badEscape) { try segments("/%C") }
  }

  @Test func datesAreWrittenAsTheStandardHasIt() {
    #expect(HTTPDate.format(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
    #expect(HTTPDate.format(0) == "Thu, 01 Jan 1970 00:00:00 GMT")
    #expect(HTTPDate.format(951_782_400) == "Tue, 29 Feb 2000 00:00:00 GMT")
    #expect(HTTPDate.format(1_709_251_199) == "Thu, 29 Feb 2024 23:59:59 GMT")
    #expect(HTTPDate.format(4_107_542_399) == "Sun, 28 Feb 2100 23:59:59 GMT")
    #expect(HTTPDate.format(253_402_300_799) == "Fri, 31 Dec 9999 23:59:59 GMT")
  }
}

@Suite struct RequestTests {
  /// What `body` says about the request `text`.
  private func ask<R>(_ text: String, _ body: (borrowing Request) throws -> R) rethrows -> R {
    var bytes = Array(text.utf8)
    var fields = [FieldExtent](repeating: FieldExtent(), count: 16)
    return try unsafe bytes.withUnsafeMutableBufferPointer { bytes in
      try unsafe fields.withUnsafeMutableBufferPointer { fields in
        var parser = RequestParser()
        let step = unsafe parser.advance(
          bytes.baseAddress!, count: bytes.count, fields: fields.baseAddress!, limits: testLimits)
        #expect(step == .complete)
        let request = unsafe Request(
          base: bytes.baseAddress!, fields: fields.baseAddress!, parser: parser, descriptor: -1, listenerTag: 3)
        return try body(request)
      }
    }
  }

  private func lists(_ request: borrowing Request, _ name: StaticString, _ member: StaticString) -> Bool {
    var found = false
    request.forEachField(named: 1 << UInt64(name.utf8CodeUnitCount)) {
      if $0.isCalled(name), $0.lists(member) { found = true }
    }
    return found
  }

  @Test func fieldsAreFoundWithoutRegardToCase() {
    ask(
      "GET /click?a=1&b=%32 HTTP/1.1\r\nHost: h\r\nSEC-PURPOSE: prefetch;prerender\r\nAccept: a\r\naccept: b\r\n"
        + "X-Purpose: navigate , Preview\r\nBin: \u{E4}\r\n\r\n"
    ) { request in
      expect(unsafe request.header("host").map { unsafe text($0) } == "h")
      expect(unsafe request.header("Hos") == nil)
      expect(request.headerText("ACCEPT") == "a, b")
      expect(request.headerText("bin") == "ä")
      expect(request.headerText("none") == nil)
      expect(lists(request, "Sec-Purpose", "prefetch") && !lists(request, "Sec-Purpose", "prerender"))
      expect(lists(request, "X-Purpose", "preview") && !lists(request, "X-Purpose", "pre"))
      expect(!lists(request, "Purpose", "prefetch"))
      var seen: [String] = []
      request.forEachField(named: 1 << 4 | 1 << 6) { seen.append(unsafe text($0.value)) }
      expect(seen == ["h", "a", "b"])
      expect(request.header(at: 1) == (name: "SEC-PURPOSE", value: "prefetch;prerender"))
      expect(request.headerCount == 6 && request.listenerTag == 3 && request.peer == "")
      expect(request.pathEquals("/click") && !request.pathEquals("/clic") && !request.pathEquals("/click/"))
      expect(request.pathStarts(with: "/cl") && !request.pathStarts(with: "/click?"))
      expect((try? request.parameters().map { "\($0.name)\($0.value)" }) == ["a1", "b2"])
      expect(request.method == .get && request.announcedLength == 0)
    }
  }

  @Test func methodsAreTold() {
    let methods: [(String, Method)] = [
      ("GET", .get), ("HEAD", .head), ("POST", .post), ("PUT", .put), ("DELETE", .delete), ("OPTIONS", .options),
      ("PATCH", .patch), ("get", .other), ("GETS", .other), ("TRACE", .other),
    ]
    for (name, method) in methods {
      ask("\(name) / HTTP/1.1\r\nHost: h\r\n\r\n") { request in
        expect(request.method == method && request.methodName == name)
      }
    }
  }

  /// The character sets of the grammar, spelt out, through the parser.
  @Test func everyByteInEveryPlace() {
    let tokens = Set("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
    let hosts = Set("-._~!$&'()*+,;=%:[]0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
    for byte in UInt8.min...UInt8.max {
      func accepts(_ before: String, _ after: String) -> Bool {
        // Places at every distance from the end of an eight-byte step.
        (0..<9).allSatisfy { pad in
          let padding = String(repeating: "a", count: pad)
          let bytes = Array((before + padding).utf8) + [byte] + Array((padding + after).utf8)
          return read(bytes).requests.count == 1
        }
      }
      let end = " HTTP/1.1\r\nHost: h\r\n\r\n"
      #expect(accepts("GET /", end) == (byte > 0x20 && byte < 0x7F && byte != 0x23), "target \(byte)")
      #expect(accepts("GET /?", end) == (byte > 0x20 && byte != 0x7F), "query \(byte)")
      #expect(accepts("Xa", " / HTTP/1.1\r\nHost: h\r\n\r\n") == tokens.contains(byte), "method \(byte)")
      let field = "GET / HTTP/1.1\r\nHost: h\r\nX"
      #expect(accepts(field, "x: y\r\n\r\n") == (tokens.contains(byte) || byte == 0x3A), "name \(byte)")
      #expect(accepts(field + ": b", "b\r\n\r\n") == (byte == 9 || byte >= 0x20 && byte != 0x7F), "value \(byte)")
      #expect(accepts("GET / HTTP/1.1\r\nHost: h", "h\r\n\r\n") == hosts.contains(byte), "host \(byte)")
    }
  }
}

import Glibc
import HTTP
import Platform
import Testing

@Suite struct ClientTests {
  @Test func requestsShareOneConnection() throws {
    let server = try TestServer()
    let client = try HTTPClient(server.authority)
    for number in 0..<5 {
      let response = try client.request("POST", "/echo", headers: [("X", "y")], body: Array("body \(number)".utf8))
      #expect(response.status == 200 && response.text == "body \(number)")
    }
    #expect(try client.request("HEAD", "/big?70000").body.isEmpty)
    #expect(try client.request("GET", "/big?700000").body.count == 700_000)
    #expect(try client.request("DELETE", "/x").text == "DELETE /x")
    let refusal = try client.request("POST", "/echo", body: [UInt8](repeating: 1, count: 5_000_000))
    #expect(refusal.status == 413)
    #expect(try client.request("GET", "/x").text == "GET /x")
    #expect(server.statistics().accepted == 2)
  }

  @Test func aConnectionThatTheServerClosedIsOpenedAgain() throws {
    var settings = LoopSettings()
    settings.idleTimeout = 200_000_000
    let server = try TestServer(settings)
    let client = try HTTPClient(server.authority)
    #expect(try client.request("GET", "/1").text == "GET /1")
    #expect(server.eventually { $0.open == 0 })
    #expect(try client.request("GET", "/2").text == "GET /2")
    #expect(server.eventually { $0.open == 0 })
    // What is not idempotent is not repeated.
    #expect(throws: ClientError.self) { try client.request("POST", "/echo") }
    #expect(try client.request("POST", "/echo").status == 200)
  }

  @Test func failuresSayWhatTheyAre() throws {
    #expect {
      try HTTPClient("127.0.0.1")
    } throws: { error in
      if case .badAddress(let reason) = error as? ClientError { reason.contains("HOST:PORT") } else { false }
    }
    for bad in ["", ":", "a:b", "::1:80", "[::1:80", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1"] {
      #expect(throws: ClientError.self, "\(bad)") { try HTTPClient(bad) }
    }
    let server = try TestServer()
    let slow = try HTTPClient(server.authority, readTimeout: 50_000_000)
    #expect(throws: ClientError.timedOut("waiting for the answer")) { try slow.request("GET", "/hold") }
    let address = server.authority
    server.stop(drain: 0)
    #expect {
      try HTTPClient(address).request("GET", "/")
    } throws: { error in
      if case .unreachable(let reason) = error as? ClientError { reason.code == ECONNREFUSED } else { false }
    }
  }

  @Test func answersReadTheSameHoweverSplit() throws {
    let streams: [(String, [(Int, String, Bool)])] = [
      (
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 204 No Content\r\n\r\n",
        [(200, "ab", true), (204, "", true)]
      ),
      (
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: x\r\n\r\n"
          + "HTTP/1.0 302\r\nContent-Length: 0\r\nLocation:\t/x\r\n\r\n",
        [(200, "abc0123456789", true), (302, "", false)]
      ),
      ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end", [(200, "to the end", false)]),
    ]
    for (stream, expected) in streams {
      let bytes = Array(stream.utf8)
      for cut in 0...bytes.count {
        var reader = ResponseReader()
        var seen: [(Int, String, Bool)] = []
        for piece in [bytes[..<cut], bytes[cut...]] {
          reader.feed(piece)
          while let response = try reader.next(isHead: false) {
            seen.append((response.status, response.text, response.keepsAlive))
          }
        }
        reader.end()
        if seen.count < expected.count, let response = try reader.next(isHead: false) {
          seen.append((response.status, response.text, response.keepsAlive))
        }
        #expect(seen.elementsEqual(expected) { $0 == $1 }, "cut at \(cut): \(stream)")
      }
    }
  }

  @Test func brokenAnswersAreErrors() {
    for stream in [
      "HTTP/2 200\r\n\r\n", "SSH-2.0-x\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 200 OK\n\n",
      "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999999999\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n",
    ] {
      var reader = ResponseReader()
      reader.feed(Array(stream.utf8))
      #expect {
        try reader.next(isHead: false)
      } throws: { error in
        if case .malformed = error as? ClientError { true } else { false }
      }
    }
    var reader = ResponseReader()
    reader.feed(Array("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc".utf8))
    reader.end()
    #expect(throws: ClientError.closed("in the middle of an answer's body")) { try reader.next(isHead: false) }
  }
}

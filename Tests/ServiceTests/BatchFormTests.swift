import Simulation
import Testing

/// Batches as shippers send them: by other names, packed, with marks, with more members than are known.
@Suite struct BatchFormTests {
  private func send(
    _ service: TestService, _ body: [UInt8], type: String = "application/x-ndjson", coding: String? = nil
  ) throws -> (status: Int, text: String) {
    let wire = try Wire(service.address)
    wire.send(
      "POST /api/v1/clicks HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer \(service.token)\r\nContent-Type: \(type)\r\n"
        + (coding.map { "Content-Encoding: \($0)\r\n" } ?? "") + "Content-Length: \(body.count)\r\n\r\n")
    wire.send(body)
    let answer = try #require(wire.answer())
    return (answer.status, String(decoding: answer.body, as: UTF8.self))
  }

  private func line() -> [UInt8] { Array(TestService.line(signed: nil).utf8) }

  @Test func everyNameOfLinesOfJSONIsTaken() throws {
    let service = try TestService()
    for type in [
      "application/x-ndjson", "application/ndjson", "application/jsonl", "application/jsonlines",
      "application/json-lines",
      "application/x-jsonlines", "application/json; charset=utf-8", "Application/NDJSON",
    ] {
      let answer = try send(service, line(), type: type)
      #expect(answer.status == 200 && answer.text.contains("\"accepted\":1"), "\(type): \(answer)")
    }
    for type in ["text/csv", "text/plain", "application/octet-stream"] {
      #expect(try send(service, line(), type: type).status == 415, "\(type)")
    }
    let array = try send(service, Array("[".utf8) + line().dropLast() + Array("]\n".utf8), type: "application/json")
    #expect(array.status == 200 && array.text.contains("is a JSON array"), "\(array)")
  }

  @Test func packedAndMarkedBodiesAreRead() throws {
    let service = try TestService()
    let lines = (0..<2_000).flatMap { _ in line() }
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    let wide: [UInt8] = [0xFF, 0xFE] + lines.flatMap { [$0, 0] }
    #expect(try send(service, storedGzip(lines), coding: "gzip").text.contains("\"accepted\":2000"))
    #expect(
      try send(service, storedGzip(mark + line()) + storedGzip(line()), coding: "x-gzip").text.contains(
        "\"accepted\":2"))
    #expect(try send(service, storedGzip(line())).text.contains("\"accepted\":1"))
    #expect(try send(service, mark + line()).text.contains("\"accepted\":1"))
    #expect(try send(service, wide).text.contains("\"duplicate\":2000"))
    #expect(try service.total() == 2_004)
  }

  @Test func bodiesThatCannotBeReadAreNamed() throws {
    let service = try TestService()
    let lines = (0..<2_000).flatMap { _ in line() }
    let packed = storedGzip(lines)
    for (body, coding, words) in [
      (Array(packed.dropLast(100)), "gzip", "cut off"), (lines, "gzip", "not the gzip that it is said to be"),
      (Array(packed.prefix(100_000)) + [7] + packed.dropFirst(100_001), "gzip", "damaged"),
      (Array("PK\u{3}\u{4}".utf8) + [UInt8](repeating: 0, count: 600), nil, "is a zip archive"),
    ] as [([UInt8], String?, String)] {
      let answer = try send(service, body, coding: coding)
      #expect(answer.status == 400 && answer.text.contains(words), "\(words): \(answer)")
      #expect(answer.text.contains("\"code\":\"malformed-body\"") && answer.text.contains("\"unsettled\":0"))
    }
    // What had come before is there, and the whole again counts nothing twice.
    #expect(try send(service, packed, coding: "gzip").status == 200)
    #expect(try service.total() == 2_000)
  }

  /// A field that a sender has added, or that is not kept here, costs no click.
  @Test func unknownMembersAreReadOverAndCounted() throws {
    let service = try TestService()
    let line = TestService.line(signed: nil)
    let more = line.dropLast(2) + #","userAgent":"x","geo":{"a":[1,{"b":null}]},"n":-1.5e3}"# + "\n"
    let answer = try send(service, Array((more + TestService.line(signed: nil)).utf8))
    #expect(answer.text.contains("\"accepted\":2") && answer.text.contains("\"ignoredMembers\":3"), "\(answer)")
    #expect(try !send(service, self.line()).text.contains("ignoredMembers"))
  }
}

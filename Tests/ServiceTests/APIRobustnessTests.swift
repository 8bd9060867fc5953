import Bytes
import Catalog
import HTTP
import Service
import Simulation
import Testing

@Suite struct APIRobustnessTests {
  /// Ten thousand bodies that were good once: each gets an answer that fits, and none brings the process down.
  @Test func mutatedBodiesAreAnswered() throws {
    let harness = try APIHarness()
    let seed = Seeds.list(1)[0]
    var generator = seed.generator
    let targets: [(HTTP.Method, String, String, String)] = [
      (
        .put, "/api/v1/ads/a", "application/json",
        #"{"redirectUrl":"https://shop.example/\u00e9?x=1","advertiserId":"acme","campaignId":null,"status":"active"}"#
      ),
      (
        .post, "/admin/v1/tokens", "application/json",
        #"{"scopes":["read","ads"],"advertiserId":"acme","label":"a\tb"}"#
      ),
      (.post, "/admin/v1/keys/none:retire", "application/json", #"{"kid":"k","secret":"x"}"#),
      (
        .post, "/api/v1/ads:import", "application/x-ndjson",
        #"{"adId":"b","redirectUrl":"https://b.example","advertiserId":"acme"}"# + "\n" + #"{"adId":"c"}"#
      ),
      (.post, "/api/v1/ads:import", "text/csv", "adId,redirectUrl,advertiserId\n\"d\",https://d.example,acme\r\n"),
    ]
    for _ in 0..<10_000 {
      let (method, path, type, good) = generator.pick(targets)
      var body = Array(good.utf8)
      for _ in 0...generator.small(in: 0...6) { Self.mutate(&body, &generator) }
      let answer = harness.send(method, path, token: harness.admin, body: body, type: type, admin: true)
      #expect([200, 201, 204, 400, 404, 409].contains(answer.status), "\(seed): \(answer.text)")
      if answer.status >= 400 { #expect(answer.problem != nil, "\(seed): \(answer.text)") }
      #expect(answer.status == 204 || answer.json != .null, "\(seed): the answer is no JSON: \(answer.text)")
    }
    #expect(harness.failures.isEmpty)
  }

  /// What is wrong a thousand times over is not told a thousand times.
  @Test func answersStaySmall() throws {
    let harness = try APIHarness()
    let members = (0..<5000).map { "\"x\($0)\":0" }.joined(separator: ",")
    let object = harness.send(.put, "/api/v1/ads/a", harness.ads, json: "{\(members)}")
    #expect(object.status == 400 && object.faults.count == 20 && object.body.count < 10_000)
    let scopes = "[" + (0..<5000).map { "\($0)" }.joined(separator: ",") + "]"
    let array = harness.send(.post, "/admin/v1/tokens", harness.admin, json: "{\"scopes\":\(scopes)}", admin: true)
    #expect(array.status == 400 && array.faults.count == 20)
    harness.put("a")
    let query = (0..<2000).map { "x\($0)=" }.joined(separator: "&")
    for path in ["/api/v1/ads", "/api/v1/ads/a/aggregates"] {
      #expect(harness.get("\(path)?\(query)", harness.admin).faults.count == 20)
    }
    let name = String(repeating: "n", count: 60_000)
    #expect(harness.send(.put, "/api/v1/ads/a", harness.ads, json: "{\"\(name)\":0}").body.count < 2000)
    let lines = harness.send(
      .post, "/api/v1/ads:import", token: harness.ads,
      body: Array(String(repeating: "\n", count: 4 << 20).utf8) + Array("{\(members)}".utf8),
      type: "application/x-ndjson")
    #expect(lines.status == 200 && lines.body.count < 20_000 && lines.text.contains("\"line\":4194305"))
  }

  private static func mutate(_ body: inout [UInt8], _ generator: inout SeededGenerator) {
    let tokens = [
      "{", "}", "[", "]", "\"", "\\", "\\u", "\\ud83d", "\\ude00", ",", ":", "null", "1e999", "-", "\u{0}", "\n", "\r",
      "é",
    ]
    let at = body.isEmpty ? 0 : Int.random(in: 0..<body.count, using: &generator)
    let end = min(body.count, at + generator.small(in: 0...20))
    switch generator.next() % 6 {
    case 0: body.replaceSubrange(at..<end, with: [])
    case 1: body.insert(contentsOf: generator.bytes(generator.small(in: 1...4)), at: at)
    case 2: body.insert(contentsOf: Array(generator.pick(tokens).utf8), at: at)
    case 3: body.insert(contentsOf: body[at..<end], at: at)
    case 4: if !body.isEmpty { body[at] ^= 1 << UInt8(generator.next() % 8) }
    default:
      body.insert(
        contentsOf: Array(String(repeating: generator.pick(tokens), count: generator.small(in: 1...200)).utf8), at: at)
    }
  }

  /// A request is copied off the wire as it is, and what can't be decoded is a 400.
  @Test func requestsAreCopied() throws {
    let request = try copy(
      "PUT /api/v1/ads/a%21b?x=%41+1&y HTTP/1.1\r\nHost: h\r\nauthorization: Bearer t\r\nContent-Type: application/json\r\n"
        + "Accept: text/csv\r\nIf-None-Match: \"e\"\r\nContent-Length: 2\r\n\r\n{}"
    ).get()
    #expect(
      request.method == .put && request.segments == ["api", "v1", "ads", "a!b"] && request.body == Array("{}".utf8))
    #expect(request.parameters.map { "\($0.name)=\($0.value)" } == ["x=A 1", "y="])
    #expect(request.credentials.authorization == "Bearer t" && request.contentType == "application/json")
    #expect(
      request.accept == "text/csv" && request.ifNoneMatch == "\"e\"" && request.isAdmin && request.requestID == "r-1")
    for target in ["/a%2", "/a%zz", "/%ff", "/a%2Fb", "/a%00", "/a?x=%", "/a?%c3%28=1"] {
      guard case .failure(let problem) = copy("GET \(target) HTTP/1.1\r\nHost: h\r\n\r\n") else {
        Issue.record("\(target) was taken")
        continue
      }
      #expect(problem.status == 400 && problem.response(requestID: "r-1").problem == "malformed-target")
    }
  }

  private func copy(_ text: String) -> Result<APIRequest, Problem> {
    let bytes = Array(text.utf8)
    var parser = RequestParser()
    return unsafe bytes.withUnsafeBufferPointer { _ in
      let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count)
      let fields = UnsafeMutablePointer<FieldExtent>.allocate(capacity: 16)
      defer {
        unsafe memory.deallocate()
        unsafe fields.deallocate()
      }
      for i in bytes.indices { unsafe memory[i] = bytes[i] }
      let limits = HeadLimits(head: 4096, target: 1024, fields: 16)
      while true {
        switch unsafe parser.advance(memory, count: bytes.count, fields: fields, limits: limits) {
        case .head: _ = parser.acceptBody(limit: 100)
        case .complete:
          let request = unsafe Request(base: memory, fields: fields, parser: parser, descriptor: -1, listenerTag: 0)
          do throws(Problem) {
            return .success(try APIRequest(request, isAdmin: true, requestID: "r-1"))
          } catch { return .failure(error) }
        case .needMore, .failed: preconditionFailure("the test's own request is not one: \(text)")
        }
      }
    }
  }
}

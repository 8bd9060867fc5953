import Clicks
import Glibc
import Platform
import Testing
import Traffic

@Suite struct ReportTests {
  private func report() -> LoadReport {
    var report = LoadReport()
    for i in 1...1000 {
      report.record(Outcome(status: 302, verdict: .valid, eventTime: 1), latency: Int64(i) * 1_000_000)
    }
    report.record(Outcome(status: 403, verdict: .badSignature), latency: 5)
    report.record(Outcome(status: 502), latency: 5)
    report.record(.noAnswer, latency: 99_000_000_000)
    report.statistics.elapsed = 2_000_000_000
    report.statistics.requests = 1003
    report.statistics.bytesSent = 7
    return report
  }

  @Test func theTextNamesEverythingOnce() {
    let report = report()
    #expect(report.answered == 1002 && report.unanswered == 1 && report.rate == 501)
    #expect(report.latency.maximum == 1_000_000_000, "an answer that never came has no latency")
    let text = report.lines
    #expect(text[0] == "1,002 answers in 2.00 s, 501 a second, 1 request without an answer")
    #expect(text[1] == "verdicts   valid 1,000, bad-signature 1, without a verdict 1")
    #expect(text[2] == "statuses   302: 1,000, 403: 1, 502: 1")
    #expect(text[3].hasSuffix(", max 1 s") && text[3].hasPrefix("latency    p50 "))
  }

  @Test(arguments: [
    (0, "0 clicks"), (1, "1 click"), (2, "2 clicks"), (999, "999 clicks"), (1_000, "1,000 clicks"), (-1, "-1 click"),
    (25_839, "25,839 clicks"), (-1_234_567, "-1,234,567 clicks"), (12_345_678, "12,345,678 clicks"),
  ])
  func numbersAreReadable(_ number: Int, _ text: String) {
    #expect(NumberText.of(number, "click") == text && NumberText.of("\(number)", "click") == text)
  }

  @Test func unitsAreScaled() {
    #expect(
      [0, 830_000, 4_200_000, 99_949_000, 234_000_000, 12_500_000_000, 5].map { NumberText.duration($0) }
        == ["0 µs", "830 µs", "4.2 ms", "99.9 ms", "234 ms", "12.5 s", "0 µs"])
    #expect([0, 999, 1_000, 12_544_593].map { NumberText.bytes($0) } == ["0 B", "999 B", "1 KiB", "12 MiB"])
    #expect(
      [0, 9_999, 9_999.6, 12_345, 456_000, 999_600, 7_100_000, 3e18].map { NumberText.brief($0) }
        == ["0", "9999", "10k", "12.3k", "456k", "1M", "7.1M", "3E"])
    for power in 0..<62 {
      #expect(
        NumberText.brief(Double(1 << power) - 1).count <= 5 && NumberText.briefBytes(Double(1 << power)).count <= 5)
    }
    #expect(NumberText.grouped("12 ms") == "12 ms" && NumberText.grouped("") == "")
  }

  @Test func theJsonIsOneObject() {
    let json = report().json
    for part in [
      "\"answered\":1002", "\"unanswered\":1", "\"elapsedSeconds\":2.000000", "\"ratePerSecond\":501.0",
      "\"valid\":1000",
      "\"bad-signature\":1", "\"duplicate\":0", "\"statuses\":{\"302\":1000,\"403\":1,\"502\":1}", "\"max\":1000000000",
      "\"unreachable\":false",
    ] { #expect(json.contains(part), "\(part)") }
    #expect(json.hasPrefix("{") && json.hasSuffix("}") && !json.contains("\n"))
    #expect(json.count { $0 == "{" } == json.count { $0 == "}" })
    #expect(LoadReport().json.contains("\"p50\":0"))
  }

  @Test func reportsOfSeveralThreadsAddUp() {
    var sum = report()
    sum.merge(report())
    #expect(sum.answered == 2004 && sum.unanswered == 2 && sum.statistics.elapsed == 2_000_000_000)
    #expect(sum.statuses == [302: 2000, 403: 2, 502: 2] && sum.latency.count == 2004)
  }

  @Test func theLedgerFileHasALineForEachEvent() throws {
    let files = KernelFileSystem()
    let path = "/tmp/tally-ledger-\(getpid())-\(KernelChance().next())"
    let ledger = Ledger(time: TestTime(1000), file: try LedgerFile(files, path))
    defer { try? files.remove(path) }
    let one = ledger.add(ImpressionID(high: 1, low: 2), ad: ledger.ad(try #require(AdID("42"))))
    let first = ledger.sent(one, .click)
    let text = { String(decoding: try files.contents(path), as: UTF8.self) }
    let id = "00000000-0000-0001-0000-000000000002"
    var lines = LedgerFile.header + "S,0,1000,\(id),42,click\n"
    #expect(try text() == lines, "the send is on file before it happens")
    let second = ledger.sent(one, .head)
    ledger.finished(first, Outcome(status: 302, verdict: .valid, eventTime: 1001))
    ledger.finished(second, .noAnswer)
    try ledger.close()
    lines += "S,1,1000,\(id),42,head\nA,0,1000,302,valid,1001\nL,1,1000\n"
    #expect(try text() == lines)
    #expect(throws: SystemError.self) { _ = try LedgerFile(files, path) }
  }

  @Test func addressesAreReadFromUrls() throws {
    for (text, name) in [
      ("http://127.0.0.1:8080/click", "127.0.0.1:8080"), ("127.0.0.1:9", "127.0.0.1:9"),
      ("http://127.0.0.1", "127.0.0.1:80"),
      ("http://[::1]:70/", "[::1]:70"), ("[::1]", "[::1]:80"),
    ] { #expect(try ServerAddress(text).description == name) }
    for text in ["https://127.0.0.1", "http://", "127.0.0.1:http", "127.0.0.1:99999", "http://:80"] {
      #expect(throws: ServerAddress.Refused.self, "\(text)") { _ = try ServerAddress(text) }
    }
  }
}

import Bench
import HTTP
import Platform
import Testing

/// Every benchmark runs in the test suite, tiny: it checks its own answers, so a benchmark that is broken, or measures
/// something broken, is found before anybody quotes it.
@Suite struct TinyRunTests {
  private func options(_ names: [String]) -> BenchOptions {
    var options = BenchOptions()
    options.names = names
    options.scale = .tiny
    options.runs = 2
    options.warmUps = 0
    // The program stands beside the tests.
    let own = ChildProcess.ownPath
    options.program = String(own[..<own.lastIndex(of: "/")!]) + "/tally"
    return options
  }

  @Test(arguments: Benchmark.all.map(\.name)) func runsAndReturnsSaneFigures(_ name: String) throws {
    let figures = try BenchRunner.run(options([name]))
    #expect(!figures.isEmpty)
    for figure in figures {
      #expect(figure.benchmark == name)
      #expect(figure.samples.count == 2, "\(figure.name)")
      #expect(figure.samples.allSatisfy { $0.isFinite && $0 >= 0 }, "\(figure.name): \(figure.samples)")
      #expect(figure.least <= figure.median && figure.median <= figure.greatest, "\(figure.name)")
      // CPU time is told in clock ticks, of which a tiny run may take none; and memory may not grow at all.
      if !["cpu@", "grown@"].contains(where: figure.name.hasPrefix) { #expect(figure.greatest > 0, "\(figure.name)") }
    }
    #expect(Set(figures.map(\.name)).count == figures.count)
  }

  @Test func anotherServerIsDrivenWhereItStands() throws {
    var options = options(["click"])
    let first = try ClickBenchmark(options)
    // Its links are signed by nobody we know: a Tally refuses them, and a run with refused clicks is no measurement.
    options.against = first.address
    options.variants = [.closed]
    #expect(throws: BenchFailure.self) { _ = try BenchRunner.run(options) }
  }

  @Test func anUnknownNameIsRefused() {
    #expect(throws: BenchFailure.self) { _ = try BenchRunner.run(options(["hash", "nothing"])) }
  }

  @Test func medianAndSpread() {
    func figure(_ samples: [Double]) -> Figure { Figure(benchmark: "b", name: "n", unit: "u", samples: samples) }
    #expect(figure([3]).median == 3)
    #expect(figure([9, 1, 2]).median == 2)
    #expect(figure([4, 1, 2, 100]).median == 3)
    #expect(figure([4, 1, 2]).least == 1 && figure([4, 1, 2]).greatest == 4)
  }

  @Test func valuesAreWrittenWithFourDigits() {
    let texts: [(Double, String)] = [
      (0, "0.0000"), (0.12345, "0.1235"), (1.5, "1.500"), (12.345, "12.35"), (123.44, "123.4"), (999.96, "1,000.0"),
      (1234.4, "1,234"), (12_345_678, "12,345,678"), (1_000_000, "1,000,000"), (1_000_001, "1,000,001"),
    ]
    for (value, text) in texts { #expect(BenchReport.text(value) == text) }
  }

  @Test func jsonHoldsEverySample() {
    let text = BenchReport.json([Figure(benchmark: "b", name: "rate@1", unit: "µs", samples: [1, 2.5])])
    #expect(
      text
        == "{\"figures\":[\n  {\"benchmark\":\"b\",\"name\":\"rate@1\",\"unit\":\"µs\",\"median\":1.75,"
        + "\"least\":1.0,\"greatest\":2.5,\"samples\":[1.0,2.5]}\n]}")
  }

  @Test func theParsedRequestIsTheOneThatOthersMeasure() {
    #expect(ParseBenchmark.request.count == 357)
  }
}

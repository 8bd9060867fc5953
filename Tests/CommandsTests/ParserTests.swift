import Commands
import Testing

@Suite struct ParserTests {
  private static let count = Option<Int64>("count", .count(1...100), "how many", standard: "7", variable: "TEST_COUNT")
  private static let wait = Option<Int64>("wait", .duration(0...10_000_000_000), "how long")
  private static let loud = Option(toggle: "loud", "loudly")
  private static let first = Operand<String>(.text("FIRST"), "the first")
  private static let rest = Operand<String>(.text("REST"), "the rest", count: .any)
  private static let command = Command(
    "do it", "does it", operands: [first.declaration, rest.declaration],
    options: [count.declaration, wait.declaration, loud.declaration], examples: ["tally do it now"]
  ) { _, _ in .done }
  private static let other = Command("do nothing", "does nothing", examples: ["tally do nothing"]) { _, _ in .done }

  private func parse(_ line: String, variables: [String: String] = [:]) throws(UsageError) -> Arguments {
    let words = line.split(separator: " ").map(String.init)
    switch try CommandLineParser([Self.command, Self.other]).parse(words, variables: variables) {
    case .run(_, let arguments): return arguments
    case .help: throw UsageError("help")
    }
  }

  private func message(_ line: String, variables: [String: String] = [:]) -> String {
    do throws(UsageError) {
      _ = try parse(line, variables: variables)
      return "accepted"
    } catch { return error.message }
  }

  @Test func everyFormOfAnOptionIsUnderstood() throws {
    for line in ["do it --count 5 a", "do it --count=5 a", "do it a --count 5", "do it a --count=5 b c"] {
      #expect(try parse(line)[Self.count] == 5, "\(line)")
      #expect(try parse(line)[Self.first] == "a", "\(line)")
    }
    #expect(try parse("do it a")[Self.count] == 7)
    #expect(try parse("do it a")[Self.wait] == nil)
    #expect(try parse("do it a", variables: ["TEST_COUNT": "9"])[Self.count] == 9)
    #expect(try parse("do it a --count 5", variables: ["TEST_COUNT": "9"])[Self.count] == 5)
    #expect(try parse("do it a")[toggle: Self.loud] == false)
    #expect(try parse("do it a --loud")[toggle: Self.loud])
    #expect(try parse("do it a --loud=false")[toggle: Self.loud] == false)
    #expect(try parse("do it --loud a b c").all(Self.rest) == ["b", "c"])
    #expect(try parse("do it -- --count --loud").all(Self.rest) == ["--loud"])
    #expect(try parse("do it -").all(Self.first) == ["-"])
    #expect(try parse("do it --wait 500ms a")[Self.wait] == 500_000_000)
  }

  @Test(arguments: [
    ("do it", "FIRST is missing: the first"),
    ("do it a --cuont 5", "unknown option --cuont; did you mean --count?"),
    ("do it a --zebra", "unknown option --zebra"),
    ("do it a --count", "option --count needs a value, N"),
    ("do it a --count --loud", "option --count needs a value, N"),
    ("do it a --count x", "option --count is \"x\", not a whole number"),
    ("do it a --count 101", "option --count is 101; it must be from 1 to 100"),
    ("do it a --count 1 --count 2", "option --count is given more than once"),
    ("do it a --loud=maybe", "option --loud is \"maybe\"; it must be true or false"),
    ("do it a --wait 5", "option --wait is \"5\"; durations are written 500ms, 10s, 2m, 24h, 7d"),
    ("do it a --wait 11s", "option --wait is 11s; it must be from 0ms to 10s"),
    ("do nothing a", "unexpected argument \"a\""),
    ("do", "do needs one of it, nothing"),
    ("do nothin", "unknown command do nothin; did you mean do nothing?"),
    ("od it", "unknown command od; did you mean do?"),
    ("--verbose", "unknown option --verbose"),
    ("", "no command is given"),
  ])
  func whatIsWrongIsNamed(_ line: String, _ expected: String) { #expect(message(line) == expected) }

  @Test func aBadVariableIsNamed() {
    #expect(
      message("do it a", variables: ["TEST_COUNT": "x"])
        == "environment variable TEST_COUNT is \"x\", not a whole number")
  }

  @Test(
    arguments: [
      ("0ms", 0), ("500ms", 500_000_000), ("10s", 10_000_000_000), ("2m", 120_000_000_000),
      ("24h", 86_400_000_000_000), ("7d", 604_800_000_000_000),
    ] as [(String, Int64)])
  func durationsAreRead(_ text: String, _ nanoseconds: Int64) {
    #expect(DurationText.read(text) == nanoseconds)
    #expect(DurationText.read(DurationText.write(nanoseconds)) == nanoseconds)
  }

  @Test(arguments: ["", "s", "5", "-5s", "5 s", "5S", "1.5s", "5us", "5sec", "99999999999999999d", "٥s"])
  func otherDurationsAreNot(_ text: String) { #expect(DurationText.read(text) == nil) }

  @Test(
    arguments: [
      ("0", 0), ("17", 17), ("17B", 17), ("64KiB", 65_536), ("1MiB", 1 << 20), ("2GiB", 2 << 30), ("3TiB", 3 << 40),
    ] as [(String, Int64)])
  func sizesAreRead(_ text: String, _ bytes: Int64) {
    #expect(SizeText.read(text) == bytes)
    #expect(SizeText.read(SizeText.write(bytes)) == bytes)
  }

  @Test(arguments: ["", "KiB", "-1", "1KB", "1kib", "1 KiB", "1.5MiB", "9999999999TiB"])
  func otherSizesAreNot(_ text: String) { #expect(SizeText.read(text) == nil) }

  @Test(arguments: ["127.0.0.1:8080", ":0", "localhost:65535", "[::1]:80"])
  func addressesAreTaken(_ text: String) throws { #expect(try ValueReader.address.read(text) == text) }

  @Test(arguments: ["", "8080", "localhost", "localhost:", "localhost:65536", "localhost:x", "::1:80", "h:-1"])
  func otherAddressesAreNot(_ text: String) {
    #expect(throws: ValueFault.self) { try ValueReader.address.read(text) }
  }

  @Test func theNearestWordIsNear() {
    let words = ["import", "inspect", "verify", "version", "serve"]
    #expect(Nearest.word(to: "improt", among: words) == "import")
    #expect(Nearest.word(to: "insp", among: words) == "inspect")
    #expect(Nearest.word(to: "sevre", among: words) == "serve")
    #expect(Nearest.word(to: "zzzzzz", among: words) == nil)
    #expect(Nearest.word(to: "", among: words) == nil)
  }
}

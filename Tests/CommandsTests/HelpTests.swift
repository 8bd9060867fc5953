import Commands
import Testing

@Suite struct HelpTests {
  private func help(_ words: [String]) throws -> String {
    switch try CommandLineParser(CommandTable.all).parse(words, variables: [:]) {
    case .help(let text): return text
    case .run(let command, _): throw Failure("ran \(command.name)")
    }
  }

  private func checkForm(_ text: String, _ name: String) {
    #expect(text.hasSuffix("\n") && !text.hasSuffix("\n\n"), "\(name)")
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      #expect(line.count <= 100, "\(name): \(line)")
      #expect(line.last != " ", "\(name): \(line)|")
    }
  }

  @Test func everyCommandExplainsItself() throws {
    for command in CommandTable.all {
      let words = command.name.split(separator: " ").map(String.init)
      let text = try help(["help"] + words)
      checkForm(text, command.name)
      #expect(text.hasPrefix("Usage: tally \(command.name)"))
      if command.name != "help" {
        #expect(try help(words + ["--help"]) == text)
        #expect(try help(words + ["-h"]) == text)
      }
      for option in command.options {
        #expect(text.contains("--\(option.name)"), "\(command.name)")
        #expect(!option.help.isEmpty && !option.help.hasSuffix("."), "\(command.name) --\(option.name)")
      }
      for operand in command.operands { #expect(text.contains(operand.name), "\(command.name)") }
      #expect(!command.examples.isEmpty, "\(command.name) has no example")
      #expect(!command.summary.hasSuffix(".") && command.summary.count <= 80, "\(command.name)")
    }
  }

  /// An example that the program does not understand is worse than none.
  @Test func everyExampleIsUnderstood() throws {
    for command in CommandTable.all {
      for example in command.examples {
        for part in example.split(separator: "|") {
          guard let start = part.firstRange(of: "tally ") else { continue }
          let line = part[start.upperBound...].prefix { $0 != ">" && $0 != ")" && $0 != ";" }
          let words = line.split(separator: " ").map(String.init)
          #expect(throws: Never.self, "\(example)") {
            _ = try CommandLineParser(CommandTable.all).parse(words, variables: [:])
          }
        }
      }
    }
  }

  @Test func theOverviewNamesEveryCommand() throws {
    let text = try help(["help"])
    checkForm(text, "help")
    #expect(try help(["--help"]) == text)
    for command in CommandTable.all { #expect(text.contains("  \(command.name)  "), "\(command.name)") }
    #expect(Set(CommandTable.all.map(\.name)).count == CommandTable.all.count)
  }

  @Test(arguments: ["ads", "keys", "tokens", "config"])
  func groupsAreExplained(_ group: String) throws {
    let text = try help(["help", group])
    checkForm(text, group)
    #expect(try help([group, "--help"]) == text)
    for command in CommandTable.all where command.name.hasPrefix(group + " ") { #expect(text.contains(command.name)) }
  }

  @Test func helpOnNothingIsAnError() { #expect(throws: UsageError.self) { try help(["help", "nothing"]) } }
}

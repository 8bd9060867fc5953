// Help texts, made of the declarations that also read the command line. Lines have at most 100 columns and no blanks at
// their end.

/// Writes help texts.
package enum HelpText {
  /// The widest line.
  package static let width = 100

  private static let manners = """
    tally help COMMAND explains one of them. Data goes to standard output, everything else to standard error. \
    Commands reach a running server through its data directory, or work on the directory where none runs.
    """

  private static let statuses = """
    Exit status: 0 done, 1 failed, 2 usage, 3 a verification or count differs, 4 not reachable or not ready, 5 refused.
    """

  /// What `tally help` prints.
  package static func overview(_ table: [Command]) -> String {
    var lines = ["Tally counts ad clicks exactly.", "", "Usage: tally COMMAND [OPTIONS] …", "", "Commands:"]
    lines += list(table)
    lines += [""] + wrap(manners, indent: 0) + [""] + wrap(statuses, indent: 0)
    return text(lines)
  }

  /// What `tally help GROUP` prints, for commands that begin with the same word.
  package static func group(_ name: String, _ commands: [Command]) -> String {
    text(["Usage: tally \(name) COMMAND [OPTIONS] …", "", "Commands:"] + list(commands))
  }

  /// What `tally help COMMAND` prints.
  package static func command(_ command: Command) -> String {
    var usage = ["Usage: tally", command.name]
    usage += command.operands.map(\.usage)
    usage.append("[OPTIONS]")
    var lines = wrap(usage.joined(separator: " "), indent: 0, hanging: 7)
    lines += [""] + wrap(sentence(command.summary), indent: 0)
    for paragraph in command.discussion.split(separator: "\n", omittingEmptySubsequences: true) {
      lines += [""] + wrap(String(paragraph), indent: 0)
    }
    if !command.operands.isEmpty {
      lines += ["", "Arguments:"]
      lines += columns(command.operands.map { ($0.usage, $0.help) })
    }
    lines += ["", "Options:"]
    lines += columns(command.options.map { (head($0), explained($0)) } + [("--help", "prints this text")])
    lines += ["", command.examples.count == 1 ? "Example:" : "Examples:"]
    lines += command.examples.flatMap { wrap($0, indent: 2, hanging: 6) }
    return text(lines)
  }

  private static func sentence(_ summary: String) -> String {
    summary.prefix(1).uppercased() + summary.dropFirst() + "."
  }

  private static func head(_ option: OptionDeclaration) -> String {
    "--" + option.name + (option.placeholder.map { " " + $0 } ?? "")
  }

  private static func explained(_ option: OptionDeclaration) -> String {
    var facts: [String] = []
    if let standard = option.standard { facts.append("default \(standard)") }
    if let variable = option.variable { facts.append("environment \(variable)") }
    return option.help + (facts.isEmpty ? "" : " (\(facts.joined(separator: "; ")))")
  }

  private static func list(_ commands: [Command]) -> [String] { columns(commands.map { ($0.name, $0.summary) }) }

  /// Two columns; an entry whose head is too long for the first puts its explanation below.
  private static func columns(_ entries: [(head: String, text: String)]) -> [String] {
    let widest = entries.map(\.head.count).filter { $0 <= 28 }.max() ?? 0
    return entries.flatMap { entry -> [String] in
      let below = wrap(entry.text, indent: widest + 4)
      guard entry.head.count <= widest, let first = below.first else { return ["  " + entry.head] + below }
      let padding = String(repeating: " ", count: widest - entry.head.count + 2)
      return ["  " + entry.head + padding + first.drop { $0 == " " }] + below.dropFirst()
    }
  }

  /// Breaks `text` at its spaces. `hanging` is the further indent of all lines but the first.
  static func wrap(_ text: String, indent: Int, hanging: Int = 0) -> [String] {
    var lines: [String] = []
    var line = String(repeating: " ", count: indent)
    var isFresh = true
    for word in text.split(separator: " ") {
      if !isFresh, line.count + 1 + word.count > width {
        lines.append(line)
        line = String(repeating: " ", count: indent + hanging)
        isFresh = true
      }
      line += (isFresh ? "" : " ") + word
      isFresh = false
    }
    return lines + [line]
  }

  private static func text(_ lines: [String]) -> String {
    lines.flatMap { line in
      line.count > width ? wrap(line, indent: line.prefix { $0 == " " }.count) : [line]
    }.map { $0 + "\n" }.joined()
  }
}

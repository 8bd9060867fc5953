// From the words to what is to be done. A command's name has one word or two (`ads import`); help can be asked for in
// front (`tally help ads import`) and behind (`tally ads import --help`).

/// What the command line asks for.
package enum Request: Sendable {
  case run(Command, Arguments)
  /// A help text.
  case help(String)
}

/// Finds the command that is meant and reads its arguments.
package struct CommandLineParser: Sendable {
  private let table: [Command]

  package init(_ table: [Command]) { self.table = table }

  /// Reads the words behind the program's name.
  package func parse(_ words: [String], variables: [String: String]) throws(UsageError) -> Request {
    guard let first = words.first else { throw UsageError("no command is given") }
    switch first {
    case "help": return .help(try help(Array(words.dropFirst())))
    case "--help", "-h": return .help(HelpText.overview(table))
    case "--version": return try parse(["version"] + words.dropFirst(), variables: variables)
    default: break
    }
    if words.count == 2, words[1] == "--help" || words[1] == "-h", !members(of: first).isEmpty {
      return .help(try help([first]))
    }
    let command = try find(words)
    let rest = Array(words.dropFirst(command.name.split(separator: " ").count))
    if rest.prefix(while: { $0 != "--" }).contains(where: { $0 == "--help" || $0 == "-h" }) {
      return .help(HelpText.command(command))
    }
    return .run(command, try Arguments(rest, of: command, variables: variables))
  }

  private func help(_ topic: [String]) throws(UsageError) -> String {
    let topic = topic.filter { $0 != "--help" && $0 != "-h" }
    guard let first = topic.first else { return HelpText.overview(table) }
    let group = members(of: first)
    if topic.count == 1, !group.isEmpty { return HelpText.group(first, group) }
    return HelpText.command(try find(topic))
  }

  /// The command that the words begin with.
  private func find(_ words: [String]) throws(UsageError) -> Command {
    let first = words[0]
    if let command = table.first(where: { $0.name == first }) { return command }
    let group = members(of: first)
    guard !group.isEmpty else {
      let names = Set(table.compactMap { $0.name.split(separator: " ").first.map(String.init) } + ["help"])
      let kind = first.hasPrefix("-") ? "option" : "command"
      throw UsageError("unknown \(kind) \(first)\(Nearest.hint(first, among: names.sorted()))")
    }
    let verbs = group.map { String($0.name.dropFirst(first.count + 1)) }
    guard words.count > 1 else {
      throw UsageError("\(first) needs one of \(verbs.joined(separator: ", "))", command: first)
    }
    guard let command = group.first(where: { $0.name == first + " " + words[1] }) else {
      let hint = Nearest.hint(words[1], among: verbs, prefix: first + " ")
      throw UsageError("unknown command \(first) \(words[1])\(hint)", command: first)
    }
    return command
  }

  /// The commands `first …`.
  private func members(of first: String) -> [Command] { table.filter { $0.name.hasPrefix(first + " ") } }
}

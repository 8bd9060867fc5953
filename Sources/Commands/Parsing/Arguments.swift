// The way of an argument: `--` ends options; `--name=value` and `--name value` are the same; a switch takes a value only
// behind `=`; `-` alone is an operand (standard input). Every value is read as soon as it is met, so that a command starts
// only when all of its line is understood. An option that was not given is looked for in its environment variable.

/// The arguments of one command, checked.
package struct Arguments: Sendable {
  private var values: [String: any Sendable] = [:]
  private var texts: [String: String] = [:]
  private var operands: [String: [any Sendable]] = [:]

  /// The value of an option, by its declaration; its standard where it was not given; nil where there is none.
  package subscript<Value>(option: Option<Value>) -> Value? {
    let declaration = option.declaration
    if let value = values[declaration.name] { return value as? Value }
    guard let standard = declaration.standard else { return nil }
    do throws(ValueFault) { return try declaration.read(standard) as? Value } catch {
      preconditionFailure("--\(declaration.name): its own default \(error.reason)")
    }
  }

  /// Whether a switch was given.
  package subscript(toggle option: Option<Bool>) -> Bool { values[option.declaration.name] as? Bool ?? false }

  /// The value of an operand that takes one argument.
  package subscript<Value>(operand: Operand<Value>) -> Value {
    guard let value = operands[operand.declaration.name]?.first as? Value else {
      preconditionFailure("operand \(operand.declaration.name) is not this command's")
    }
    return value
  }

  /// The values of an operand, however many.
  package func all<Value>(_ operand: Operand<Value>) -> [Value] {
    (operands[operand.declaration.name] ?? []).compactMap { $0 as? Value }
  }

  /// The text of an option as it was given on the command line; nil where it was not.
  package func given(_ name: String) -> String? { texts[name] }

  /// Reads the words behind a command's name.
  package init(_ words: [String], of command: Command, variables: [String: String]) throws(UsageError) {
    var rest = words[...]
    var positional: [String] = []
    while let word = rest.popFirst() {
      if word == "--" {
        positional += rest
        break
      }
      guard word.hasPrefix("-"), word != "-" else {
        positional.append(word)
        continue
      }
      try take(word, &rest, command)
    }
    try place(positional, command)
    for option in command.options where values[option.name] == nil {
      guard let variable = option.variable, let text = variables[variable] else { continue }
      do throws(ValueFault) { values[option.name] = try option.read(text) } catch {
        throw UsageError("environment variable \(variable) \(error.reason)", command: command.name)
      }
    }
  }

  private mutating func take(
    _ word: String, _ rest: inout ArraySlice<String>, _ command: Command
  ) throws(UsageError) {
    let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let known = command.options.map { "--" + $0.name } + ["--help"]
    guard let option = command.options.first(where: { "--" + $0.name == parts[0] }) else {
      let hint = Nearest.hint(parts[0], among: known)
      throw UsageError("unknown option \(parts[0])\(hint)", command: command.name)
    }
    guard texts[option.name] == nil || option.repeats else {
      throw UsageError("option \(parts[0]) is given more than once", command: command.name)
    }
    var text: String
    if parts.count == 2 {
      text = parts[1]
    } else if option.placeholder == nil {
      text = "true"
    } else if let next = rest.popFirst(), next == "-" || !next.hasPrefix("--") {
      text = next
    } else {
      throw UsageError("option \(parts[0]) needs a value, \(option.placeholder ?? "")", command: command.name)
    }
    if let before = texts[option.name] { text = before + option.joint + text }
    do throws(ValueFault) { values[option.name] = try option.read(text) } catch {
      throw UsageError("option \(parts[0]) \(error.reason)", command: command.name)
    }
    texts[option.name] = text
  }

  private mutating func place(_ words: [String], _ command: Command) throws(UsageError) {
    var rest = words[...]
    for operand in command.operands {
      let count = operand.count == .one || operand.count == .optional ? min(1, rest.count) : rest.count
      if count == 0, operand.count == .one || operand.count == .several {
        throw UsageError("\(operand.name) is missing: \(operand.help)", command: command.name)
      }
      for word in rest.prefix(count) {
        do throws(ValueFault) { operands[operand.name, default: []].append(try operand.read(word)) } catch {
          throw UsageError("\(operand.name) \(error.reason)", command: command.name)
        }
      }
      rest = rest.dropFirst(count)
    }
    if let extra = rest.first {
      throw UsageError("unexpected argument \"\(extra)\"", command: command.name)
    }
  }
}

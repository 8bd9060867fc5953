/// A command: what it is called, what it takes, what it does.
package struct Command: Sendable {
  /// The words that name it, as in `ads import`.
  package let name: String
  /// One line, without a full stop.
  package let summary: String
  /// What a user should know beyond the options; may be empty.
  package let discussion: String
  package let operands: [OperandDeclaration]
  package let options: [OptionDeclaration]
  /// Command lines as somebody would type them.
  package let examples: [String]
  /// Performs it. Throws what `Failure` can name.
  package let run: @Sendable (Arguments, Console) throws -> ExitStatus

  package init(
    _ name: String, _ summary: String, discussion: String = "", operands: [OperandDeclaration] = [],
    options: [OptionDeclaration] = [], examples: [String],
    run: @escaping @Sendable (Arguments, Console) throws -> ExitStatus
  ) {
    self.name = name
    self.summary = summary
    self.discussion = discussion
    self.operands = operands
    self.options = options
    self.examples = examples
    self.run = run
  }
}

/// How the program ends.
package enum ExitStatus: Int32, Sendable {
  case done = 0
  case failed = 1
  case usage = 2
  /// A verification or a count differs.
  case differs = 3
  /// The server is not reachable or not ready.
  case unavailable = 4
  /// The server, or the state of things, does not allow it.
  case refused = 5
}

/// The command line is wrong. The message names the argument.
package struct UsageError: Error, Hashable, Sendable {
  package var message: String
  /// The command that was meant, for the pointer to its help; nil where none was found.
  package var command: String?

  package init(_ message: String, command: String? = nil) {
    self.message = message
    self.command = command
  }
}

/// A command could not do its work.
package struct Failure: Error, Hashable, Sendable {
  package var status: ExitStatus
  package var message: String

  package init(_ message: String, _ status: ExitStatus = .failed) {
    self.status = status
    self.message = message
  }
}

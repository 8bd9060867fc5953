import Bytes
import Catalog
import Glibc
import HTTP
import Platform
import Service
import Store

/// The program `tally`: reads its command line, performs the command, ends with its status.
package enum Program {
  /// Runs the command of this process and ends it.
  package static func main() -> Never {
    let console = Console.process()
    exit(run(Array(CommandLine.arguments.dropFirst()), console).rawValue)
  }

  /// Performs the command that the words name.
  package static func run(
    _ words: [String], _ console: Console, table: [Command] = CommandTable.all
  ) -> ExitStatus {
    var status: ExitStatus
    if words.isEmpty {
      console.note(HelpText.overview(table).dropLast().description)
      console.flush()
      return .usage
    }
    do {
      switch try CommandLineParser(table).parse(words, variables: console.variables) {
      case .help(let text):
        console.print(Array(text.utf8))
        status = .done
      case .run(let command, let arguments):
        try EnvironmentNames.check(console.variables, table)
        status = try command.run(arguments, console)
      }
    } catch let error as UsageError {
      console.note("tally: \(error.message)")
      console.note("Try: tally help\(error.command.map { " " + $0 } ?? "")")
      status = .usage
    } catch {
      console.note("tally: \(message(of: error))")
      status = Self.status(of: error)
    }
    console.clearProgress()
    console.flush()
    if console.failure != 0, status == .done {
      console.note("tally: \(SystemError("write", "standard output", code: console.failure))")
      status = .failed
    }
    return status
  }

  /// One line that says what went wrong and where.
  private static func message(of error: any Error) -> String {
    (error as? Failure)?.message ?? "\(error)"
  }

  /// The status that an error ends the program with.
  static func status(of error: any Error) -> ExitStatus {
    switch error {
    case let failure as Failure: failure.status
    case let error as ClientError:
      switch error {
      case .badAddress: .usage
      default: .unavailable
      }
    case is NoStore: .failed
    case let refusal as DirectoryLock.Refusal:
      switch refusal {
      case .held: .refused
      case .system: .failed
      }
    case is StoreMismatch: .refused
    case let error as CatalogError:
      switch error {
      case .keyCollision, .advertiserFixed, .keyExists, .tooManyKeys, .invalid, .gone, .otherStore, .damagedRow:
        .refused
      default: .failed
      }
    default: .failed
    }
  }
}

import JSON
import Platform
import Service

/// A job of a running server, from asking for it to its result.
enum RemoteJob {
  /// Between two looks at a job.
  private static let interval: Int64 = 100_000_000

  /// Whether a running server is meant, and not a directory.
  static func isMeant(_ arguments: Arguments) throws -> Bool {
    try arguments[Target.adminAddress] != nil || Target.server(arguments) != nil
  }

  /// Asks for a job of `kind` and waits for its end, with a line on a terminal. Throws `Failure` where it failed, except over
  /// sealed months that a recount left alone: the rest of its result is as of any other.
  static func run(_ kind: JobKind, _ door: any Door, _ console: Console, body: JSONValue = .object([])) throws
    -> JSONValue
  {
    var job = try door.ask(Ask(.post, ["admin", "v1", kind.rawValue], json: body)).json()
    let id = job.shown("id")
    defer { console.clearProgress() }
    while true {
      switch job.shown("state") {
      case "done": return job["result"] ?? .null
      case "failed" where job["result"].flatMap(SealedMonthsDiffer.init) != nil: return job["result"]!
      case "failed":
        let isRefused = job["result"]?["refused"] == .bool(true)
        throw Failure("\(kind.rawValue): \(job.shown("error"))", isRefused ? .refused : .failed)
      default:
        if let done = UInt64(job.shown("steps")), let total = UInt64(job.shown("total")) {
          console.progress(ProgressBar.line(kind.rawValue, done, total))
        } else {
          console.progress("\(kind.rawValue): \(job.shown("state")), \(job.shown("steps")) steps done")
        }
      }
      Thread.sleep(nanoseconds: interval)
      job = try door.ask(Ask(.get, ["admin", "v1", "jobs", id])).json()
    }
  }
}

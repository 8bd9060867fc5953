import Clicks
import Platform

/// The ledger's events as CSV, so that another program can draw its own conclusions. The head of the file says:
///
///     # tally ledger 1
///     # S,send,ms,impressionId,adId,intent      written before the request is sent
///     # A,send,ms,status,verdict,eventTimeMs    its answer; verdict and time are empty where there was none
///     # L,send,ms                               it was never answered
///
/// `send` numbers a request until its A or L line and is used again afterwards; times are milliseconds since 1970. Lines
/// are never changed. A send's line is handed to the kernel before its request; the lines of answers with the next
/// send or the close. Nothing is synced: the file is to survive the server, not the machine.
package struct LedgerFile: Sendable {
  /// The first error; nothing is written after it.
  package private(set) var failure: SystemError?
  private let file: any File
  private var length: UInt64 = 0
  private var pending: [UInt8] = []

  package static let header = """
    # tally ledger 1
    # S,send,ms,impressionId,adId,intent      written before the request is sent
    # A,send,ms,status,verdict,eventTimeMs    its answer; verdict and time are empty where there was none
    # L,send,ms                               it was never answered

    """

  /// Creates `path`, which must not exist yet.
  package init(_ files: any FileSystem, _ path: String) throws(SystemError) {
    file = try files.open(path, .create)
    pending = Array(Self.header.utf8)
  }

  mutating func sent(_ send: Int32, _ id: ImpressionID, _ ad: AdID, _ intent: Intent, at time: Int64) {
    pending.append(contentsOf: "S,\(send),\(time),\(id),\(ad),\(intent)\n".utf8)
    flush()
  }

  mutating func finished(_ send: Int32, _ outcome: Outcome, at time: Int64) {
    if outcome.status == 0 {
      pending.append(contentsOf: "L,\(send),\(time)\n".utf8)
    } else {
      let event = outcome.eventTime.map { "\($0)" } ?? ""
      pending.append(
        contentsOf: "A,\(send),\(time),\(outcome.status),\(outcome.verdict?.name ?? ""),\(event)\n".utf8)
    }
  }

  mutating func flush() {
    guard failure == nil, !pending.isEmpty else { return }
    do throws(SystemError) {
      try file.writeAll(pending, at: length)
      length += UInt64(pending.count)
      pending.removeAll(keepingCapacity: true)
    } catch { failure = error }
  }
}

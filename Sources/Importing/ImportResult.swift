/// What became of the lines of an import.
package struct ImportResult: Sendable {
  /// A line that was not counted, and why.
  package struct Rejected: Sendable {
    package var line: UInt64
    package var code: String
    package var detail: String

    package init(line: UInt64, code: String, detail: String) {
      self.line = line
      self.code = code
      self.detail = detail
    }
  }

  /// A last line that was not read, since no newline is behind it.
  package struct HeldBack: Sendable {
    package var line: UInt64
    package var bytes: Int

    package init(line: UInt64, bytes: Int) {
      self.line = line
      self.bytes = bytes
    }
  }

  package var heldBack: HeldBack?
  /// Lines read in this run, without blank ones and the header.
  package var lines: UInt64 = 0
  /// Lines of an earlier run that were passed over, as they are durable.
  package var skipped: UInt64 = 0
  package var accepted: UInt64 = 0
  package var duplicate: UInt64 = 0
  /// Lines that do not hold what was asked for (`ImportPlan.conditions`).
  package var leftOut: UInt64 = 0
  /// Lines not counted, by code.
  package var rejectedCount: [String: UInt64] = [:]
  /// The first of them.
  package var rejected: [Rejected] = []

  /// Most rejected lines that are spelled out.
  package static let spelledOut = 1_000

  package init() {}

  /// Lines that were not counted.
  package var rejectedLines: UInt64 { rejectedCount.values.reduce(0, +) }

  /// Takes a rejected line in.
  package mutating func reject(_ line: UInt64, _ code: String, _ detail: @autoclosure () -> String) {
    rejectedCount[code, default: 0] += 1
    if rejected.count < Self.spelledOut { rejected.append(Rejected(line: line, code: code, detail: detail())) }
  }
}

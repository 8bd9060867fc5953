import Clicks
import JSON

// What the batch door says about a batch:
//
//   {"accepted":2,"duplicate":1,"rejectedCount":{"malformed":1},
//    "rejected":[{"line":4,"code":"malformed","detail":"time is missing"}],"ignoredMembers":3}
//
// `ignoredMembers`, which is there where it is not 0, are members that the server does not know or does not keep.
// Its size is bounded whatever the batch's: the first thousand rejected lines are spelled out, all are counted.

/// Why a line of a batch was not counted.
package enum RejectionCode: UInt8, CaseIterable, Sendable {
  case malformed, badSignature, unknownAd, paused, expired, tooOld, inFuture, unrecorded, sealed

  /// The name in answers, metrics and documents.
  package var name: String {
    switch self {
    case .malformed: "malformed"
    case .badSignature: "bad-signature"
    case .unknownAd: "unknown-ad"
    case .paused: "paused"
    case .expired: "expired"
    case .tooOld: "too-old"
    case .inFuture: "in-future"
    case .unrecorded: "unrecorded"
    case .sealed: "sealed"
    }
  }
}

/// One rejected line.
struct Rejection: Sendable {
  /// Its number in the body, from 1; blank lines count.
  var line: Int
  var code: RejectionCode
  /// The field at fault; nil where the detail says all.
  var field: StaticString?
  var detail: StaticString
}

/// The outcome of a batch so far.
struct BatchReport: Sendable {
  var accepted = 0
  var duplicate = 0
  /// Members that were read over.
  var ignoredMembers = 0
  /// Lines by the code of their rejection, in the order of `RejectionCode`.
  private(set) var rejectedCount = InlineArray<9, Int>(repeating: 0)
  private var rejected: [Rejection] = []

  /// Rejected lines that are spelled out.
  static let spelledOut = 1_000

  mutating func reject(_ rejection: Rejection) {
    rejectedCount[Int(rejection.code.rawValue)] += 1
    if rejected.count < Self.spelledOut { rejected.append(rejection) }
  }

  /// Lines whose outcome is known.
  var settled: Int {
    var sum = accepted + duplicate
    for i in rejectedCount.indices { sum += rejectedCount[i] }
    return sum
  }

  /// The members of the answer.
  var members: [JSONValue.Member] {
    let counts = RejectionCode.allCases.compactMap { code -> JSONValue.Member? in
      let count = rejectedCount[Int(code.rawValue)]
      return count == 0 ? nil : .init(code.name, .integer(count))
    }
    // What the committers reject comes later than what the reader does.
    let lines = rejected.sorted { $0.line < $1.line }.map { rejection -> JSONValue in
      let detail = (rejection.field.map { "\($0) " } ?? "") + "\(rejection.detail)"
      return .object([
        "line": .integer(rejection.line), "code": .string(rejection.code.name), "detail": .string(detail),
      ])
    }
    let ignored = ignoredMembers > 0 ? [JSONValue.Member("ignoredMembers", .integer(ignoredMembers))] : []
    return [
      .init("accepted", .integer(accepted)), .init("duplicate", .integer(duplicate)),
      .init("rejectedCount", .object(counts)), .init("rejected", .array(lines)),
    ] + ignored
  }
}

extension Problem {
  /// 503: a batch cannot go on. `report` says what became of the lines before; those without an outcome (`unsettled`) count
  /// 0 or 1 times, and sending the whole batch again settles all of them.
  static func batchStopped(_ detail: String, _ report: BatchReport, unsettled: Int) -> Problem {
    var problem = Problem(
      503, "batch-stopped", "The batch was not taken whole",
      "\(detail); \(report.settled) lines were settled, send the whole batch again", headers: [("Retry-After", "1")])
    problem.members = report.members + [.init("unsettled", .integer(unsettled))]
    return problem
  }

  /// 400: the body cannot be read on behind `lines` lines, whose outcome stands.
  static func batchMalformed(_ detail: String, _ report: BatchReport, lines: Int, unsettled: Int) -> Problem {
    let before = "; \(lines) lines before that were read, send the whole batch again"
    var problem = Problem.malformedBody(detail + (lines > 0 ? before : ""))
    problem.members = report.members + [.init("unsettled", .integer(unsettled))]
    return problem
  }
}

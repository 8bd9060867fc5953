/// One parameter of a request that is missing or wrong, for the caller to correct.
package struct ParameterFault: Error, Hashable, Sendable, CustomStringConvertible {
  /// The parameter as the interface names it (`from`).
  package var parameter: String
  /// What is wrong with it, in words that go behind its name.
  package var detail: String

  package init(_ parameter: String, _ detail: String) {
    self.parameter = parameter
    self.detail = detail
  }

  package var description: String { "\(parameter) \(detail)" }
}

/// Why a query was refused: everything that is wrong with it at once.
package struct QueryRefusal: Error, Hashable, Sendable, CustomStringConvertible {
  package var code: Code
  package var faults: [ParameterFault]

  /// The kinds of refusals, named as in answers.
  package enum Code: String, Sendable, CaseIterable {
    /// A parameter is unknown, given twice, or no value of its kind; also faults of several kinds together.
    case invalidParameter = "invalid-parameter"
    /// A time zone that this system does not have.
    case unsupportedTimeZone = "unsupported-time-zone"
    /// More than `SeriesQuery.maximumRange`.
    case rangeTooLong = "range-too-long"
    /// A bound would cut an hour whose minute rows have retired.
    case rangeNotExact = "range-not-exact"
    /// A cursor of an older version of the program.
    case cursorExpired = "cursor-expired"
    /// No cursor of ours.
    case invalidCursor = "invalid-cursor"
    /// A cursor of another query.
    case cursorMismatch = "cursor-mismatch"
  }

  package init(code: Code, faults: [ParameterFault]) {
    self.code = code
    self.faults = faults
  }

  package var description: String { faults.map(\.description).joined(separator: "; ") }
}

/// What was found wrong so far: the first twenty faults, so that an answer is not much larger than its query.
struct Faults {
  private var found: [(code: QueryRefusal.Code, fault: ParameterFault)] = []

  mutating func add(_ parameter: String, _ detail: String) { add(.invalidParameter, parameter, detail) }

  mutating func add(_ code: QueryRefusal.Code, _ parameter: String, _ detail: String) {
    if found.count < 20 { found.append((code, ParameterFault(parameter, detail))) }
  }

  /// Throws where anything was found: under its code where all have the same.
  func check() throws(QueryRefusal) {
    guard let first = found.first else { return }
    let code = found.allSatisfy { $0.code == first.code } ? first.code : .invalidParameter
    throw QueryRefusal(code: code, faults: found.map(\.fault))
  }
}

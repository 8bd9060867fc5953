import Platform

/// Why a request to a server had no answer.
package enum ClientError: Error, Equatable, CustomStringConvertible, Sendable {
  /// The address cannot be understood or resolved.
  case badAddress(String)
  /// Nothing listens there, or the way there is closed.
  case unreachable(SystemError)
  /// No answer in time; says what was waited for.
  case timedOut(String)
  /// The connection ended before the answer was complete.
  case closed(String)
  /// What came is no HTTP answer; says what is wrong.
  case malformed(String)

  package var description: String {
    switch self {
    case .badAddress(let reason): reason
    case .unreachable(let error): "not reachable: \(error)"
    case .timedOut(let what): "timed out: \(what)"
    case .closed(let what): "connection closed: \(what)"
    case .malformed(let what): "malformed answer: \(what)"
    }
  }
}

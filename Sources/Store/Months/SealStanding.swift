/// How the rows of a sealed month stand.
package enum SealStanding: Equatable, Sendable {
  /// As they were sealed.
  case asSealed
  /// Some were damaged, and what they were is known.
  case damaged
  /// Otherwise than they were sealed, and nothing tells what they were.
  case unknown
}

/// What a dedup index holds and has done since it was made.
package struct DedupStatistics: Equatable, Sendable {
  /// Live keys; too high by less than 1/256 of the slots.
  package internal(set) var liveKeys = 0
  /// Memory of all tables.
  package internal(set) var bytes = 0
  /// Calls of `put`.
  package internal(set) var lookups: UInt64 = 0
  /// Lines visited by searches that found no duplicate.
  package internal(set) var probes: UInt64 = 0
  /// Comparisons of full identities.
  package internal(set) var verifications: UInt64 = 0
  /// Comparisons that found another identity.
  package internal(set) var needlessVerifications: UInt64 = 0
  /// Larger tables taken into use.
  package internal(set) var growths = 0
}

/// Why a dedup index cannot be made.
package enum DedupError: Error, Equatable, CustomStringConvertible {
  /// More live keys than 32-bit positions can tell apart.
  case tooManyKeys(Int, limit: Int)
  /// The memory limit is below what the expected keys need, both in bytes.
  case memoryLimit(needed: Int, limit: Int)
  /// The system has no such memory.
  case outOfMemory(bytes: Int)

  package var description: String {
    switch self {
    case .tooManyKeys(let keys, let limit):
      "dedup index: \(keys) live keys (horizon × rate) exceed the limit of \(limit) a shard"
    case .memoryLimit(let needed, let limit):
      "dedup index: needs \(needed) bytes for its expected keys, the limit is \(limit)"
    case .outOfMemory(let bytes): "dedup index: out of memory for \(bytes) bytes"
    }
  }
}

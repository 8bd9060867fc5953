import Platform

// How the descriptors of the process are shared out:
//
//   limit  =  open at the start  +  reserve for files, the log and commands  +  connections of all loops
//
// A connection too many is closed, a click that cannot be written is lost: so the connections are bounded first.

/// Who may have how many descriptors.
package struct DescriptorPlan: Sendable, Equatable {
  /// Descriptors that the process may have.
  package var limit: Int
  /// Those that connections leave alone.
  package var kept: Int
  /// Connections that the setting allows, of each loop and of the admin door.
  package var wanted: (connections: Int, admin: Int)
  /// Those that there is room for, of each loop.
  package var connections: Int

  /// Fewer connections of a loop than this are no service.
  static let least = 8

  /// - Parameters:
  ///   - limit: descriptors that the process may have.
  ///   - open: those that are open now, before any connection.
  init(limit: Int, open: Int, loops: Int, connections: Int, admin: Int) throws(TooFew) {
    self.limit = limit
    wanted = (connections, admin)
    kept = open + Descriptors.reserve(of: limit) + admin
    self.connections = min(connections, (limit - kept) / loops)
    guard self.connections >= min(Self.least, connections) else {
      throw TooFew(limit: limit, needed: kept + Self.least * loops)
    }
  }

  package static func == (a: DescriptorPlan, b: DescriptorPlan) -> Bool {
    a.limit == b.limit && a.kept == b.kept && a.connections == b.connections && a.wanted == b.wanted
  }

  /// What an operator should know; nil where there are enough.
  var note: String? {
    guard connections < wanted.connections else { return nil }
    return "\(connections) connections instead of the \(wanted.connections) of --max-connections: the process may open "
      + "\(limit) descriptors, of which \(kept) are kept for files, the log and the admin listener; raise `ulimit -n`"
  }

  /// There is no room for connections at all.
  struct TooFew: Error, CustomStringConvertible {
    var limit: Int
    var needed: Int
    var description: String {
      "the process may open \(limit) descriptors, and needs at least \(needed); raise `ulimit -n`, or lower --max-admin-connections"
    }
  }
}

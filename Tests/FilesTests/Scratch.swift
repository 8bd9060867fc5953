import Glibc
import Platform
import Simulation
import Synchronization

typealias Scratch = ScratchDirectory

extension ScratchDirectory {
  /// Cuts a file short as another program would.
  func truncate(_ name: String, to bytes: Int) throws {
    if unsafe Glibc.truncate("\(path)/\(name)", bytes) != 0 { throw SystemError("truncate", name, code: errno) }
  }
}

/// A number that several threads count up.
final class Tally: Sendable {
  private let value = Atomic(0)
  var count: Int { value.load(ordering: .relaxed) }
  func add() { value.wrappingAdd(1, ordering: .relaxed) }
}

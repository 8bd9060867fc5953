import CPlatform
import Glibc
import Synchronization

// Descriptors are shared by connections and files, and what is short of one must not be the log:
//
//   limit  =  connections  +  files that are open  +  reserve        the server bounds its connections so
//
// Beside that a few spares are held open on nothing. A file that finds no descriptor gives one up and takes its place; the
// next file that closes gives it back.

/// The descriptors of this process.
package enum Descriptors {
  /// Lets the process have as many open descriptors as it may, and returns how many that are.
  package static func raiseLimit() -> Int {
    let limit = tally_raise_descriptor_limit()
    // Where it cannot be asked, POSIX promises so few.
    return limit < 0 ? 20 : Int(limit)
  }

  /// Those of `limit` that files, the log and everything but connections keep for themselves beyond what is open now: a
  /// quarter, at least 32, at most 1,024.
  package static func reserve(of limit: Int) -> Int { min(1_024, max(32, limit / 4)) }

  // MARK: - Spares

  private struct Spares {
    var held: [Int32] = []
    var wanted = 0
  }

  private static let spares = Mutex(Spares())
  /// Whether a spare was given up and is to be had back: looked at whenever a file closes.
  private static let isShort = Atomic<Bool>(false)
  private static let givenUp = Atomic<Int>(0)

  /// Holds `count` spares from now on, as far as they can be had; 0 gives all of them up.
  package static func holdSpares(_ count: Int) {
    spares.withLock { spares in
      spares.wanted = count
      while spares.held.count > count { close(spares.held.removeLast()) }
      fill(&spares)
    }
  }

  /// How often a file has found no descriptor and taken a spare.
  package static var sparesTaken: Int { givenUp.load(ordering: .relaxed) }

  private static func fill(_ spares: inout Spares) {
    while spares.held.count < spares.wanted {
      let descriptor = unsafe tally_open("/dev/null", O_RDONLY, 0)
      if descriptor < 0 { break }
      spares.held.append(descriptor)
    }
    isShort.store(spares.held.count < spares.wanted, ordering: .relaxed)
  }

  /// Calls `open`, which returns a descriptor or -errno, and where it finds none gives up spares for it.
  static func opening(_ open: () -> Int32) -> Int32 {
    var result = open()
    while result == -EMFILE || result == -ENFILE {
      let spare = spares.withLock { $0.held.popLast() }
      guard let spare else { break }
      isShort.store(true, ordering: .relaxed)
      close(spare)
      givenUp.add(1, ordering: .relaxed)
      result = open()
    }
    return result
  }

  /// Closes a file's descriptor; spares that were given up are had back first.
  static func closing(_ descriptor: Int32) {
    close(descriptor)
    if isShort.load(ordering: .relaxed) { spares.withLock { fill(&$0) } }
  }
}

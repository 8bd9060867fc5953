// What shall go wrong on a simulated disk, and when. Calls that reach the disk are counted from the moment the plan is
// set, so "fail the k-th call, for every k until a run passes untouched" is a loop over one number.

import Glibc
import Platform

/// One call that reached a simulated disk.
package struct DiskOperation: Sendable, CustomStringConvertible {
  package enum Kind: Int, CaseIterable, Sendable {
    case open, read, write, synchronizeData, synchronize, synchronizeDirectory
    case rename, remove, allocate, createDirectory, list

    /// The kernel's name for the call, as errors spell it.
    package var call: String {
      switch self {
      case .open: "open"
      case .read: "pread"
      case .write: "pwrite"
      case .synchronizeData: "fdatasync"
      case .synchronize, .synchronizeDirectory: "fsync"
      case .rename: "rename"
      case .remove: "unlink"
      case .allocate: "fallocate"
      case .createDirectory: "mkdir"
      case .list: "opendir"
      }
    }
  }

  package let kind: Kind
  /// Its number since the fault plan was set, from 0.
  package internal(set) var index = 0
  /// The path as the caller gave it.
  package let path: String
  /// The new name of a rename.
  package let destination: String?
  /// Where a read or write starts.
  package let offset: UInt64
  /// The bytes that a read or write asked for, the size of an allocation.
  package let length: Int
  /// 0, or the `errno` value it failed with.
  package internal(set) var code: Int32 = 0

  /// What an error says it was about.
  var subject: String {
    if let destination { return "\(path) to \(destination)" }
    return kind == .read || kind == .write ? "\(path) at \(offset)" : path
  }

  package var description: String {
    let outcome = code == 0 ? "" : code == SimulatedDisk.crashedCode ? " CRASHED" : " errno \(code)"
    let extent = length > 0 ? " +\(length)" : ""
    return "#\(index) \(kind) \(subject)\(extent)\(outcome)"
  }
}

/// One thing that goes wrong.
package struct Fault: Sendable {
  /// What a failed sync leaves in the cache.
  package enum Cache: Sendable {
    /// The new bytes, marked clean: the next sync succeeds and persists nothing of them.
    case kept
    /// The bytes of the device.
    case reverted
  }

  package enum Effect: Sendable {
    /// The call fails with this `errno` value; `performed`: after it did its work all the same. A sync that fails this
    /// way leaves its changes unsynced, for a later sync to cover.
    case error(Int32, performed: Bool = false)
    /// A read or write covers at most this many bytes: at least 1, and fewer than were asked for.
    case short(Int)
    /// A sync of a file fails with `EIO` once and gives its changes up: the device has those that `persisting` lets
    /// through, the cache has what it says.
    case lostSync(Cache, persisting: Survival = .nothing)
  }

  package var effect: Effect
  /// The kinds of calls that count; nil: those the effect can hit.
  package var kinds: Set<DiskOperation.Kind>?
  /// Only calls whose path contains this count.
  package var path: String?
  /// Which of the calls that count is hit, from 0.
  package var at: Int
  /// Whether every later one is hit too.
  package var sticky: Bool

  package init(
    _ effect: Effect, at: Int, sticky: Bool = false, kinds: Set<DiskOperation.Kind>? = nil, path: String? = nil
  ) {
    self.effect = effect
    self.at = at
    self.sticky = sticky
    self.kinds = kinds
    self.path = path
  }

  func counts(_ operation: DiskOperation) -> Bool {
    if let kinds, !kinds.contains(operation.kind) { return false }
    if let path, !operation.path.contains(path) { return false }
    switch effect {
    case .error: return true
    case .short: return operation.kind == .read || operation.kind == .write
    case .lostSync: return operation.kind == .synchronizeData || operation.kind == .synchronize
    }
  }
}

/// Everything that shall go wrong.
package struct FaultPlan: Sendable {
  /// The call at this index and all later ones fail with `SimulatedDisk.crashedCode`.
  package var crashAt: Int?
  /// Whether the call at the crash still makes its unsynced change, as a write or rename in flight does. A sync in
  /// flight makes nothing durable either way: the choice of what survives is the crash's.
  package var inFlight = true
  /// The first one that hits a call decides.
  package var faults: [Fault]

  /// Nothing goes wrong, or only `faults`.
  package init(_ faults: Fault...) { self.faults = faults }

  package init(crashAt index: Int, inFlight: Bool = true) {
    crashAt = index
    self.inFlight = inFlight
    faults = []
  }
}

/// What the plan decides for one call.
struct Verdict {
  var performs = true
  var code: Int32 = 0
  var limit = Int.max
  var lostSync: (Fault.Cache, Survival)?
}

/// A plan and how far it got.
struct FaultState {
  let plan: FaultPlan
  /// Calls so far.
  private(set) var count = 0
  private(set) var counts = [Int](repeating: 0, count: DiskOperation.Kind.allCases.count)
  /// Calls so far that a fault hit.
  private(set) var injected = 0
  /// Calls so far that each fault counted.
  private var seen: [Int]

  init(_ plan: FaultPlan) {
    self.plan = plan
    seen = [Int](repeating: 0, count: plan.faults.count)
  }

  /// Whether the machine is down.
  var crashed: Bool { plan.crashAt.map { count > $0 } ?? false }

  /// Numbers `operation` and decides its fate.
  mutating func admit(_ operation: inout DiskOperation) -> Verdict {
    operation.index = count
    count += 1
    counts[operation.kind.rawValue] += 1
    if let crash = plan.crashAt, operation.index >= crash {
      let sync = [.synchronizeData, .synchronize, .synchronizeDirectory].contains(operation.kind)
      let performs = operation.index == crash && plan.inFlight && !sync
      return Verdict(performs: performs, code: SimulatedDisk.crashedCode)
    }
    var verdict: Verdict?
    for (index, fault) in plan.faults.enumerated() where fault.counts(operation) {
      let number = seen[index]
      seen[index] += 1
      guard verdict == nil, fault.sticky ? number >= fault.at : number == fault.at else { continue }
      switch fault.effect {
      case .error(let code, let performed): verdict = Verdict(performs: performed, code: code)
      case .short(let bytes): verdict = Verdict(limit: max(1, min(bytes, operation.length - 1)))
      case .lostSync(let cache, let survival): verdict = Verdict(performs: true, code: EIO, lostSync: (cache, survival))
      }
    }
    if verdict != nil { injected += 1 }
    return verdict ?? Verdict()
  }
}

extension SystemError {
  /// Whether the simulated machine went down, rather than one call having failed.
  package var isSimulatedCrash: Bool { code == SimulatedDisk.crashedCode }
}

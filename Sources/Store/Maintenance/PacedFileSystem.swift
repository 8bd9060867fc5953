import Platform
import Synchronization

/// A file system that makes whoever uses it sleep, so that it stays within its budget: a token bucket of bytes that holds
/// an eighth of a second's worth, and a share of one core, measured over each stretch of work between two calls.
final class PacedFileSystem: FileSystem {
  private struct State {
    var tokens: Double
    var refilled: Int64
    var worked: Int64
    var asked: Int64
  }

  /// A bucket holds this part of a second's bytes: what is taken at one stroke keeps clicks waiting for the device.
  private static let bursts = 8.0

  private let base: any FileSystem
  private let time: any TimeSource
  private let budget: WorkBudget
  private let state: Mutex<State>
  /// Called on the working thread between two stretches of work, at most every 100 ms.
  private let between: (@Sendable () -> Void)?
  private let interruption: Interruption

  /// `environment.files` within `budget`; itself where there is no limit.
  static func pace(
    _ environment: Environment, _ budget: WorkBudget, until interruption: Interruption,
    between: @escaping @Sendable () -> Void
  ) -> any FileSystem {
    guard budget.bytesPerSecond > 0 || budget.cpuPercent < 100 else { return environment.files }
    return PacedFileSystem(environment, budget, until: interruption, between: between)
  }

  private init(
    _ environment: Environment, _ budget: WorkBudget, until interruption: Interruption,
    between: @escaping @Sendable () -> Void
  ) {
    self.between = between
    self.interruption = interruption
    base = environment.files
    time = environment.time
    self.budget = budget
    let now = environment.time.monotonic()
    state = Mutex(State(tokens: Double(budget.bytesPerSecond) / Self.bursts, refilled: now, worked: now, asked: now))
  }

  /// Accounts for `bytes` and sleeps as long as they are ahead of the budget. Throws once the work is called off.
  func spend(_ bytes: Int, _ path: String) throws(SystemError) {
    if interruption.isRequested { throw SystemError("merge", path, code: Interruption.code) }
    let now = time.monotonic()
    let pause = state.withLock { state -> Int64 in
      var pause: Int64 = 0
      if budget.bytesPerSecond > 0 {
        let rate = Double(budget.bytesPerSecond)
        state.tokens = min(rate / Self.bursts, state.tokens + Double(now - state.refilled) * rate / 1e9) - Double(bytes)
        state.refilled = now
        if state.tokens < 0 { pause = Int64(-state.tokens / rate * 1e9) }
      }
      if budget.cpuPercent < 100 {
        // A stretch longer than this was waiting, not work.
        let worked = min(now - state.worked, 50_000_000)
        pause = max(pause, worked * Int64(100 - budget.cpuPercent) / Int64(max(budget.cpuPercent, 1)))
      }
      return min(pause, 1_000_000_000)
    }
    if pause > 100_000 { Thread.sleep(nanoseconds: pause) }
    let after = time.monotonic()
    let isDue = state.withLock { state in
      state.worked = after
      guard after - state.asked >= 100_000_000 else { return false }
      state.asked = after
      return true
    }
    guard isDue, let between else { return }
    between()
    let resumed = time.monotonic()
    state.withLock { $0.worked = resumed }
  }

  func open(_ path: String, _ mode: OpenMode) throws(SystemError) -> any File {
    PacedFile(try base.open(path, mode), self)
  }

  func rename(_ from: String, to: String) throws(SystemError) { try base.rename(from, to: to) }
  func remove(_ path: String) throws(SystemError) { try base.remove(path) }
  func createDirectory(_ path: String) throws(SystemError) { try base.createDirectory(path) }
  func synchronizeDirectory(_ path: String) throws(SystemError) { try base.synchronizeDirectory(path) }
  func list(_ path: String) throws(SystemError) -> [String] { try base.list(path) }
  func exists(_ path: String) -> Bool { base.exists(path) }
  func availableSpace(at path: String) throws(SystemError) -> UInt64 { try base.availableSpace(at: path) }
}

private final class PacedFile: File {
  private let file: any File
  private let system: PacedFileSystem

  init(_ file: any File, _ system: PacedFileSystem) {
    self.file = file
    self.system = system
  }

  var path: String { file.path }
  func size() throws(SystemError) -> UInt64 { try file.size() }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int {
    try system.spend(buffer.count, path)
    return unsafe try file.read(into: buffer, at: offset)
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int {
    try system.spend(bytes.count, path)
    return unsafe try file.write(bytes, at: offset)
  }

  func startWriteback(at offset: UInt64, count: Int) { file.startWriteback(at: offset, count: count) }
  func synchronizeData() throws(SystemError) { try file.synchronizeData() }
  func synchronize() throws(SystemError) { try file.synchronize() }
  func allocate(size: UInt64) throws(SystemError) { try file.allocate(size: size) }
  func map() throws(SystemError) -> FileMapping { try file.map() }
}

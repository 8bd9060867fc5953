import Platform
import Synchronization

/// A file system that makes whoever uses it sleep, so that all who share its meter stay within their budget: bytes that are
/// read and written, and the time between two calls, which is taken for work. No call sleeps long: what is owed still is paid by
/// the next ones, or by the pacer, which does urgent work meanwhile. Once the work is called off nobody sleeps any more; it
/// ends where it looks for that.
final class PacedFileSystem: FileSystem {
  private let base: any FileSystem
  private let time: any TimeSource
  private let meter: WorkMeter
  private let interruption: Interruption
  /// When the work that is not paid yet began.
  private let began: Atomic<Int64>

  init(_ environment: Environment, _ meter: WorkMeter, until interruption: Interruption) {
    base = environment.files
    time = environment.time
    self.meter = meter
    self.interruption = interruption
    began = Atomic(time.monotonic())
  }

  /// The longest sleep of one call, and the shortest that is worth one, ns.
  private static let sleeps: ClosedRange<Int64> = 100_000...100_000_000

  /// Accounts for `bytes` and for the work since the last call, and sleeps where both are ahead of the budget. True: they still
  /// are.
  @discardableResult
  func spend(_ bytes: Int) -> Bool {
    let now = time.monotonic()
    let pause = meter.take(bytes: bytes, worked: now - began.load(ordering: .relaxed), at: now)
    defer { resume() }
    guard pause >= Self.sleeps.lowerBound, !interruption.isRequested else { return false }
    Thread.sleep(nanoseconds: min(pause, Self.sleeps.upperBound))
    return pause > Self.sleeps.upperBound
  }

  /// The work begins now: what was done since the last call is not held against it.
  func resume() { began.store(time.monotonic(), ordering: .relaxed) }

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
    system.spend(buffer.count)
    return unsafe try file.read(into: buffer, at: offset)
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int {
    system.spend(bytes.count)
    return unsafe try file.write(bytes, at: offset)
  }

  func startWriteback(at offset: UInt64, count: Int) { file.startWriteback(at: offset, count: count) }
  func synchronizeData() throws(SystemError) { try file.synchronizeData() }
  func synchronize() throws(SystemError) { try file.synchronize() }
  func allocate(size: UInt64) throws(SystemError) { try file.allocate(size: size) }
  func map() throws(SystemError) -> FileMapping { try file.map() }
}

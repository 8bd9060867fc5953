import Glibc
import Platform
import Synchronization
import Testing

@Suite struct DirectoryLockTests {
  private func path() -> String { "/tmp/tally-lock-\(getpid())-\(UInt64.random(in: 0 ... .max))" }

  @Test func oneHolderWhoIsNamed() throws {
    let path = path()
    defer { unsafe unlink(path) }
    #expect(DirectoryLock.holder(path) == nil)
    var lock: DirectoryLock? = try DirectoryLock(path)
    lock?.write(["pid": "\(getpid())", "listen": "127.0.0.1:1"])
    #expect(DirectoryLock.holder(path)?["listen"] == "127.0.0.1:1")
    let error = #expect(throws: DirectoryLock.Refusal.self) { try DirectoryLock(path) }
    #expect("\(error!)" == "\(path): the data directory is held by process \(getpid()) (serving 127.0.0.1:1)")
    lock = nil
    #expect(DirectoryLock.holder(path) == nil)
    _ = try DirectoryLock(path)
  }

  private final class Shared: Sendable { let isOver = Atomic(false) }

  /// Commands that look for the holder do not keep a server from starting.
  @Test func lookingForTheHolderIsNotHolding() throws {
    let path = path()
    defer { unsafe unlink(path) }
    _ = try DirectoryLock(path)
    let shared = Shared()
    let looker = try Thread("looker") {
      while !shared.isOver.load(ordering: .relaxed) {
        _ = DirectoryLock.holder(path)
        usleep(20)
      }
    }
    defer {
      shared.isOver.store(true, ordering: .relaxed)
      looker.join()
    }
    for _ in 0..<500 { _ = try DirectoryLock(path) }
  }
}

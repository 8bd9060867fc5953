import Glibc
import Platform
import Simulation
import Synchronization
import Testing

@Suite struct DirectoryLockTests {
  private let scratch: ScratchDirectory
  private var path: String { "\(scratch.path)/LOCK" }

  init() throws { scratch = try ScratchDirectory() }

  @Test func oneHolderWhoIsNamed() throws {
    let path = path
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

  /// A child that another thread starts has copies of the descriptors until it runs its program, and keeps nobody out with them.
  @Test func copiesOfItsDescriptorsHoldNothing() throws {
    let path = path
    var lock: DirectoryLock? = try DirectoryLock(path)
    // By the names that the kernel has for what is open here.
    let held = (0..<Int32(4_096)).filter { descriptor in
      var name = [UInt8](repeating: 0, count: Int(PATH_MAX))
      let count = unsafe name.withUnsafeMutableBytes {
        unsafe readlink("/proc/self/fd/\(descriptor)", $0.baseAddress!, $0.count)
      }
      return count > 0 && [path, scratch.path].contains(String(decoding: name[..<count], as: UTF8.self))
    }
    let copies = held.map { dup($0) }
    defer { for copy in copies { close(copy) } }
    #expect(copies.count == 2)
    withExtendedLifetime(lock) {}
    lock = nil
    #expect(DirectoryLock.holder(path) == nil)
    lock = try DirectoryLock(path)
  }

  private final class Shared: Sendable { let isOver = Atomic(false) }

  /// Commands that look for the holder do not keep a server from starting.
  @Test func lookingForTheHolderIsNotHolding() throws {
    let path = path
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

  /// Who removes `LOCK` does not get the directory, and the holder gets its file back.
  @Test func removingTheFileGivesNobodyTheDirectory() throws {
    let path = path
    let lock = try DirectoryLock(path)
    lock.write(["pid": "1", "listen": "127.0.0.1:2"])
    #expect(lock.look() == .held)
    unsafe unlink(path)
    #expect(DirectoryLock.holder(path) == nil)
    let error = #expect(throws: DirectoryLock.Refusal.self) { try DirectoryLock(path) }
    #expect("\(error!)".contains("does not name"), "\(error!)")
    #expect(lock.look() == .putBack)
    #expect(lock.look() == .held)
    #expect(DirectoryLock.holder(path) == ["pid": "1", "listen": "127.0.0.1:2"])
    // Another file under the name is as good as none.
    try scratch.files.replace(path, with: Array("pid 3\n".utf8), by: path + ".other", in: scratch.path)
    #expect(lock.look() == .putBack)
    #expect(DirectoryLock.holder(path)?["listen"] == "127.0.0.1:2")
  }

  /// A program that locks the file alone, as 0.1 did, and got it.
  @Test func aFileThatAnotherHasTakenIsNoticed() throws {
    let path = path
    let lock = try DirectoryLock(path)
    unsafe unlink(path)
    let other = unsafe open(path, O_RDWR | O_CREAT, 0o600)
    defer { close(other) }
    #expect(flock(other, LOCK_EX | LOCK_NB) == 0)
    #expect(unsafe pwrite(other, "pid 77\n", 7, 0) == 7)
    #expect(lock.look() == .taken(["pid": "77"]))
  }

  @Test func aLinkInItsPlaceIsNotFollowed() throws {
    let target = "\(scratch.path)/precious"
    let file = try scratch.files.open(target, .create)
    try file.writeAll(Array("kept".utf8), at: 0)
    #expect(unsafe symlink(target, path) == 0)
    #expect(throws: DirectoryLock.Refusal.self) { try DirectoryLock(path) }
    #expect(DirectoryLock.holder(path) == nil)
    #expect(try scratch.files.contents(target) == Array("kept".utf8))
    #expect(unsafe chmod(target, 0o644) == 0)
    #expect(throws: SystemError.self) { try KernelFileSystem.restrictToOwner(path) }
    var status = stat()
    #expect(unsafe stat(target, &status) == 0 && status.st_mode & 0o777 == 0o644)
  }

  @Test func directoriesOpenToAllAreTold() throws {
    for (mode, told) in [(0o700, nil), (0o755, nil), (0o770, nil), (0o777, "0777"), (0o1777, nil), (0o702, "0702")]
      as [(
        UInt32, String?
      )]
    {
      #expect(unsafe chmod(scratch.path, mode) == 0)
      #expect(KernelFileSystem.modeIfOpenToAll(scratch.path) == told, "\(mode)")
    }
    #expect(unsafe chmod(scratch.path, 0o700) == 0)
  }
}

import Clicks
import Glibc
import Platform
import Testing

/// A real volume that is really full: a tmpfs of a few MiB, where this process may mount one.
@Suite(.serialized) struct FullVolumeTests {
  /// Mounted while it lives.
  final class Volume {
    let path: String

    /// Whether this process may mount one.
    static let canBeMounted = (try? Volume(mebibytes: 1)) != nil

    init(mebibytes: Int) throws(SystemError) {
      var template = Array("/tmp/tally-volume-XXXXXX".utf8CString)
      guard unsafe mkdtemp(&template) != nil else { throw SystemError("mkdtemp", "/tmp", code: errno) }
      path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
      let code = unsafe mount("tally-test", path, "tmpfs", 0, "size=\(mebibytes)m") == 0 ? 0 : errno
      if code != 0 {
        unsafe rmdir(path)
        throw SystemError("mount", path, code: code)
      }
    }

    deinit {
      unsafe umount2(path, Int32(MNT_DETACH))
      unsafe rmdir(path)
    }

    /// Takes the space there is, but for `rest` bytes.
    func fill(leaving rest: UInt64) throws {
      let file = try KernelFileSystem().open("\(path)/ballast", .create)
      let block = [UInt8](repeating: 1, count: 4096)
      var offset: UInt64 = 0
      while try KernelFileSystem().availableSpace(at: path) > rest {
        do { try file.writeAll(block, at: offset) } catch { break }
        offset += 4096
      }
    }

    func empty() throws { try KernelFileSystem().remove("\(path)/ballast") }
  }

  @Test(.enabled(if: Volume.canBeMounted, "no volume can be mounted here"))
  func clicksAreRedirectedWhileTheVolumeIsFull() throws {
    let volume = try Volume(mebibytes: 32)
    let reserve: UInt64 = 4 << 20
    let service = try TestService(parent: volume.path) {
      $0.shardOptions.slotBytes = 65_536
      $0.shardOptions.diskReserve = reserve
    }
    var counted: [ImpressionID] = []
    var turnedAway: [ImpressionID] = []
    for round in 0..<3 {
      // A start needs room for a manifest; what is kept back from the log is there for that.
      try volume.fill(leaving: round == 1 ? reserve : 0)
      for _ in 0..<200 where turnedAway.count < 20 * (round + 1) {
        let id = TestService.impression()
        let answer = try service.click(id: id)
        #expect(answer.status == 302 && answer.location == TestService.landing)
        switch answer.verdict {
        case "valid": counted.append(id)
        case "unrecorded": turnedAway.append(id)
        default: Issue.record("\(answer.verdict ?? "no verdict")")
        }
      }
      #expect(turnedAway.count == 20 * (round + 1))
      #expect(try eventually { try service.ready().text.contains("errno 28") })
      #expect(try service.ready().status == 503)
      #expect(try service.total() == counted.count)
      // Restarting on a full volume: it serves and redirects, and says why it does not record.
      if round == 1 {
        try service.restart()
        #expect(try service.total() == counted.count)
        #expect(try service.click().verdict == "unrecorded")
        #expect(try service.ready().status == 503)
      }
      try volume.empty()
      #expect(try eventually(2.5) { try service.ready().status == 200 })
      #expect(try service.click(id: counted[0]).verdict == "duplicate")
    }
    for id in turnedAway { #expect(try service.click(id: id).verdict == "valid") }
    #expect(try service.total() == counted.count + turnedAway.count)
    service.stop()
  }
}

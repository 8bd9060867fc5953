import Clicks
import Glibc
import HTTP
import Platform
import Service
import Synchronization
import Testing

/// What clicks meet when the log's disk fails or stands still (K1, K8, R13, R14): always the redirect, never a promise that
/// was not kept.
@Suite(.serialized) struct LogFailureTests {
  enum Failure: CaseIterable { case sync, write }

  @Test(arguments: Failure.allCases) func aFailedBatchIsUnknownAndNothingIsRecordedAfterIt(failure: Failure) throws {
    let disk = FaultyFileSystem()
    let service = try TestService(files: disk) { $0.shards = 1 }
    defer { disk.faults = .init() }
    for _ in 0..<5 { #expect(try service.click().verdict == "valid") }
    // Let the idle log put its mark down, so that the next sync is that of the clicks.
    #expect(eventually { disk.syncCount >= 2 && disk.stalledCount == 0 })
    usleep(150_000)
    switch failure {
    case .sync: disk.faults.sync = EIO
    case .write: disk.faults.write = EIO
    }
    let ids = (0..<8).map { _ in TestService.impression() }
    let wires = try ids.map { _ in try Wire(service.address) }
    let before = disk.syncCount
    for (wire, id) in zip(wires, ids) { wire.get(TestService.link("active", id)) }
    let answers = try wires.map { try #require($0.answer()) }
    #expect(answers.allSatisfy { $0.status == 302 && $0.location == TestService.landing })
    #expect(Set(answers.map(\.verdict)) == ["unknown"] || Set(answers.map(\.verdict)) == ["unknown", "unrecorded"])
    let unknown = answers.count { $0.verdict == "unknown" }

    // From here on every click is redirected and none is recorded, although the disk is well again.
    disk.faults = .init()
    for _ in 0..<5 {
      let answer = try service.click()
      #expect(answer.status == 302 && answer.verdict == "unrecorded" && answer.location == TestService.landing)
    }
    #expect(try service.click("nobody").status == 404)
    let (status, reason) = try service.ready()
    #expect(status == 503)
    #expect(reason.contains("until a restart") && reason.contains("/log/") && reason.contains("errno 5"), "\(reason)")
    #expect(service.server.failure?.contains("errno 5") ?? false)
    #expect(try service.request("GET", "/-/healthy").status == 200)
    // Readers see what is durable and no more; a repeat of a counted click is not acknowledged either.
    #expect(try service.total() == 5)
    let page = try service.metrics()
    #expect(page["tally_ready"] == 0)
    #expect(page.sum("tally_log_unknown_total") == Double(unknown))
    #expect(page.sum("tally_log_position") == 5)
    usleep(200_000)
    // A failed sync is not tried again, neither by the next clicks, nor when idle, nor at the end.
    #expect(disk.syncCount == before + (failure == .sync ? 1 : 0))
    service.stop()
    #expect(disk.syncCount == before + (failure == .sync ? 1 : 0))

    try service.start()
    #expect(try service.ready().status == 200)
    let survivors = try service.total()
    #expect(5...5 + unknown ~= survivors)
    // The retry settles every one of them.
    let verdicts = try ids.map { try service.click(id: $0).verdict }
    #expect(verdicts.allSatisfy { $0 == "valid" || $0 == "duplicate" })
    #expect(verdicts.count { $0 == "duplicate" } == survivors - 5)
    #expect(try service.total() == 5 + ids.count)
  }

  @Test func aStalledSyncMakesUnknownClicksAndHoldsUpNobodyElse() throws {
    let disk = FaultyFileSystem()
    let service = try TestService(files: disk) { $0.commitDeadline = 1_000_000_000 }
    defer { disk.faults = .init() }
    #expect(try service.click().verdict == "valid")
    disk.faults.isStalled = true
    let ids = (0..<20).map { _ in TestService.impression() }
    let wires = try ids.map { _ in try Wire(service.address) }
    let began = KernelTime().monotonic()
    for (wire, id) in zip(wires, ids) { wire.get(TestService.link("active", id)) }
    // While they wait: new connections, other routes, clicks that need no disk, queries.
    var slowest: Int64 = 0
    while KernelTime().monotonic() - began < 400_000_000 {
      let start = KernelTime().monotonic()
      #expect(try service.request("GET", "/-/healthy").status == 200)
      slowest = max(slowest, KernelTime().monotonic() - start)
    }
    #expect(slowest < 300_000_000, "\(slowest) ns")
    #expect(try service.click("resting").status == 410)
    #expect(try service.request("HEAD", TestService.link("active", ids[0])).verdict == "head")
    #expect(try service.total() == 1)
    let isEarly = wires.contains { $0.isReadable }
    #expect(!isEarly || KernelTime().monotonic() - began >= 1_000_000_000)
    // Past the deadline.
    let answers = try wires.map { try #require($0.answer()) }
    let waited = KernelTime().monotonic() - began
    #expect(waited >= 1_000_000_000 && waited < 4_000_000_000, "\(waited) ns")
    #expect(answers.allSatisfy { $0.status == 302 && $0.verdict == "unknown" && $0.location == TestService.landing })
    #expect(answers.allSatisfy { $0.header("X-Tally-Time") == nil })
    #expect(disk.stalledCount == 1)
    // Clicks go on being taken, and go on being unknown.
    #expect(try service.click(id: ids[0]).verdict == "unknown")
    // The disk comes back: the late answers are nobody's, the same connections go on, and everything settles.
    disk.faults = .init()
    for (wire, id) in zip(wires, ids) {
      wire.get(TestService.link("active", id))
      let answer = try #require(wire.answer())
      #expect(answer.verdict == "duplicate")
      #expect(!wire.isReadable)
    }
    #expect(try service.total() == 1 + ids.count)
    #expect(try service.ready().status == 200)
    let page = try service.metrics()
    #expect(page["tally_click_requests_total{verdict=\"unknown\"}"] == Double(ids.count + 1))
  }

  /// More clicks than the rings hold wait for a disk that stands still: the rest is redirected unrecorded, at once.
  @Test(arguments: [65_536, 1 << 20]) func aFullRingRedirectsUnrecorded(slotBytes: Int) throws {
    let disk = FaultyFileSystem()
    let service = try TestService(files: disk) {
      $0.commitDeadline = 20_000_000_000
      $0.shardOptions.slotBytes = slotBytes
    }
    defer { disk.faults = .init() }
    #expect(try service.click().verdict == "valid")
    disk.faults.isStalled = true
    let (connections, depth, capacity) = (140, 64, 8192)
    let wires = try (0..<connections).map { _ in try Wire(service.address) }
    for wire in wires {
      wire.send((0..<depth).map { _ in Wire.get(TestService.link("active", TestService.impression())) }.joined())
    }
    let all = connections * depth
    let sample = "tally_click_requests_total{verdict=\"unrecorded\"}"
    #expect(try eventually(10) { try service.metrics()[sample] == Double(all - capacity) })
    #expect(disk.stalledCount == 1)
    disk.faults = .init()
    var verdicts: [String: Int] = [:]
    for wire in wires {
      for _ in 0..<depth { verdicts[try #require(wire.answer()).verdict ?? "none", default: 0] += 1 }
    }
    // All that the ring holds comes at once then: more than fits into one small slot, and faster than slots are made.
    let valid = verdicts["valid"] ?? 0
    #expect(valid + (verdicts["unrecorded"] ?? 0) == all)
    #expect(slotBytes == 65_536 ? valid > 0 : valid == capacity)
    #expect(try service.total() == valid + 1)
    #expect(try service.ready().status == 200 || eventually { try service.ready().status == 200 })
  }

  /// Stopping answers everything that was taken, however long the disk needs within the drain time.
  @Test func stoppingAnswersWhatIsUnderWay() throws {
    let disk = FaultyFileSystem()
    let service = try TestService(files: disk) { $0.commitDeadline = 20_000_000_000 }
    defer { disk.faults = .init() }
    #expect(try service.click().verdict == "valid")
    disk.faults.isStalled = true
    let wires = try (0..<50).map { _ in try Wire(service.address) }
    let idle = try Wire(service.address)
    for wire in wires { wire.get(TestService.link("active", TestService.impression())) }
    #expect(try eventually { try service.metrics()["tally_http_connections"] ?? 0 >= 51 })
    usleep(50_000)
    let server = Sent(service)
    try withThreads(1) { _ in
      server.value.stop()
    } _: {
      #expect(idle.ends)
      #expect(throws: SystemError.self) {
        // The listeners close with the first step of the stop.
        for _ in 0..<200 {
          _ = try Wire(service.address)
          usleep(5_000)
        }
      }
      usleep(100_000)
      #expect(wires.allSatisfy { !$0.isReadable })
      disk.faults = .init()
      for wire in wires {
        let answer = try #require(wire.answer())
        #expect(answer.verdict == "valid" && answer.header("Connection") == "close")
        #expect(wire.ends)
      }
    }
    try service.start()
    #expect(try service.total() == 1 + wires.count)
  }

  /// A disk that never comes back does not keep the server from ending its connections.
  @Test func stoppingEndsAfterTheDrainTime() throws {
    let disk = FaultyFileSystem()
    let service = try TestService(files: disk) {
      $0.commitDeadline = 60_000_000_000
      $0.drainTimeout = 300_000_000
    }
    defer { disk.faults = .init() }
    #expect(try service.click().verdict == "valid")
    disk.faults.isStalled = true
    let wire = try Wire(service.address)
    wire.get(TestService.link("active", TestService.impression()))
    #expect(eventually { disk.stalledCount == 1 })
    let server = Sent(service)
    try withThreads(1) { _ in
      server.value.stop()
    } _: {
      #expect(wire.ends)
      disk.faults = .init()
    }
    try service.start()
    #expect(try service.total() == 2)
  }

  enum FullDisk: CaseIterable { case known, surprising }

  @Test(arguments: FullDisk.allCases) func aFullDiskRedirectsAndRecoversByItself(kind: FullDisk) throws {
    let disk = FaultyFileSystem()
    let service = try TestService(files: disk) { $0.shardOptions.slotBytes = 65_536 }
    defer { disk.faults = .init() }
    var valid = 0
    for _ in 0..<40 where try service.click().verdict == "valid" { valid += 1 }
    #expect(valid == 40)
    switch kind {
    case .known: disk.faults.isFull = true
    case .surprising: disk.faults.isFullOnAllocation = true
    }
    // Prepared slots go first; then every click is redirected and none counted.
    var turnedAway: ImpressionID?
    for _ in 0..<200 where turnedAway == nil {
      let id = TestService.impression()
      let answer = try service.click(id: id)
      #expect(answer.status == 302 && answer.location == TestService.landing)
      if answer.verdict == "valid" { valid += 1 } else { turnedAway = id }
      #expect(answer.verdict == "valid" || answer.verdict == "unrecorded")
    }
    let id = try #require(turnedAway)
    for _ in 0..<20 { #expect(try service.click().verdict == "unrecorded") }
    #expect(try eventually { try service.ready().text.contains("errno 28") })
    let (status, reason) = try service.ready()
    #expect(status == 503 && reason.contains("no log slot is free") && reason.contains("No space left"), "\(reason)")
    #expect(try service.total() == valid)
    #expect(try service.metrics()["tally_ready"] == 0)
    #expect(service.server.failure == nil)

    disk.faults = .init()
    let began = KernelTime().monotonic()
    #expect(try eventually { try service.ready().status == 200 })
    let took = KernelTime().monotonic() - began
    #expect(took < 2_500_000_000, "\(took) ns")
    // What was turned away was not counted, so it counts now.
    #expect(try service.click(id: id).verdict == "valid")
    for _ in 0..<40 where try service.click().verdict == "valid" { valid += 1 }
    try service.restart()
    #expect(try service.total() == valid + 1)
  }
}

/// Hands an object to another thread while this one waits.
final class Sent<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}

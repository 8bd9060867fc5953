import Clicks
import Glibc
import HTTP
import Platform
import Service
import Testing
import Traffic

/// What a batch meets when the log's disk fails, is full or stands still (R13): it waits, or is told how far it came.
@Suite(.serialized) struct BatchFailureTests {
  @Test func aFailedSyncStopsTheBatchAndARetryAfterTheRestartSettlesIt() throws {
    let disk = FaultyFileSystem()
    let service = try TestService(files: disk)
    defer { disk.faults = .init() }
    let lines = TestService.lines(6_000)
    #expect(try service.post(Array(lines.prefix(1_000))).number("accepted") == 1_000)
    usleep(150_000)
    disk.faults.sync = EIO
    let stopped = try service.post(lines)
    #expect(stopped.status == 503 && stopped.text.contains("batch-stopped"), "\(stopped.text)")
    #expect(stopped.text.contains("\"unsettled\":"))
    #expect(stopped.number("accepted") == 0)
    disk.faults = .init()
    // Nothing is acknowledged any more, repeats included.
    let dead = try service.post(Array(lines.prefix(10)))
    #expect(dead.status == 503 && dead.number("duplicate") == 0, "\(dead.text)")
    #expect(try service.total() == 1_000)
    try service.restart()
    let again = try service.post(lines)
    #expect(again.status == 200 && again.number("accepted") + again.number("duplicate") == 6_000)
    #expect(try service.total() == 6_000)
  }

  @Test func aBatchWaitsForRoomAndGoesOn() throws {
    let disk = FaultyFileSystem()
    let service = try TestService(files: disk) { $0.shardOptions.slotBytes = 65_536 }
    defer { disk.faults = .init() }
    #expect(try service.post(TestService.lines(10)).number("accepted") == 10)
    disk.faults.isFull = true
    let opener = try Thread("opener") {
      usleep(1_500_000)
      disk.faults = .init()
    }
    // Far more than the slots at hand can take.
    let answer = try service.post(TestService.lines(20_000))
    opener.join()
    #expect(answer.status == 200 && answer.number("accepted") == 20_000, "\(answer.text)")
    #expect(try service.total() == 20_010)
    #expect(try service.metrics()["tally_batch_retried_lines_total"] ?? 0 > 0)
  }

  @Test func aBatchThatWaitsTooLongIsToldHowFarItCame() throws {
    let disk = FaultyFileSystem()
    let service = try TestService(files: disk) {
      $0.shardOptions.slotBytes = 65_536
      $0.batchPatience = 1_000_000_000
    }
    defer { disk.faults = .init() }
    disk.faults.isFull = true
    let lines = TestService.lines(20_000)
    let began = KernelTime().monotonic()
    let answer = try service.post(lines)
    let took = KernelTime().monotonic() - began
    #expect(answer.status == 503 && answer.text.contains("batch-stopped"), "\(answer.text)")
    #expect(took > 900_000_000 && took < 10_000_000_000)
    let accepted = answer.number("accepted")
    #expect(accepted < 20_000)
    #expect(try service.total() == accepted)
    disk.faults = .init()
    #expect(try eventually(10) { try service.ready().status == 200 })
    let again = try service.post(lines)
    #expect(again.number("accepted") == 20_000 - accepted && again.number("duplicate") == accepted, "\(again.text)")
    #expect(try service.total() == 20_000)
  }

  @Test func aDiskThatDoesNotComeBackIsNotWaitedForForEver() throws {
    let disk = FaultyFileSystem()
    let service = try TestService(files: disk) { $0.batchPatience = 500_000_000 }
    defer { disk.faults = .init() }
    let lines = TestService.lines(40_000)
    disk.faults.isStalled = true
    let stopped = try service.post(lines)
    #expect(stopped.status == 503 && stopped.text.contains("batch-stopped"), "\(stopped.text)")
    #expect(stopped.number("accepted") == 0 && stopped.number("unsettled") > 0, "\(stopped.text)")
    disk.faults = .init()
    let again = try service.post(lines)
    #expect(again.number("accepted") + again.number("duplicate") == 40_000, "\(again.text)")
    #expect(try service.total() == 40_000)
  }

  @Test func aDiskThatStandsStillForAMomentIsWaitedFor() throws {
    let disk = FaultyFileSystem()
    let service = try TestService(files: disk)
    defer { disk.faults = .init() }
    #expect(try service.post(TestService.lines(10)).number("accepted") == 10)
    disk.faults.isStalled = true
    let opener = try Thread("opener") {
      usleep(800_000)
      disk.faults = .init()
    }
    #expect(try service.post(TestService.lines(30_000)).number("accepted") == 30_000)
    opener.join()
    #expect(try service.total() == 30_010)
  }

  @Test func aServerThatStopsAnswersTheBatchesUnderWay() throws {
    let service = try TestService()
    let lines = TestService.lines(100)
    let client = try service.batches
    try client.begin(token: service.token)
    try client.send(Array(lines.joined().utf8))
    #expect(try eventually { try service.total() == 100 })
    service.stop()
    let answer = try client.finish()
    #expect(answer.status == 503 && answer.text.contains("shutting down"), "\(answer.text)")
    #expect(answer.number("accepted") == 100)
    try service.start()
    #expect(try service.post(lines).number("duplicate") == 100)
    #expect(try service.total() == 100)
  }
}

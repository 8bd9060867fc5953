import Catalog
import Clicks
import Demo
import Glibc
import HTTP
import Platform
import ProcessHarness
import Store
import Testing
import Traffic

/// The real process and what operators do to it.
@Suite(.serialized) struct ProcessTests {
  private func check(_ traffic: RealTraffic) throws {
    let result = try traffic.finish()
    print("seed \(traffic.options.seed): \(result)")
    #expect(result.faults == [], "seed \(traffic.options.seed)")
    #expect(result.acknowledged > 1_000)
  }

  @Test func stoppedForASecondUnderLoadNothingIsLost() throws {
    let traffic = try RealTraffic(TrafficOptions(seed: .random(in: 0...UInt64(UInt32.max))))
    usleep(300_000)
    for _ in 0..<2 {
      traffic.server.signal(SIGSTOP)
      usleep(1_100_000)
      traffic.server.signal(SIGCONT)
      usleep(400_000)
    }
    try check(traffic)
    #expect(traffic.server.stop() == 0)
  }

  /// A server that is told to end answers what it has taken and ends with 0, within the drain time; started again it has
  /// every click that was acknowledged.
  @Test func terminatedUnderLoadNothingIsLost() throws {
    let traffic = try RealTraffic(TrafficOptions(seed: .random(in: 0...UInt64(UInt32.max))))
    for _ in 0..<5 {
      usleep(300_000)
      try traffic.restart { server in
        let began = KernelTime().monotonic()
        #expect(server.stop() == 0, "\(server.lastWords)")
        let took = KernelTime().monotonic() - began
        #expect(took < 10_000_000_000, "\(took) ns")
      }
    }
    usleep(200_000)
    try check(traffic)
    #expect(traffic.server.stop() == 0)
  }

  @Test func ofTwoServersOnOneDirectoryOneIsRefused() throws {
    let directory = try TemporaryDirectory("tally-two")
    for _ in 0..<5 {
      let servers = (0..<2).map { number in
        ServerProcess(
          program: TrafficOptions.builtProgram, dataDirectory: "\(directory.path)/data",
          logPath: "\(directory.path)/server-\(number).log", keepsAddresses: false)
      }
      let starts = try servers.map { server in
        try ChildProcess(
          TrafficOptions.builtProgram,
          ["serve", "--data-dir", server.dataDirectory, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"],
          log: server.logPath, follows: true)
      }
      // One ends by itself; the other serves.
      var winner: Int?
      for _ in 0..<2_000 where winner == nil {
        for number in 0..<2 where starts[number].exitStatus != nil { winner = 1 - number }
        usleep(5_000)
      }
      let number = try #require(winner, "none of the two was refused")
      #expect(starts[1 - number].exitStatus == 5)
      let words = servers[1 - number].lastWords
      #expect(words.contains("held by process \(starts[number].id)"), "\(words)")
      let lock = "\(servers[0].dataDirectory)/\(StoreFiles.lock)"
      var address: String?
      for _ in 0..<2_000 where address == nil {
        address = DirectoryLock.holder(lock)?["listen"]
        usleep(5_000)
      }
      let client = try HTTPClient(try #require(address))
      #expect(try client.request("GET", "/-/ready").status == 200)
      starts[number].signal(SIGTERM)
      #expect(starts[number].wait() == 0)
    }
  }
}

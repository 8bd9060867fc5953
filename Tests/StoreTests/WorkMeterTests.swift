import Platform
import Simulation
import Store
import Testing

/// However many threads maintain a store, together they stay within its budget, and use it.
@Suite struct WorkMeterTests {
  /// A thread that has always something to do.
  private struct Worker {
    var wakes: Int64
  }

  @Test func allWorkersShareOneBudget() throws {
    try Seeds.run(40) { seed in
      var generator = seed.generator
      let machine = SimulatedMachine(seed: 1)
      let rate = generator.small(in: 1 << 20...1 << 28)
      let share = 1 + generator.small(in: 0...98)
      let budget = WorkBudget(
        bytesPerSecond: generator.oneIn(4) ? 0 : rate, cpuPercent: generator.oneIn(4) ? 100 : share)
      guard let meter = WorkMeter(budget, machine.time) else {
        #expect(budget.bytesPerSecond == 0 && budget.cpuPercent == 100, "\(seed)")
        return
      }
      let start = machine.time.monotonic()
      let length: Int64 = 60_000_000_000
      var workers = (0..<(1 + generator.small(in: 0...15))).map { _ in Worker(wakes: start) }
      let piece = max(1, rate / 100)
      var (bytes, work) = (0, Int64(0))
      while let next = workers.indices.min(by: { workers[$0].wakes < workers[$1].wakes }),
        workers[next].wakes < start + length
      {
        let worked = 100_000 + Int64(generator.small(in: 0...5_000_000))
        let now = workers[next].wakes + worked
        let written = generator.small(in: 0...piece)
        workers[next].wakes = now + meter.take(bytes: written, worked: worked, at: now)
        bytes += written
        work += worked
      }
      let seconds = Double(length) / 1e9
      let spare = Double(workers.count)
      var used = 0.0
      if budget.bytesPerSecond > 0 {
        let most = Double(rate) * (seconds + 0.125) + spare * Double(piece)
        #expect(Double(bytes) <= most, "\(seed): \(bytes) bytes in \(seconds) s at \(rate) a second")
        used = max(used, Double(bytes) / Double(rate) / seconds)
      }
      if budget.cpuPercent < 100 {
        let most = Double(share) / 100 * (Double(length) + 50e6) + spare * 5.2e6
        #expect(Double(work) <= most, "\(seed): \(work) ns of work in \(seconds) s at \(share) %")
        used = max(used, Double(work) / Double(length) / (Double(share) / 100))
      }
      // One of the two limits is met, or a worker alone does not get that far.
      #expect(used > 0.7 || Double(work) > 0.9 * Double(length), "\(seed): only \(used) of the budget is used")
    }
  }
}

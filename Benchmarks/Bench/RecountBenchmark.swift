import Demo
import Glibc
import Platform

/// The recount that operators run: `tally reconcile` as a process of its own, on a copy of a store in which browsers' repeats
/// were counted (`BrowserStore`), and once more where nothing has changed since. Data and store are made by processes too, so
/// that this one stays small: what a process has when it starts another counts as the other's memory.
package final class RecountBenchmark {
  private let program: String
  private let data: String
  private let directory: TemporaryDirectory
  /// Clicks that the store has, and how many of these are repeats.
  private let clicks: Int
  private let repeats: Int

  /// The clicks of `directory`'s data sets, or ones of `scale` made for this run; `program` is the Tally that recounts.
  package init(program: String, directory: String?, scale: Double) throws {
    self.program = program
    let own = try TemporaryDirectory("tally-bench")
    data = directory ?? "\(own.path)/data"
    self.directory = own
    if directory == nil {
      _ = try Self.run(program, ["bench", "--write-data", data, "--scale", "\(scale)"], in: own.path)
    }
    let written = try Self.run(
      program, ["bench", "--write-store", "\(own.path)/store", "--data", data], in: own.path)
    clicks = try written.number("counted")
    repeats = try written.number("repeats")
  }

  /// Of the first recount `time@repeats` s, `rate@repeats` clicks/s, `cpu@repeats` s of all threads and `memory@repeats` MB, the
  /// most that the process had; of the second one `time@unchanged` s and `cpu@unchanged` s.
  package func run(_ time: any TimeSource) throws -> [Measurement] {
    let store = "\(directory.path)/copy"
    defer { TemporaryDirectory.remove(store) }
    _ = try Self.run("/bin/cp", ["-a", "\(directory.path)/store", store], in: directory.path)
    // What the copy has left to the disk is not the recount's.
    sync()
    let (first, took) = try reconcile(store, time)
    let removed = try first.number("repeatsRemoved")
    guard removed == repeats else { throw BenchFailure("recount: \(removed) of \(repeats) repeats were taken away") }
    let (again, tookAgain) = try reconcile(store, time)
    guard try again.number("rowsCorrected") == 0 else { throw BenchFailure("recount: the second one corrected rows") }
    _ = try Self.run(program, ["bench", "--check-store", store, "--data", data], in: directory.path)
    return [
      Measurement("time@repeats", "s", Double(took) / 1e9),
      Measurement("rate@repeats", "clicks/s", rate(clicks, took)),
      Measurement("cpu@repeats", "s", Double(first.usage.cpu) / 1e9),
      Measurement("memory@repeats", "MB", Double(first.usage.peakMemory) / 1e6),
      Measurement("time@unchanged", "s", Double(tookAgain) / 1e9),
      Measurement("cpu@unchanged", "s", Double(again.usage.cpu) / 1e9),
    ]
  }

  private func reconcile(_ store: String, _ time: any TimeSource) throws -> (Ended, Int64) {
    let began = time.monotonic()
    let ended = try Self.run(
      program, ["reconcile", "--data-dir", store, "--format", "json"], in: directory.path)
    return (ended, time.monotonic() - began)
  }

  /// A process that ended well: what it has said and taken.
  private struct Ended {
    var output: String
    var usage: ChildProcess.Usage

    /// The number that is the value of `name` in the JSON of the output.
    func number(_ name: String) throws -> Int {
      let parts = output.split(separator: "\"\(name)\":", maxSplits: 1)
      guard parts.count == 2, let value = Int(parts[1].drop { $0 == " " }.prefix { $0.isNumber }) else {
        throw BenchFailure("there is no \(name) in: \(output)")
      }
      return value
    }
  }

  private static func run(_ program: String, _ arguments: [String], in directory: String) throws -> Ended {
    let log = "\(directory)/output"
    unsafe unlink(log)
    let process = try ChildProcess(program, arguments, log: log, follows: true)
    let status = process.wait()
    let output = String(decoding: try KernelFileSystem().contents(log), as: UTF8.self)
    guard status == 0, let usage = process.usage else {
      throw BenchFailure("\(program) \(arguments.joined(separator: " ")): status \(status): \(output)")
    }
    return Ended(output: output, usage: usage)
  }
}

import ClickLog
import Clicks
import Commands
import Demo
import Platform
import Service
import Store
import Synchronization

/// A directory of its own, and commands run in it inside this process. Removed with its owner.
final class Session {
  private let directory: TemporaryDirectory
  var path: String { directory.path }
  var data: String { "\(path)/data" }
  /// The machine that the commands see.
  var environment = Environment.kernel

  /// How a command ended, and what it said.
  struct Result {
    var status: ExitStatus
    var output: String
    var talk: String
    var lines: [String] { output.split(separator: "\n").map(String.init) }
  }

  init() throws { directory = try TemporaryDirectory("tally-commands") }

  /// Runs one command line. `DATA` in a word stands for the data directory, `DIR` for the session's.
  func run(_ words: [String], variables: [String: String] = [:], input: String = "") -> Result {
    var result = Result(status: .done, output: "", talk: "")
    var output: [UInt8] = []
    var talk: [UInt8] = []
    var rest = Array(input.utf8)[...]
    let console = Console(
      environment: environment, variables: variables,
      source: { count in
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
      },
      sink: { stream, bytes in
        if stream == .output { output += bytes } else { talk += bytes }
        return 0
      })
    let words = words.map { $0.replacing("DATA", with: data).replacing("DIR", with: path) }
    result.status = Program.run(words, console)
    result.output = String(decoding: output, as: UTF8.self)
    result.talk = String(decoding: talk, as: UTF8.self)
    return result
  }

  /// The same, split at blanks.
  func run(_ line: String, variables: [String: String] = [:], input: String = "") -> Result {
    run(line.split(separator: " ").map(String.init), variables: variables, input: input)
  }

  /// Writes a file of the session's directory; returns its path.
  @discardableResult
  func write(_ name: String, _ text: String) throws -> String {
    let file = try KernelFileSystem().open("\(path)/\(name)", .create)
    try file.writeAll(Array(text.utf8), at: 0)
    return "\(path)/\(name)"
  }

  /// Fills the data directory with `count` clicks on `ad`, in batches over several slots, and closes it in good order,
  /// or leaves it as a crash would. With `ago` they happened so many milliseconds ago, over some minutes.
  func fill(_ count: Int, ad: AdID, closes: Bool = true, ago: Int64 = 0) throws {
    var options = ShardOptions()
    options.slotBytes = 65_536
    options.manifestBytes = 32_768
    options.expectedImpressions = 1000
    options.diskReserve = 0
    let store = try Store.open(.kernel, data, options: options)
    // A store with clicks has a catalog of its own.
    _ = try StoreCatalog.open(data, store: store.identity, hasClicks: { false }, in: .kernel)
    let shard = store.shards[0]
    let key = AdKey(ad)
    var recorded = 0
    let now = store.clock.now()
    for start in stride(from: 0, to: count, by: 20) {
      if shard.slots.needsPreparation { try shard.slots.prepare() }
      let batch = (start..<min(start + 20, count)).map { number in
        ClickRequest(
          identity: ClickIdentity(
            ad: key, impression: ImpressionID(high: UInt64(number) &* 0x9E37_79B9, low: UInt64(start))),
          eventTime: ago == 0 ? ClickRequest.onReceipt : now - ago + Int64(number) * 1_000)
      }
      shard.commit(batch.span) { _, answer in if answer.verdict == .valid { recorded += 1 } }
      shard.maintain()
    }
    guard recorded == count else { throw Failure("\(recorded) of \(count) clicks were recorded") }
    if closes { shard.close() }
  }

  /// Flips one bit of a byte.
  static func flip(_ path: String, at offset: UInt64, bit: UInt8 = 0) throws {
    let file = try KernelFileSystem().open(path, .readWrite)
    let byte = try file.bytes(at: offset, count: 1)
    try file.writeAll([byte[0] ^ (1 << bit)], at: offset)
  }
}

import Bytes
import ClickLog
import Platform
import Simulation
import Store

/// A small whole store at rest, to be damaged: a generation that a crash fenced, one that is full, an open one that ends
/// with a mark, a free slot; a manifest with a snapshot and edits; minutes closed. Everything is synced, and the last
/// frame of the log names the last record of the manifest.
package struct MiniStore {
  /// The store as it should be; the tester damages copies, or damages it and repairs it.
  package let disk: SimulatedDisk
  /// What reading it gives.
  package let contents: Contents
  /// Its files, as paths below the root.
  package let files: [(path: String, size: Int)]
  /// The versions that each file went through, oldest first, the last one not among them.
  package private(set) var history: [String: [[UInt8]]] = [:]
  /// The open generation's slot, and its frames.
  package let openSlot: String
  package let frames: [Frame]
  /// The time of the last step, ms since 1970.
  let wall: Int64

  /// A frame of the open generation.
  package struct Frame {
    var firstPosition: Int
    var records: Int
    var offset: Int
    var bytes: [UInt8]
  }

  private static let steps: [Step] =
    [.commit(2), .wait(600_000_000), .wait(600_000_000), .wait(140_000_000), .settle, .seal]
    + [.late(1, minutes: 700), .settle, .commit(4)]
    + [.wait(36_000_000), .commit(2), .settle, .late(2, minutes: 600), .settle, .damage, .recount, .prepare]
    + [.capture(.all), .commit(3), .repeats(1), .wait(60), .capture(.referrer)]
    + Array(repeating: .commit(2), count: 9)
    + [.kill, .capture([]), .prepare] + Array(repeating: .commit(30), count: 16)
    + [.prepare, .wait(200_000), .capture(.userAgent), .commit(3), .wait(60), .commit(2), .wait(60)]
    // Minutes that close without a click, until all merges of the last ones are done: the record of the last one changes nothing but
    // the time, so that an older manifest names no file that has gone.
    + [.wait(190_000)] + Array(repeating: .wait(61_000), count: 9) + [.commit(1), .wait(60)]

  /// The store that `seed` gives; another seed gives one with another identity. `restarted`: opened once more, so that
  /// the newest manifest is younger than all of the log.
  package init(seed: UInt64, restarted: Bool = false) throws {
    let machine = SimulatedMachine(seed: seed)
    let run = Run(machine)
    run.open()
    for step in Self.steps + (restarted ? [.restart] : []) {
      for (path, _) in machine.disk.files() {
        let bytes = machine.disk.bytes(of: path)!
        if history[path]?.last != bytes { history[path, default: []].append(bytes) }
      }
      run.perform(step)
    }
    disk = machine.disk.crash(.everything)
    wall = machine.time.wall()
    contents = try Contents(SimulatedMachine(seed: 0, disk: disk).environment, Run.path)
    files = disk.files()
    for (path, _) in files {
      let bytes = disk.bytes(of: path)
      history[path]?.removeAll { $0 == bytes }
    }
    precondition(run.check() == [] && Int(contents.retired) + contents.clicks.count == run.ledger.counted.count)

    let extent = contents.state!.extents.last!
    let directory = "\(Run.path)/\(StoreFiles.shard(0))/\(StoreFiles.log)"
    openSlot = String("\(directory)/\(SlotHeader.name(extent.slot))".dropFirst())
    let reader = try LogReader(
      disk, "/" + openSlot, extent: extent, store: try Store.identify(disk, Run.path)!.id)
    var frames: [Frame] = []
    let bytes = disk.bytes(of: openSlot)!
    _ = try reader.walk { frame in
      let (header, offset) = (frame.header, frame.offset)
      frames.append(
        Frame(
          firstPosition: Int(header.firstPosition), records: Int(header.records), offset: offset,
          bytes: Array(bytes[offset..<(offset + header.frameBytes)])))
    }
    self.frames = frames
  }

  /// What the damaged store turns out to be.
  package enum Outcome: Equatable, Sendable {
    /// Exactly the right contents.
    case right
    /// An error that says where the damage is.
    case refused(FormatError)
    /// Right up to this many clicks, without those after it.
    case shorter(Int)
    /// Anything else.
    case wrong(String)
  }

  /// Reads the store; where `opening`, a copy of it is opened for clicks first.
  package func outcome(opening: Bool = false) -> Outcome {
    let machine = SimulatedMachine(
      seed: 77, disk: opening ? disk.crash(.nothing) : disk, time: SimulatedTime(wall: wall))
    do {
      if opening { _ = try Store.open(machine.environment, Run.path, options: Scenario.options) }
      let found = try Contents(machine.environment, Run.path)
      if found.clicks == contents.clicks, found.strings == contents.strings,
        found.inconsistent == contents.inconsistent, found.rows == contents.rows,
        opening || found.state == contents.state
      {
        return .right
      }
      let count = found.clicks.count
      if count < contents.clicks.count, found.clicks[...] == contents.clicks[..<count],
        found.strings[...] == contents.strings[..<count]
      {
        return .shorter(Int(found.retired) + found.clicks.count)
      }
      return .wrong(
        "\(found.clicks.count) clicks, \(found.rows.count) rows, state \(found.state.map { "\($0)" } ?? "-")")
    } catch let error as FormatError {
      return .refused(error)
    } catch {
      return .wrong("\(error)")
    }
  }

  /// Whether the log may rightly end before click `count`: everything from its frame on is damaged, so that nothing is
  /// left that could tell it from a write that did not finish. The manifest's promise ends where the generation began.
  func isBeyondDetection(_ count: Int) -> Bool {
    guard let bytes = disk.bytes(of: openSlot),
      let first = frames.firstIndex(where: { $0.firstPosition == count && $0.records > 0 })
    else { return false }
    return frames[first...].allSatisfy { Array(bytes[$0.offset..<($0.offset + $0.bytes.count)]) != $0.bytes }
  }
}

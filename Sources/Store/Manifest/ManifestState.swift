import ClickLog
import Clicks

/// What a shard is, apart from the clicks themselves.
package struct ManifestState: Equatable, Sendable {
  package var epoch: UInt32 = 0
  /// The opening of the store that the shard took part in last; 0 where it was of 0.1.
  package var start: UInt64 = 0
  /// Which of the store's shards it is; nil where nobody has said so yet.
  package var shard: UInt32?
  /// Live generations, in log order; at most the last is open.
  package var extents: [LogExtent] = []
  /// The highest generation ever given.
  package var lastGeneration: UInt64 = 0
  package var logicalTime: Int64 = 0
  /// Minutes before this one are closed.
  package var closedThrough: Int64 = .min
  /// Every click below is in the table.
  package var applied: UInt64 = 0
  /// Replay starts here: no click below it is in an open minute.
  package var floor: UInt64 = 0
  /// Clicks below are in segments, or retired.
  package var sealed: UInt64 = 0
  /// Raw clicks below are gone.
  package var retired: UInt64 = 0
  /// Days before this one (since 1970) have hour and day rows.
  package var rolledUp: Int64 = .min
  /// Minute rows before this minute are gone.
  package var minutesFrom: Int64 = .min
  /// The immutable files, by number.
  package var files: [StoreFile] = []
  /// The highest file number ever given.
  package var lastFile: UInt64 = 0
  /// How far the shard was recounted, and by which run last.
  package var recounted = RecountMark()
  package var lastRecount: UInt64 = 0
  /// Clicks of minute rows that are gone.
  package var dropped: UInt64 = 0
  /// Repeats whose raw clicks are gone, beside those that files of corrections list.
  package var retiredMarks: UInt64 = 0
  /// The highest file number when every row was last held against every raw click, and all were right or put right; 0: never.
  package var comparedThrough: UInt64 = 0
  /// Where the earlier copies of repeats are, of those in segments from `copiesCounted` on; nil: that was never recorded.
  package var earlierCopies = EarlierCopies()
  package var copiesCounted: UInt64?
  /// Sealed months, ascending.
  package var seals: [MonthSeal] = []
  /// External tables by their numbers.
  package var tables: [UInt32: String] = [:]
  /// How far sources of clicks are durable.
  package var sources = SourceTable()

  package init() {}

  /// The log before this position is of no more use: it is in segments, and replay does not need it.
  package var logFloor: UInt64 { min(sealed, floor) }

  /// Files of one kind, by number.
  package func files(_ kind: StoreFile.Kind) -> [StoreFile] { files.filter { $0.kind == kind } }

  /// The slots that hold live generations.
  package var liveSlots: Set<UInt32> { Set(extents.map(\.slot)) }

  /// Applies a change; a fault leaves the state half changed and must end the reading.
  package mutating func apply(_ change: ManifestChange) throws(ManifestFault) {
    switch change {
    case .epoch(let next):
      guard next > epoch else { throw ManifestFault("epoch \(next) after \(epoch)") }
      epoch = next
    case .open(let extent):
      guard extent.generation > lastGeneration else {
        throw ManifestFault("generation \(extent.generation) opened after \(lastGeneration)")
      }
      guard extents.allSatisfy({ $0.end != nil && $0.slot != extent.slot }) else {
        throw ManifestFault("generation \(extent.generation) opened in a slot in use, or beside an open one")
      }
      guard extents.last.map({ $0.end!.position == extent.firstPosition }) ?? true else {
        throw ManifestFault("generation \(extent.generation) leaves a gap in the positions")
      }
      extents.append(extent)
      lastGeneration = extent.generation
    case .close(let generation, let end):
      guard let i = extents.firstIndex(where: { $0.generation == generation }), extents[i].end == nil,
        end.position >= extents[i].firstPosition
      else { throw ManifestFault("generation \(generation) closed, but it is not open") }
      extents[i].end = end
    case .remove(let generation):
      guard let i = extents.firstIndex(where: { $0.generation == generation }) else {
        throw ManifestFault("generation \(generation) removed, but it is not there")
      }
      extents.remove(at: i)
    case .logicalTime(let time): logicalTime = max(logicalTime, time)
    case .closedThrough(let minute): closedThrough = max(closedThrough, minute)
    case .lastGeneration(let generation): lastGeneration = max(lastGeneration, generation)
    case .checkpoint, .sealed, .retired: try applyPosition(change)
    case .addFile(let file):
      guard file.reference.number > lastFile else {
        throw ManifestFault("file \(file.reference.number) added after \(lastFile)")
      }
      files.append(file)
      lastFile = file.reference.number
    case .removeFile(let number):
      guard let i = files.firstIndex(where: { $0.reference.number == number }) else {
        throw ManifestFault("file \(number) removed, but it is not there")
      }
      files.remove(at: i)
    case .lastFile(let number): lastFile = max(lastFile, number)
    case .rolledUp(let day): rolledUp = max(rolledUp, day)
    case .minutesFrom(let minute): minutesFrom = max(minutesFrom, minute)
    case .table(let number, let name):
      guard tables[number] == nil, !tables.values.contains(name) else {
        throw ManifestFault("table \(number), \(name), is there already")
      }
      tables[number] = name
    case .recounted(let mark, let run):
      guard run >= lastRecount, mark.follows(recounted), mark.position <= sealed else {
        throw ManifestFault("recount \(run) to \(mark) after \(lastRecount) to \(recounted), sealed to \(sealed)")
      }
      (recounted, lastRecount) = (mark, run)
    case .dropped(let clicks): dropped = max(dropped, clicks)
    case .retiredMarks(let marks): retiredMarks = max(retiredMarks, marks)
    case .compared(let number): comparedThrough = number
    case .earlierCopies(let list):
      guard list.isSound, list.end > retired else { throw ManifestFault("earlier copies of repeats: \(list)") }
      earlierCopies.set(list)
    case .copiesCounted(let position):
      guard copiesCounted ?? position == position else {
        throw ManifestFault("earlier copies counted from \(position), after \(copiesCounted!)")
      }
      copiesCounted = position
    case .monthSealed(let seal):
      guard seal.month.minutes.upperBound <= closedThrough, !seals.contains(where: { $0.month == seal.month }) else {
        throw ManifestFault("\(seal.month) sealed again, or before its last minute was closed")
      }
      seals.append(seal)
      seals.sort { $0.month < $1.month }
    case .progress(let progress): sources.note(progress)
    case .started(let number, let of):
      // An opening that did not come to its end gives its number to the next one.
      guard number >= start, shard ?? of == of else {
        throw ManifestFault("opening \(number) of shard \(of) after \(start) of shard \(shard.map { "\($0)" } ?? "?")")
      }
      (start, shard) = (number, of)
    }
  }

  /// Positions only go forward: `retired ≤ sealed ≤ applied` and `floor ≤ applied`.
  private mutating func applyPosition(_ change: ManifestChange) throws(ManifestFault) {
    switch change {
    case .checkpoint(let position, let replay):
      guard position >= applied, replay >= floor, replay <= position else {
        throw ManifestFault("checkpoint \(position), floor \(replay) after \(applied), \(floor)")
      }
      (applied, floor) = (position, replay)
    case .sealed(let position):
      guard position >= sealed, position <= applied else {
        throw ManifestFault("sealed to \(position) of \(applied), after \(sealed)")
      }
      sealed = position
    case .retired(let position):
      guard position >= retired, position <= sealed else {
        throw ManifestFault("retired to \(position) of \(sealed), after \(retired)")
      }
      retired = position
      earlierCopies.retire(below: position)
    default: preconditionFailure("no position")
    }
  }

  /// The seal of a month; nil where it is not sealed.
  package func seal(of month: Month) -> MonthSeal? { seals.first { $0.month == month } }

  /// The changes that build this state from nothing.
  package var snapshot: [ManifestChange] {
    var changes: [ManifestChange] = []
    if epoch > 0 { changes.append(.epoch(epoch)) }
    if let shard { changes.append(.started(number: start, shard: shard)) }
    for extent in extents {
      var opened = extent
      opened.end = nil
      changes.append(.open(opened))
      if let end = extent.end { changes.append(.close(generation: extent.generation, end)) }
    }
    if logicalTime > 0 { changes.append(.logicalTime(logicalTime)) }
    if closedThrough > .min { changes.append(.closedThrough(minute: closedThrough)) }
    if applied > 0 || floor > 0 { changes.append(.checkpoint(applied: applied, floor: floor)) }
    if sealed > 0 { changes.append(.sealed(to: sealed)) }
    if retired > 0 { changes.append(.retired(to: retired)) }
    if rolledUp > .min { changes.append(.rolledUp(before: rolledUp)) }
    if minutesFrom > .min { changes.append(.minutesFrom(minute: minutesFrom)) }
    if lastRecount > 0 { changes.append(.recounted(recounted, run: lastRecount)) }
    if dropped > 0 { changes.append(.dropped(clicks: dropped)) }
    if retiredMarks > 0 { changes.append(.retiredMarks(retiredMarks)) }
    if comparedThrough > 0 { changes.append(.compared(throughFile: comparedThrough)) }
    if let copiesCounted { changes.append(.copiesCounted(from: copiesCounted)) }
    for list in earlierCopies.lists { changes.append(.earlierCopies(list)) }
    for seal in seals { changes.append(.monthSealed(seal)) }
    for file in files { changes.append(.addFile(file)) }
    if lastFile > (files.last?.reference.number ?? 0) { changes.append(.lastFile(lastFile)) }
    for number in tables.keys.sorted() { changes.append(.table(number: number, name: tables[number]!)) }
    for progress in sources.sources { changes.append(.progress(progress)) }
    if lastGeneration > (extents.map(\.generation).max() ?? 0) { changes.append(.lastGeneration(lastGeneration)) }
    return changes
  }
}

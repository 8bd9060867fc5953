import Bytes
import ClickLog
import Clicks
import Service
import Store

extension ManifestChange {
  /// The change in words.
  var words: String {
    switch self {
    case .epoch(let epoch): "opening number \(epoch) of the store"
    case .open(let extent):
      "generation \(extent.generation) takes clicks in slot \(extent.slot) from position \(extent.firstPosition), after "
        + "generation \(extent.previousGeneration), durable up to byte \(extent.durable)"
    case .close(let generation, let end):
      "generation \(generation) ends at byte \(end.offset), position \(end.position)"
    case .remove(let generation): "generation \(generation) is not needed any more; its slot is free"
    case .logicalTime(let time): "the logical clock has reached \(TimeRange.text(time))"
    case .closedThrough(let minute): "minutes before \(TimeRange.minute(minute)) are closed"
    case .lastGeneration(let generation): "generations up to \(generation) have been given"
    case .checkpoint(let applied, let floor):
      "the table holds every click below position \(applied); replay starts at position \(floor)"
    case .addFile(let file):
      "\(file.kind.name) \(StoreFiles.path(file.kind, file.reference.number)) is listed: \(file.reference.bytes) bytes, "
        + "digest \(Hex.encode(file.reference.digest))"
    case .removeFile(let number): "file \(number) is not listed any more"
    case .lastFile(let number): "file numbers up to \(number) have been given"
    case .sealed(let position): "clicks below position \(position) are in segments, or retired"
    case .retired(let position): "raw clicks below position \(position) are gone; their sums are base rows"
    case .rolledUp(let day): "days before \(TimeRange.day(day)) have hour and day rows"
    case .minutesFrom(let minute): "minute rows before \(TimeRange.minute(minute)) are gone"
    case .recounted(let mark, let run):
      "recount \(run): every click below position \(mark.position) of a minute before \(TimeRange.minute(mark.through)) "
        + "counts once; the next one begins at position \(mark.floor)"
    case .dropped(let clicks): "minute rows of \(clicks) clicks are gone"
    case .retiredMarks(let marks): "\(marks) marked repeats are gone with their segments"
    case .compared(let number): "every row was held against every raw click when file \(number) was the last"
    case .earlierCopies(let list): list.words
    case .copiesCounted(let position):
      "earlier copies are recorded of the repeats in segments from position \(position) on"
    case .monthSealed(let seal):
      "\(seal.month) is sealed since \(TimeRange.text(seal.time)): \(seal.clicks) clicks of \(seal.ads) ads, \(seal.rows) minute "
        + "rows of digest \(Hex.encode(seal.minutes)), days of digest \(Hex.encode(seal.days))"
    case .table(let number, let name): "external table \(number) is called \(name)"
    case .progress(let progress): progress.words
    case .started(let number, let shard): "shard \(shard) takes part in opening \(number)"
    }
  }
}

extension EarlierCopies.List {
  /// The list in words.
  fileprivate var words: String {
    let segment = "the segment that ends at position \(end)"
    guard let first = parts.first else { return "nothing is recorded any more of earlier copies of \(segment)" }
    let all =
      ([isJoined ? "\(first.count) up to \(first.end)" : "\(first.count) in that to \(first.end)"]
      + parts.dropFirst().map { "\($0.count) in that to \($0.end)" }).joined(separator: ", ")
    return "of the repeats in \(segment) so many have their latest earlier copy in an older one: \(all)"
  }
}

extension SourceProgress {
  /// The progress in words.
  var words: String {
    "source \(Hex.encode(high))\(Hex.encode(low)) is durable through line \(lines), byte \(bytes)"
  }
}

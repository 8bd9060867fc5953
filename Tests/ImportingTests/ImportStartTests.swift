import ClickLog
import Clicks
import Importing
import Simulation
import Store
import Testing

/// Where imports begin: a line that was counted is never counted again, whatever became of the file since.
@Suite struct ImportStartTests {
  private static let way = SourceKey(high: 1, low: 1)

  /// What was decided, in a word.
  private func start(
    _ text: String?, name: String = "a.csv", isNamed: Bool = false, lines: Bool = false, again: Bool = false,
    progress: [SourceProgress]? = nil, finished: [FinishedImport] = [], retired: UInt64 = 0,
    lost: Int64 = .min
  ) throws -> String {
    let memory = ImportMemory(progress: progress, finished: finished, retired: [retired], layout: 0, lost: lost)
    let question = ImportQuestion(name: name, isNamed: isNamed, derivesFromLines: lines, again: again)
    let source = text.map { text in
      SourceText(size: UInt64(text.utf8.count), hasHeader: true) { offset, digest in Self.lines(text, offset, digest) }
    }
    switch try memory.start(question, source) {
    case .anew(nil): return "anew"
    case .anew(.changed): return "anew, changed"
    case .anew(.rejectedBefore): return "anew, rejected"
    case .anew(.lostSince): return "anew, lost"
    case .behind(let before, let beginning):
      #expect(beginning.digest.value == before.digest && beginning.digest.bytes == before.bytes)
      return "behind \(before.lines)"
    case .proving(let before, let ends): return "proving \(before.lines)\(ends.isEmpty ? "" : ", whole")"
    case .done: return "done"
    case .refused(let why):
      #expect(why.contains("--source"), "\(why)")
      return "refused"
    }
  }

  /// A shard that was accepted with clicks missing may have lost some of what was read before: it is read again, as long as
  /// what is left of it is recognised.
  @Test func whatMayBeLostIsReadAgain() throws {
    let text = "adId,time\n1,2\n3,4\n"
    let before = try finished(text)
    #expect(try start(text, finished: [before], lost: before.ended - 1) == "done")
    #expect(try start(text, finished: [before], lost: before.ended) == "anew, lost")
    #expect(try start(text, name: "b.csv", lines: true, finished: [before], lost: .max) == "refused")
    #expect(try start(text, finished: [before], retired: .max, lost: .max) == "refused")
  }

  private static func lines(_ text: String, _ offset: UInt64, _ digest: SourceDigest?) -> LineSource {
    var rest = Array(text.utf8)[Int(offset)...]
    return unsafe LineSource(digest: digest) { buffer in
      let count = min(rest.count, min(buffer.count, 700))
      for (i, byte) in rest.prefix(count).enumerated() { unsafe buffer[i] = byte }
      rest = rest.dropFirst(count)
      return count
    }
  }

  /// What a finished import of `text` leaves.
  private func finished(_ text: String, _ name: String = "a.csv", rejected: UInt64 = 0, sampled: Bool = true) throws
    -> FinishedImport
  {
    let digest = SourceDigest()
    var (sample, number): (LineSample, UInt64) = (LineSample(), 0)
    var lines = Self.lines(text, 0, digest)
    while unsafe try lines.next({ line, _, _ in
      number += 1
      if number > 1 { unsafe sample.add(LineSample.hash(line)) }
    }) {}
    lines.settle()
    return FinishedImport(
      way: Self.way, name: name, bytes: digest.bytes, lines: number, digest: digest.value, rejected: rejected, began: 1,
      ended: 2, layout: 0, since: [10], sample: sampled ? sample.least : [])
  }

  private func progress(_ text: String, since: UInt64 = 10, isProven: Bool = true) throws -> [SourceProgress] {
    let one = try finished(text)
    let proof = SourceProof(digestHigh: one.digest.high, digestLow: one.digest.low, since: since, rejected: 0)
    return [SourceProgress(high: 1, low: 2, lines: one.lines, bytes: one.bytes, proof: isProven ? proof : nil)]
  }

  private static func file(_ lines: Range<Int>, changed: Int? = nil, day: Int = 1) -> String {
    "ad,time,id\n" + lines.map { "42,\(day)00\($0),\($0 == changed ? "x" : "i")\(day)-\($0)\n" }.joined()
  }

  @Test func anInterruptedImportGoesOnWhereItIsProven() throws {
    let read = Self.file(0..<500)
    for (text, gone, expected) in [
      (Self.file(0..<900), 0 as UInt64, ["behind 501", "behind 501"]),
      (Self.file(0..<900), 11, ["behind 501", "behind 501"]),
      (Self.file(0..<900, changed: 0), 0, ["anew, changed", "refused"]),
      (Self.file(0..<900, changed: 499), 10, ["anew, changed", "refused"]),
      (Self.file(0..<900, changed: 499), 11, ["refused", "refused"]),
      (Self.file(0..<900, changed: 500), 11, ["behind 501", "behind 501"]),
      (Self.file(0..<300), 0, ["anew, changed", "refused"]), ("", 11, ["refused", "refused"]),
    ] {
      for (derived, due) in zip([false, true], expected) {
        let got = try start(text, lines: derived, progress: try progress(read), retired: gone)
        #expect(got == due, "\(text.utf8.count) bytes, retired \(gone), from lines \(derived)")
      }
    }
    // Of two shards the one that is ahead has read more: that must be there too.
    let both = try progress(read) + progress(Self.file(0..<600))
    for (changed, due) in [(nil, "behind 501"), (599, "refused"), (600, "behind 501")] as [(Int?, String)] {
      #expect(try start(Self.file(0..<900, changed: changed), lines: true, progress: both) == due)
    }
    // A version before wrote no digest. Ids were derived as they are now.
    let old = try progress(read, isProven: false)
    for derived in [false, true] {
      #expect(try start(read, lines: derived, progress: old) == "anew, changed")
      #expect(try start(read, lines: derived, progress: old, retired: 1) == "refused")
    }
    // What can be read but once is passed over, and proven on the way, where repeats could not be told.
    #expect(try start(nil, progress: try progress(read)) == "anew, changed")
    #expect(try start(nil, lines: true, progress: try progress(read)) == "proving 501")
    #expect(try start(nil, progress: try progress(read), retired: 11) == "proving 501")
  }

  @Test func aFinishedImportIsRecognised() throws {
    let read = Self.file(0..<200)
    let one = try finished(read)
    for derived in [false, true] {
      for gone in [0, 11] as [UInt64] {
        func got(_ text: String, _ name: String = "a.csv", isNamed: Bool = false) throws -> String {
          try start(text, name: name, isNamed: isNamed, lines: derived, finished: [one], retired: gone)
        }
        #expect(try got(read) == "done")
        #expect(try got(read, "other.csv") == "done")
        #expect(try got(read, "other.csv", isNamed: true) == "anew")
        #expect(try got(read + Self.file(200..<300).dropFirst(11)) == "behind 201")
        #expect(try got(Self.file(0..<200, changed: 7)) == (derived || gone > 10 ? "refused" : "anew"))
        #expect(try got(Self.file(0..<150)) == (derived || gone > 10 ? "refused" : "anew"))
        // The file of the next day, under the same name.
        #expect(try got(Self.file(0..<200, day: 2)) == "anew")
        #expect(try got(Self.file(0..<200, changed: 7), "other.csv", isNamed: true) == "anew")
      }
    }
    // Not all of its lines were sampled: nobody knows whether the next day's are others.
    let unsampled = try finished(read, sampled: false)
    #expect(try start(Self.file(0..<9, day: 2), finished: [unsampled], retired: 11) == "refused")
    #expect(try start(Self.file(0..<9, day: 2), finished: [unsampled]) == "anew")
    // Pipes.
    #expect(try start(nil, isNamed: true, finished: [one]) == "anew")
    #expect(try start(nil, isNamed: true, finished: [one], retired: 11) == "proving 201, whole")
    #expect(try start(nil, isNamed: true, lines: true, finished: [one]) == "proving 201, whole")
    #expect(try start(nil, name: "new", isNamed: true, lines: true, finished: [one], retired: 11) == "anew")
  }

  @Test func whatWasRejectedMayBeReadAgain() throws {
    let read = Self.file(0..<20)
    let one = try finished(read, rejected: 3)
    #expect(try start(read, finished: [one]) == "anew, rejected")
    #expect(try start(read, lines: true, finished: [one]) == "anew, rejected")
    #expect(try start(read, name: "b", finished: [one]) == "anew, rejected")
    #expect(try start(read, name: "b", lines: true, finished: [one]) == "done")
    #expect(try start(read, finished: [one], retired: 11) == "done")
    #expect(try start(read + "42,3,i\n", finished: [one]) == "anew, rejected")
    #expect(try start(read + "42,3,i\n", finished: [one], retired: 11) == "behind 21")
    let all = try finished(read)
    #expect(try start(read, again: true, finished: [all]) == "anew")
    #expect(try start(read, again: true, finished: [all], retired: 11) == "refused")
    #expect(try start(read, name: "b", again: true, finished: [all], retired: 11) == "refused")
    #expect(try start(read, name: "b", lines: true, again: true, finished: [all]) == "refused")
    #expect(try start(read, name: "b", again: true, finished: [all]) == "anew")
    #expect(try start(read, again: true, progress: try progress(read), retired: 11) == "refused")
    #expect(try start(nil, again: true, progress: try progress(read)) == "anew")
  }

  /// A random file that is changed in a random way: lines that are passed over are the ones that were read.
  @Test(arguments: 0..<60 as Range<UInt64>) func nothingIsPassedOverUnproven(seed: UInt64) throws {
    var chance = SeededGenerator(seed: seed)
    let count = chance.small(in: 1...400)
    let read = Self.file(0..<count)
    var bytes = Array(read.utf8)
    if chance.oneIn(4) { bytes += Array("42,7,more\n".utf8) }
    let isChanged = chance.oneIn(2)
    if isChanged {
      let at = chance.small(in: 0...(Array(read.utf8).count - 1))
      bytes[at] = bytes[at] == 0x31 ? 0x32 : 0x31
    }
    let text = String(decoding: bytes, as: UTF8.self)
    let isSame = text.hasPrefix(read)
    let gone: UInt64 = chance.oneIn(2) ? 11 : 0
    let derived = chance.oneIn(2)
    let got = try start(text, lines: derived, progress: try progress(read), retired: gone)
    let due = isSame ? "behind \(count + 1)" : derived || gone > 10 ? "refused" : "anew, changed"
    #expect(got == due, "seed \(seed)")
  }
}

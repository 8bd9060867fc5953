import Clicks
import Glibc
import JSON
import Platform
import Service
import Simulation
import Testing

// An identity counts once, however its id looks, is spelled, or comes: every id twice in two spellings, the second copy behind
// the dedup horizon, by each pair of doors, while the ad turns hot, cold and hot again. A copy may be refused as `expired`
// where its spelling claims a minting time, and then counts nothing; of all others the first counts.

@Suite(.serialized) struct EveryDoorTwiceTests {
  @Test(arguments: Seeds.list(1), [false, true]) func everyIDCountsOnce(_ seed: Seed, recounts: Bool) throws {
    print("every id twice: \(seed)")
    try TwiceRun(seed, recounts: recounts).run()
  }
}

private let hour: Int64 = 3_600_000

/// Where a click comes in.
private enum Entrance: CaseIterable {
  case click, batch, file
}

/// What the 128 bits are.
private enum IDKind: CaseIterable {
  /// Random bits, and a digest's: as good as random, by a publisher who has ids of his own.
  case random, digest
  /// UUIDs of version 7: of now, of a clock that is ahead, of about the impression lifetime ago.
  case minted, ahead, old
  /// Numbers whose bits hold a plausible time that means nothing: since 2020, of today, of the next minutes, of the next days.
  case likePast, likeToday, likeSoon, likeLater
  /// A draft of RFC 9562: seconds in the first 36 bits, read as milliseconds a time centuries away.
  case draft
}

/// How an id is written.
private enum Spelling: CaseIterable {
  case hyphens, upperHyphens, digits, upperDigits, mixedDigits, braces

  /// The id as readers see it once what stands around it is gone.
  func text(_ id: ImpressionID) -> String {
    switch self {
    case .hyphens, .braces: "\(id)"
    case .upperHyphens: "\(id)".uppercased()
    case .digits: id.digits
    case .upperDigits: id.digits.uppercased()
    case .mixedDigits: String(id.digits.prefix(16)) + String(id.digits.suffix(16)).uppercased()
    }
  }

  func shown(_ id: ImpressionID) -> String { self == .braces ? "%7B\(text(id))%7D" : text(id) }

  var claimsTime: Bool { self == .hyphens || self == .upperHyphens || self == .braces }
}

/// One id and what became of its copies.
private struct Subject {
  var id: ImpressionID
  var kind: IDKind
  var doors: (first: Entrance, second: Entrance)
  var spellings: [Spelling]
  /// Copies that were not refused.
  var taken = 0
}

private final class TwiceRun {
  private let ad = "hot"
  private let server: MovedServer
  private let seed: Seed
  private var chance: SeededGenerator
  private var subjects: [Subject] = []
  /// What the table should say: clicks of ids that were taken at least once, and copies that nobody knew to be such.
  private var due = 0
  private var twice = 0
  private var files = 0
  private var expired = 0
  /// Whether the background recounts by itself, and may have taken repeats away before anybody asks for it.
  private let recounts: Bool

  private static let horizon: Int64 = 20_000

  init(_ seed: Seed, recounts: Bool) throws {
    self.seed = seed
    self.recounts = recounts
    chance = seed.generator
    server = try MovedServer(ad: ad) {
      $0.shards = 3
      $0.hotThreshold = 20
      if !recounts {
        $0.reconcileSchedule = nil
        $0.shardOptions.recountInterval = 366 * 24 * hour
      }
      $0.shardOptions.dedupHorizon = Self.horizon
    }
  }

  /// The first copies of a stage come in every state of the ad, and their second copies in another:
  ///
  ///     a: cold      b: hot is decided      c: hot      d: cold is decided      e: cold      ─▶ hot again, then a day later
  func run() throws {
    let a = try first()
    try heat()
    let b = try first()
    try passBorder("from")
    try seal()
    let c = try first()
    try second(a)
    try expectSpread()
    try cool()
    let d = try first()
    try seal()
    try second(b)
    try passBorder("to")
    let e = try first()
    try second(c)
    try heat()
    try passBorder("from")
    try seal()
    try second(d)
    try second(e)
    try pass(26 * hour)
    let all = Array(subjects.indices)
    try copies(all.filter { $0 % 3 == 0 }, by: .click)
    try copies(all.filter { $0 % 3 == 1 }, by: .batch)
    try copies(all.filter { $0 % 3 == 2 }, by: .file)
    try conclude()
  }

  private func conclude() throws {
    let intervals = try intervals()
    #expect(intervals.count == 2 && hasEnd(intervals.first) && !hasEnd(intervals.last), "\(seed): \(intervals)")
    #expect(due > subjects.count * 3 / 4 && expired > 0 && twice > 0, "\(seed): \(due), \(expired), \(twice)")
    let before = try server.total(ad)
    #expect(recounts ? due...due + twice ~= before : before == due + twice, "\(seed): \(before), \(due) + \(twice)")
    try pass(10 * 60_000)
    try server.run("reconcile --data-dir DATA")
    #expect(try server.total(ad) == due, "\(seed): after the recount, \(twice) repeats before it")
    let again = try server.run("reconcile --data-dir DATA --format json")
    #expect(try JSONReader.read(Array(again.output.utf8))["rowsCorrected"]?.text == "0", "\(seed): \(again.output)")
    server.stop()
    for depth in ["", "--deep "] {
      let verified = server.session.run("verify \(depth)--data-dir DATA")
      #expect(verified.status == .done, "\(seed): \(verified.talk)")
    }
  }

  // MARK: - Copies

  /// Makes ids of each kind for each pair of doors, and sends their first copies. Returns their indices.
  private func first() throws -> [Int] {
    let start = subjects.count
    for kind in IDKind.allCases {
      for first in Entrance.allCases {
        for second in Entrance.allCases {
          let spellings = Array(Spelling.allCases.shuffled(using: &chance).prefix(2))
          subjects.append(
            Subject(id: newID(kind), kind: kind, doors: (first, second), spellings: spellings))
        }
      }
    }
    let new = Array(start..<subjects.count)
    for door in Entrance.allCases { try copies(new.filter { subjects[$0].doors.first == door }, by: door, 0) }
    return new
  }

  private func second(_ indices: [Int]) throws {
    for door in Entrance.allCases { try copies(indices.filter { subjects[$0].doors.second == door }, by: door, 1) }
  }

  /// Sends one copy of each by a door: in the spelling of that number, or in any.
  private func copies(_ indices: [Int], by door: Entrance, _ spelling: Int? = nil) throws {
    let indices = indices.shuffled(using: &chance)
    let spellings = indices.map { index in
      spelling.map { subjects[index].spellings[$0] } ?? chance.pick(Spelling.allCases)
    }
    if door == .click {
      for (index, spelling) in zip(indices, spellings) {
        let id = subjects[index].id
        let now = server.time.wall()
        let verdict = try server.click(ad, spelled: spelling.text(id), shown: spelling.shown(id))
        judge(index, spelling, at: now, isExpired: verdict == "expired")
        if verdict == "expired" { continue }
        // Nobody says of an id from /click that has no time in its bits that it came before the horizon: the recount does.
        let mayCount = subjects[index].taken == 0 || id.minting(by: now) == nil
        let isRight = verdict == "duplicate" ? subjects[index].taken > 0 : verdict == "valid" && mayCount
        #expect(isRight, "\(told(index)), \(subjects[index].taken) taken: \(verdict)")
        if verdict == "valid", subjects[index].taken > 0 { twice += 1 }
        take(index)
      }
      return
    }
    var times: [Int64] = []
    var lines: [String] = []
    for (index, spelling) in zip(indices, spellings) {
      times.append(server.time.wall() - Int64(chance.below(20_000)))
      let id = spelling.text(subjects[index].id)
      lines.append("{\"adId\":\"\(ad)\",\"impressionId\":\"\(id)\",\"time\":\(times.last!)}\n")
    }
    files += 1
    let report =
      try door == .batch
      ? server.batch(lines)
      : server.importFile("clicks-\(files).ndjson", lines, byServer: chance.oneIn(3))
    var refused: [Int: String] = [:]
    for one in report["rejected"]?.elements ?? [] {
      refused[one["line"]?.text.flatMap { Int($0) } ?? 0] = one["code"]?.text ?? "?"
    }
    let new = indices.indices.count { refused[$0 + 1] == nil && subjects[indices[$0]].taken == 0 }
    for (number, index) in indices.enumerated() {
      let code = refused[number + 1]
      #expect(code == nil || code == "expired", "\(told(index)): \(code ?? "")")
      judge(index, spellings[number], at: times[number], isExpired: code != nil)
      if code == nil { take(index) }
    }
    // These doors ask all raw clicks.
    let (accepted, known) = (report["accepted"]?.text, report["duplicate"]?.text)
    let repeats = indices.count - refused.count - new
    #expect(accepted == "\(new)" && known == "\(repeats)", "\(seed): \(door) of \(indices.count): \(report)")
  }

  private func take(_ index: Int) {
    if subjects[index].taken == 0 { due += 1 }
    subjects[index].taken += 1
  }

  /// Only a spelling that claims a minting time expires, and does so away from the borders by whole seconds.
  private func judge(_ index: Int, _ spelling: Spelling, at time: Int64, isExpired: Bool) {
    if isExpired { expired += 1 }
    let now = server.time.wall()
    guard spelling.claimsTime, let minted = subjects[index].id.timeInBits, minted >= 1_577_836_800_000 else {
      #expect(!isExpired, "\(told(index)) as \(spelling)")
      return
    }
    let borders = [time - 24 * hour, time + 60_000, now + 24 * hour]
    guard borders.allSatisfy({ abs($0 - minted) > 5_000 }) else { return }
    let should = (minted < borders[0] || minted > borders[1]) && minted < borders[2]
    #expect(isExpired == should, "\(told(index)) as \(spelling)")
  }

  private func told(_ index: Int) -> String {
    "\(seed): \(subjects[index].kind) \(subjects[index].id) by \(subjects[index].doors) as \(subjects[index].spellings)"
  }

  private func newID(_ kind: IDKind) -> ImpressionID {
    let now = server.time.wall()
    func number(_ range: ClosedRange<Int64>) -> Int64 { .random(in: range, using: &chance) }
    func like(_ time: Int64) -> ImpressionID { .version7(at: time, random: (chance.next(), chance.next())) }
    switch kind {
    case .random: return ImpressionID(high: chance.next(), low: chance.next())
    case .digest:
      let (high, low) = SHA256().first128(chance.bytes(20))
      return ImpressionID(high: high, low: low)
    case .minted: return like(now - number(0...2_000))
    case .ahead: return like(now + number(0...50_000))
    case .old: return like(now - 24 * hour + number(-hour...hour))
    case .likePast: return like(number(1_577_836_800_000...now))
    case .likeToday: return like(now - number(0...20 * hour))
    case .likeSoon: return like(now + number(0...600_000))
    case .likeLater: return like(now + number(600_000...72 * hour))
    case .draft:
      let seconds = UInt64(now / 1_000)
      return ImpressionID(
        high: seconds << 28 | (chance.next() & 0xFFF) << 16 | 0x7000 | chance.next() & 0xFFF,
        low: 0x8000_0000_0000_0000 | chance.next() >> 2)
    }
  }

  // MARK: - The ad and its time

  private func pass(_ milliseconds: Int64) throws { try server.move(milliseconds: milliseconds) }

  /// What is in the log becomes segments, most times.
  private func seal() throws {
    if chance.oneIn(4) { return }
    try server.run("compact --data-dir DATA")
  }

  private func intervals() throws -> [JSONValue] {
    let ads = try server.admin("/admin/v1/hot-ads")["hotAds"]?.elements ?? []
    return ads.first { $0["adId"]?.text == ad }?["intervals"]?.elements ?? []
  }

  private func hasEnd(_ interval: JSONValue?) -> Bool { interval.map { $0["to"] != .null } ?? false }

  /// Lets time pass until the newest interval has begun, or ended. Ids whose time is some minutes ahead put that off.
  private func passBorder(_ name: String) throws {
    let border = try #require(try intervals().last?[name]?.text.flatMap { Timestamp.parse($0) })
    try pass(max(0, border - server.time.wall()) + 2_500)
  }

  private func wait(_ what: String, _ condition: () throws -> Bool) throws {
    let deadline = KernelTime().monotonic() + 60_000_000_000
    while try !condition() {
      try #require(KernelTime().monotonic() < deadline, "\(seed): \(what)")
      usleep(20_000)
    }
  }

  /// Clicks until the ad is hot. The interval begins more than a minute later.
  private func heat() throws {
    try wait("the ad does not turn hot") {
      for _ in 0..<10 {
        let id = newID(.minted)
        let verdict = try server.click(ad, spelled: "\(id)", shown: "\(id)")
        try #require(verdict == "valid", "\(seed)")
        due += 1
      }
      let intervals = try intervals()
      return !intervals.isEmpty && !hasEnd(intervals.last)
    }
  }

  /// Nobody clicks until the ad is cold. The interval ends more than a minute later.
  private func cool() throws {
    try wait("the ad does not turn cold") {
      usleep(1_100_000)
      try pass(61_000)
      return hasEnd(try intervals().last)
    }
  }

  /// Impressions of now go to all shards.
  private func expectSpread() throws {
    func positions() throws -> [Int] {
      let shards = try server.admin("/admin/v1/shards")["shards"]?.elements ?? []
      return shards.map { $0["position"]?.text.flatMap { Int($0) } ?? 0 }
    }
    let before = try positions()
    for _ in 0..<40 {
      let id = newID(.minted)
      #expect(try server.click(ad, spelled: "\(id)", shown: "\(id)") == "valid", "\(seed)")
      due += 1
    }
    let after = try positions()
    #expect(after.count == 3 && zip(before, after).allSatisfy { $0 < $1 }, "\(seed): \(before), \(after)")
  }
}

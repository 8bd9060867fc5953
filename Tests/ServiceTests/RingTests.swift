import Clicks
import HTTP
import Platform
import Service
import Shards
import Simulation
import Store
import Synchronization
import Testing

/// The way between a loop and a committer, with real threads and, from seeds, against a model.
@Suite struct RingTests {
  private let answered = Doorbell()

  private func request(_ number: Int) -> ClickRequest {
    ClickRequest(identity: .init(ad: .init(rawValue: 7), impression: .init(high: 0, low: UInt64(number))))
  }

  private func click(_ number: Int, since: Int64 = 0) -> WaitingClick {
    WaitingClick(
      exchange: Exchange(index: UInt32(truncatingIfNeeded: number), generation: 0, sequence: 0), ad: nil, since: since)
  }

  private func lane(_ capacity: Int) -> Lane {
    let ring = CommitRing(capacity: capacity, answered: answered)
    return Lane(ring: ring, committer: Committer(rings: [ring], shard: 0, routes: RouteBoard(shards: 1)))
  }

  /// Plays the committer: answers each request of `end` tickets with its own number, in batches of a random size.
  private func serve(_ ring: CommitRing, _ bell: Doorbell, to end: Int, seed: UInt64) -> String? {
    var generator = SeededGenerator(seed: seed)
    var taken = 0
    while taken < end {
      guard bell.wait(nanoseconds: 10_000_000_000, until: { ring.publishedEnd > taken }) else {
        return "no ring within ten seconds at ticket \(taken)"
      }
      let batch = min(ring.publishedEnd - taken, 1 + generator.small(in: 0...63))
      for ticket in taken..<(taken + batch) {
        let number = ring.request(ticket).identity.impression.low
        if number != UInt64(ticket) { return "ticket \(ticket) holds request \(number)" }
        ring.setAnswer(ClickAnswer(.valid, eventTime: Int64(number) + 1), at: ticket)
      }
      taken += batch
      ring.commit(taken)
    }
    return nil
  }

  @Test(arguments: [1, 2, 8, 1024]) func everyClickGetsItsOwnAnswerOverManyWraps(capacity: Int) throws {
    var lane = lane(capacity)
    let (ring, bell) = (lane.ring, lane.committer.published)
    let end = capacity == 1 ? 20_000 : 200_000
    let failures = Failures()
    var generator = SeededGenerator(seed: 3)
    try withThreads(1) { _ in
      if let text = serve(ring, bell, to: end, seed: 5) { failures.note(text) }
    } _: {
      var (sent, received) = (0, 0)
      while received < end, failures.first.isEmpty {
        let wanted = min(end - sent, 1 + generator.small(in: 0...127))
        for _ in 0..<wanted {
          let isFull = lane.outstanding == capacity
          let taken = lane.push(request(sent), click(sent))
          if taken == isFull { failures.note("a push at \(lane.outstanding) of \(capacity) said \(taken)") }
          if !taken { break }
          sent += 1
        }
        _ = lane.publish()
        if lane.outstanding == capacity || sent == end {
          let before = ring.committedEnd
          let isRung = answered.wait(nanoseconds: 10_000_000_000) { ring.committedEnd > before || lane.isSettled }
          if !isRung { failures.note("no answer within ten seconds") }
        }
        lane.collect { click, answer in
          if click.exchange.index != UInt32(received) || answer.eventTime != Int64(received) + 1 {
            failures.note("answer \(answer.eventTime) came to click \(click.exchange.index), place \(received)")
          }
          received += 1
        }
      }
    }
    #expect(failures.first == [])
    #expect(lane.isSettled && lane.outstanding == 0)
  }

  @Test func aFullRingTakesNothingUntilAnswersAreCollected() {
    var lane = lane(4)
    for number in 0..<4 {
      let taken = lane.push(request(number), click(number))
      #expect(taken)
    }
    var more = lane.push(request(4), click(4))
    #expect(!more)
    let published = lane.publish()
    #expect(published)
    let again = lane.publish()
    #expect(!again)
    lane.ring.setAnswer(ClickAnswer(.valid), at: 0)
    lane.ring.commit(1)
    // The answer of slot 0 must be read before a request may overwrite the slot.
    more = lane.push(request(4), click(4))
    #expect(!more)
    lane.collect { _, _ in }
    more = lane.push(request(4), click(4))
    #expect(more)
    more = lane.push(request(5), click(5))
    #expect(!more)
  }

  @Test func anAnswerAfterTheDeadlineIsNobodys() {
    var lane = lane(4)
    for number in 0..<4 { _ = lane.push(request(number), click(number, since: Int64(10 * number))) }
    _ = lane.publish()
    var late: [UInt32] = []
    lane.giveUp(before: 0) { late.append($0.exchange.index) }
    #expect(late == [])
    lane.giveUp(before: 11) { late.append($0.exchange.index) }
    #expect(late == [0, 1])
    lane.giveUp(before: 11) { late.append($0.exchange.index) }
    #expect(late == [0, 1])
    // Their places stay taken until the committer has been there.
    #expect(lane.outstanding == 4)
    let taken = lane.push(request(9), click(9))
    #expect(!taken)
    for ticket in 0..<3 { lane.ring.setAnswer(ClickAnswer(.valid, eventTime: Int64(ticket)), at: ticket) }
    lane.ring.commit(3)
    var answered: [UInt32] = []
    lane.collect { click, answer in
      answered.append(click.exchange.index)
      #expect(answer.eventTime == 2)
    }
    #expect(answered == [2])
    // The same slots again, for others: these get their own answers.
    for number in 4..<7 { _ = lane.push(request(number), click(number, since: 100)) }
    _ = lane.publish()
    lane.giveUp(before: 50) { late.append($0.exchange.index) }
    #expect(late == [0, 1, 3])
    for ticket in 3..<7 { lane.ring.setAnswer(ClickAnswer(.duplicate, eventTime: Int64(ticket)), at: ticket) }
    lane.ring.commit(7)
    answered = []
    lane.collect { click, answer in
      #expect(answer == ClickAnswer(.duplicate, eventTime: Int64(click.exchange.index)))
      answered.append(click.exchange.index)
    }
    #expect(answered == [4, 5, 6])
    #expect(lane.isSettled && lane.outstanding == 0)
  }

  /// Every step of a lane against a plain list of who waits.
  @Test(arguments: Seeds.list(200)) func aLaneIsAListOfWaitingClicks(seed: Seed) {
    var generator = seed.generator
    let capacity = 1 << generator.small(in: 0...5)
    var lane = lane(capacity)
    var waiting: [(number: Int, since: Int64, isGone: Bool)] = []
    var (next, published, committed, collected, now) = (0, 0, 0, 0, Int64(0))
    var wasDue = false
    for _ in 0..<2_000 {
      now += Int64(generator.small(in: 0...20))
      switch generator.next() % 7 {
      case 0, 1:
        let taken = lane.push(request(next), click(next, since: now))
        #expect(taken == (waiting.count < capacity), "\(seed)")
        if taken {
          waiting.append((next, now, false))
          next += 1
        }
      case 2:
        let isNew = lane.publish()
        #expect(isNew == (next > published), "\(seed)")
        (published, wasDue) = (next, false)
        #expect(lane.ring.publishedEnd == published, "\(seed)")
      case 3 where committed < published:
        let end = committed + 1 + generator.small(in: 0...(published - committed - 1))
        for ticket in committed..<end {
          #expect(lane.ring.request(ticket).identity.impression.low == UInt64(ticket), "\(seed)")
          lane.ring.setAnswer(ClickAnswer(.valid, eventTime: Int64(ticket) + 1), at: ticket)
        }
        lane.ring.commit(end)
        committed = end
      case 4:
        var got: [Int] = []
        lane.collect { click, answer in
          #expect(answer.eventTime == Int64(click.exchange.index) + 1, "\(seed)")
          got.append(Int(click.exchange.index))
        }
        let done = waiting.prefix { $0.number < committed }
        #expect(got == done.filter { !$0.isGone }.map(\.number), "\(seed)")
        waiting.removeFirst(done.count)
        collected = committed
      case 5:
        // What is due is published as soon as nothing else is on its way.
        let isDue = generator.next() % 2 == 0
        wasDue = wasDue || isDue && next > published
        #expect(lane.isHolding == (next > published && published == collected), "\(seed)")
        let isNew = lane.publish(isDue: isDue)
        #expect(isNew == (wasDue && published == collected), "\(seed)")
        if isNew { (published, wasDue) = (next, false) }
        #expect(lane.ring.publishedEnd == published, "\(seed)")
      default:
        let deadline = now - Int64(generator.small(in: 0...40))
        var got: [Int] = []
        lane.giveUp(before: deadline) { got.append(Int($0.exchange.index)) }
        let late = waiting.indices.filter { !waiting[$0].isGone && waiting[$0].since < deadline }
        #expect(got == late.map { waiting[$0].number }, "\(seed)")
        for i in late { waiting[i].isGone = true }
      }
      #expect(lane.outstanding == waiting.count, "\(seed)")
      #expect(lane.isSettled == (committed == next), "\(seed)")
    }
  }
}

extension Lane {
  /// Whether everything has its answer.
  fileprivate var isSettled: Bool { ring.committedEnd >= tail }
}

@Suite struct DoorbellTests {
  private final class Court: Sendable {
    let ball = Atomic<Int>(0)
    let bells = [Doorbell(), Doorbell()]
  }

  /// Two threads wake each other a hundred thousand times; one lost wake-up would stop them.
  @Test func noWakeUpIsLost() throws {
    let court = Court()
    let rounds = 100_000
    let failures = Failures()
    try withThreads(2) { side in
      for round in 0..<rounds {
        let mine = 2 * round + side
        let came = court.bells[side].wait(nanoseconds: 10_000_000_000) {
          court.ball.load(ordering: .sequentiallyConsistent) == mine
        }
        guard came else { return failures.note("side \(side) waits in vain in round \(round)") }
        court.ball.store(mine + 1, ordering: .sequentiallyConsistent)
        court.bells[1 - side].ring()
      }
    }
    #expect(failures.first == [])
  }

  @Test func aWaitEndsAtItsLimit() {
    let bell = Doorbell()
    let began = KernelTime().monotonic()
    #expect(!bell.wait(nanoseconds: 30_000_000) { false })
    let took = KernelTime().monotonic() - began
    #expect(took >= 30_000_000 && took < 1_000_000_000)
    #expect(!bell.wait(nanoseconds: 0) { false })
    #expect(bell.wait(nanoseconds: 0) { true })
  }

  @Test func aRingWakesEverybody() throws {
    let court = Court()
    let failures = Failures()
    try withThreads(8) { _ in
      for round in 1...200 {
        let came = court.bells[0].wait(nanoseconds: 10_000_000_000) {
          court.ball.load(ordering: .sequentiallyConsistent) >= round
        }
        if !came { failures.note("waited in vain for \(round)") }
      }
    } _: {
      for round in 1...200 {
        court.ball.store(round, ordering: .sequentiallyConsistent)
        court.bells[0].ring()
      }
    }
    #expect(failures.first == [])
  }
}

@Suite struct WorkerTests {
  private final class Log { var entries: [Int] = [] }
  private final class Result: Sendable { let entries = Mutex<[Int]>([]) }

  @Test func workIsDoneInOrderAndBeforeTheEnd() throws {
    let worker = Worker<Sent<Log>>("test")
    let result = Result()
    try worker.start { Sent(Log()) }
    for number in 0..<1_000 {
      while !worker.submit({ $0.value.entries.append(number) }) {}
    }
    #expect(worker.submit { log in result.entries.withLock { $0 = log.value.entries } })
    worker.stop()
    #expect(result.entries.withLock { $0 } == Array(0..<1_000))
    #expect(!worker.submit { _ in })
    worker.stop()
  }

  @Test func aFullQueueRefuses() throws {
    let worker = Worker<Void>("test", limit: 3)
    let (gate, started) = (Gate(), Gate())
    try worker.start { () }
    #expect(
      worker.submit { _ in
        started.open()
        gate.pass()
      })
    started.pass()
    // What is being done has a place among the three.
    for _ in 0..<2 { #expect(worker.submit { _ in }) }
    #expect(worker.depth == 3)
    #expect(!worker.submit { _ in })
    gate.open()
    #expect(eventually { worker.depth == 0 })
    #expect(worker.submit { _ in })
    worker.stop()
  }

  /// From many threads at once: what was taken is done once, what was refused is not.
  @Test func whatIsTakenIsDoneOnce() throws {
    let worker = Worker<Void>("test", limit: 16)
    let result = Result()
    let taken = Result()
    try worker.start { () }
    try withThreads(4) { thread in
      for number in 0..<5_000 {
        let mark = thread * 5_000 + number
        if worker.submit({ _ in result.entries.withLock { $0.append(mark) } }) {
          taken.entries.withLock { $0.append(mark) }
        }
      }
    }
    worker.stop()
    #expect(result.entries.withLock { $0.sorted() } == taken.entries.withLock { $0.sorted() })
    #expect(taken.entries.withLock { $0.count } >= 16)
  }
}

/// Closed until opened.
final class Gate: Sendable {
  private let isOpen = Atomic<Bool>(false)
  private let bell = Doorbell()
  func open() {
    isOpen.store(true, ordering: .sequentiallyConsistent)
    bell.ring()
  }
  func pass() { _ = bell.wait(nanoseconds: 10_000_000_000) { isOpen.load(ordering: .sequentiallyConsistent) } }
}

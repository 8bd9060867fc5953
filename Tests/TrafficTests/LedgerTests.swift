import Clicks
import Testing
import Traffic

/// Histories written by hand: each rule broken once, and each bound at its edge.
@Suite struct LedgerTests {
  private let time = TestTime()
  private let ad = AdID("42")!

  private struct Book {
    let ledger: Ledger
    let one: Ledger.Reference
  }

  private func book() -> Book {
    let ledger = Ledger(time: time)
    return Book(ledger: ledger, one: ledger.add(ImpressionID(high: 1, low: 2), ad: ledger.ad(ad)))
  }

  private func valid(_ at: Int64) -> Outcome { Outcome(status: 302, verdict: .valid, eventTime: at) }
  private func duplicate(_ at: Int64) -> Outcome { Outcome(status: 302, verdict: .duplicate, eventTime: at) }
  private func minute(_ at: Int64) -> AdMinute { AdMinute(ad, Minute(containing: at)) }
  private func kinds(_ book: Book) -> [Violation.Kind] { book.ledger.violations().first.map(\.kind) }

  @Test func anHonestHistoryIsExact() {
    let book = book()
    let t0 = time.wall()
    let first = book.ledger.sent(book.one, .click)
    time.advance(5)
    book.ledger.finished(first, valid(t0 + 2))
    time.advance(120_000)
    let second = book.ledger.sent(book.one, .click)
    book.ledger.finished(second, duplicate(t0 + 2))
    #expect(kinds(book) == [])
    let expected = book.ledger.expectation()
    #expect(expected.isExact && expected.total == 1...1)
    #expect(expected.minutes == [minute(t0): 1...1])
    #expect(book.ledger.compare([minute(t0): 1]) == [])
    let missing = book.ledger.compare([:])
    #expect(missing.map(\.description) == ["ad 42, 2026-11-23T17:00:00Z: expected 1, counted 0 (1 too few)"])
    let twice = book.ledger.compare([minute(t0): 2])
    #expect(twice.map(\.description) == ["ad 42, 2026-11-23T17:00:00Z: expected 1, counted 2 (1 too many)"])
    #expect(book.ledger.compare([minute(t0): 1, AdMinute(AdID("nobody")!, Minute(index: 5)): 1]).count == 1)
  }

  @Test func twoValidAnswersAreADoubleCount() {
    let book = book()
    let a = book.ledger.sent(book.one, .click)
    let b = book.ledger.sent(book.one, .click)
    book.ledger.finished(a, valid(time.wall()))
    book.ledger.finished(b, valid(time.wall()))
    #expect(kinds(book) == [.countedTwice])
  }

  @Test func validAfterADuplicateHadSettledItIsADoubleCount() {
    let book = book()
    let a = book.ledger.sent(book.one, .click)
    book.ledger.finished(a, .noAnswer)
    let b = book.ledger.sent(book.one, .click)
    book.ledger.finished(b, duplicate(time.wall()))
    let c = book.ledger.sent(book.one, .click)
    book.ledger.finished(c, valid(time.wall()))
    #expect(kinds(book) == [.countedTwice])
  }

  @Test func aDuplicateNeedsSomethingThatItRepeats() {
    var book = book()
    book.ledger.finished(book.ledger.sent(book.one, .click), duplicate(time.wall()))
    #expect(kinds(book) == [.duplicateOfNothing])
    // Refused sends, and sends that must not count, are nothing.
    book = self.book()
    book.ledger.finished(book.ledger.sent(book.one, .head), Outcome(status: 302, verdict: .head))
    book.ledger.finished(book.ledger.sent(book.one, .click), Outcome(status: 302, verdict: .unrecorded))
    book.ledger.finished(book.ledger.sent(book.one, .click), duplicate(time.wall()))
    #expect(kinds(book) == [.duplicateOfNothing])
    // A lost send is something, and so is one in flight; that one may prove to have been refused.
    book = self.book()
    let inFlight = book.ledger.sent(book.one, .click)
    book.ledger.finished(book.ledger.sent(book.one, .click), duplicate(time.wall()))
    #expect(kinds(book) == [])
    book.ledger.finished(inFlight, Outcome(status: 302, verdict: .unrecorded))
    #expect(kinds(book) == [.duplicateOfNothing])
    #expect(kinds(book) == [.duplicateOfNothing], "reported once")
  }

  @Test(arguments: [(-1001, true), (-1000, false), (0, false), (1010, false), (1011, true)] as [(Int64, Bool)])
  func eventTimesLieInsideTheRequest(offset: Int64, isViolation: Bool) {
    let book = book()
    let sent = time.wall()
    let tag = book.ledger.sent(book.one, .click)
    time.advance(10)
    book.ledger.finished(tag, valid(sent + offset))
    #expect(kinds(book) == (isViolation ? [.timeOutside] : []))
  }

  @Test func aDuplicatesTimeMayBeThatOfAnyEarlierSend() {
    let book = book()
    let start = time.wall()
    book.ledger.finished(book.ledger.sent(book.one, .click), .noAnswer)
    time.advance(600_000)
    book.ledger.finished(book.ledger.sent(book.one, .click), duplicate(start + 300_000))
    #expect(kinds(book) == [])
    #expect(book.ledger.expectation().minutes == [minute(start + 300_000): 1...1])
  }

  @Test func eventTimesAgree() {
    let book = book()
    book.ledger.finished(book.ledger.sent(book.one, .click), valid(time.wall()))
    book.ledger.finished(book.ledger.sent(book.one, .click), duplicate(time.wall() + 1))
    #expect(kinds(book) == [.timeDiffers])
  }

  @Test func countedAnswersNameTheirTime() {
    let book = book()
    book.ledger.finished(book.ledger.sent(book.one, .click), Outcome(status: 302, verdict: .valid))
    #expect(kinds(book) == [.timeMissing])
    // 17:00:00.000 less a second's tolerance: either minute, but one of them.
    #expect(book.ledger.expectation().total == 1...1)
    #expect(book.ledger.compare([minute(time.wall()): 1]) == [])
    #expect(book.ledger.compare([minute(time.wall() - 60_000): 1]) == [])
    #expect(book.ledger.compare([minute(time.wall()): 1, minute(time.wall() - 60_000): 1]).map(\.minute) == [nil])
  }

  @Test func whatIsForgottenLeavesItsFateAndItsNumber() {
    let ledger = Ledger(time: time)
    let ad = ledger.ad(ad)
    let t0 = time.wall()
    func add() -> Ledger.Reference { ledger.add(ImpressionID(high: 1, low: UInt64(time.wall())), ad: ad) }
    let counted = add()
    ledger.finished(ledger.sent(counted, .click), valid(t0 + 1))
    #expect(ledger.forget(counted) == .counted(at: t0 + 1))
    let refused = add()
    #expect(refused == counted, "the number is not used again")
    ledger.finished(ledger.sent(refused, .click), Outcome(status: 302, verdict: .unrecorded))
    let unknown = add()
    #expect(unknown != refused)
    ledger.finished(ledger.sent(unknown, .click), .noAnswer)
    let timeless = add()
    ledger.finished(ledger.sent(timeless, .click), Outcome(status: 302, verdict: .valid))
    let shown = add()
    #expect(ledger.forget(refused) == .uncounted && ledger.forget(unknown) == .uncertain)
    #expect(ledger.forget(timeless) == .uncertain && ledger.forget(shown) == .uncounted)
    #expect(ledger.violations().first.map(\.kind) == [.timeMissing])
    #expect(ledger.expectation().total == 0...0 && ledger.retryUnknown() == [])
    // A duplicate whose other send was refused behind it is found when it is forgotten.
    let wrong = add()
    let (first, second) = (ledger.sent(wrong, .click), ledger.sent(wrong, .click))
    ledger.finished(first, duplicate(time.wall()))
    ledger.finished(second, Outcome(status: 302, verdict: .unrecorded))
    ledger.forget(wrong)
    #expect(ledger.violations().first.map(\.kind) == [.timeMissing, .duplicateOfNothing])
  }

  @Test(arguments: Intent.allCases.filter { !$0.counts })
  func whatMustNotCountIsNeverValid(intent: Intent) {
    let book = book()
    book.ledger.finished(book.ledger.sent(book.one, intent), valid(time.wall()))
    #expect(kinds(book) == [.countedWrongly])
    #expect(book.ledger.expectation().total == 0...0)
    #expect(book.ledger.compare([minute(time.wall()): 1]).count == 1)
  }

  @Test func verdictsFitTheirRequestsAndStatuses() {
    var book = book()
    book.ledger.finished(book.ledger.sent(book.one, .click), Outcome(status: 404, verdict: .unknownAd))
    #expect(kinds(book) == [.wrongVerdict])
    book = self.book()
    book.ledger.finished(book.ledger.sent(book.one, .forged), Outcome(status: 400, verdict: .badSignature))
    #expect(kinds(book) == [.wrongStatus])
    book = self.book()
    book.ledger.finished(
      book.ledger.sent(book.one, .click), Outcome(status: 200, verdict: .valid, eventTime: time.wall()))
    #expect(kinds(book) == [.wrongStatus])
  }

  @Test func anUnknownEndCountsOnceOrNotAnywhereUntilNow() {
    let book = book()
    let start = time.wall()  // a full minute, so that the second before belongs to the minute before
    book.ledger.finished(book.ledger.sent(book.one, .click), Outcome(status: 302, verdict: .unknown))
    time.advance(130_000)
    let expected = book.ledger.expectation()
    #expect(!expected.isExact && expected.total == 0...1)
    #expect(Set(expected.minutes.keys) == Set([-60_000, 0, 60_000, 120_000].map { minute(start + $0) }))
    #expect(book.ledger.compare([:]) == [])
    #expect(book.ledger.compare([minute(start + 60_000): 1]) == [])
    #expect(book.ledger.compare([minute(start): 2]).count == 1)
    #expect(book.ledger.compare([minute(start + 180_000): 1]).count == 1)
    let both = book.ledger.compare([minute(start): 1, minute(start + 60_000): 1])
    #expect(both.map(\.description) == ["ad 42, all minutes: expected 0 to 1, counted 2 (1 too many)"])

    #expect(book.ledger.retryUnknown() == [book.one])
    let tag = book.ledger.sent(book.one, .click)
    #expect(book.ledger.retryUnknown() == [], "it is in flight")
    #expect(!book.ledger.finished(tag, duplicate(start + 10)).needsRetry)
    #expect(book.ledger.retryUnknown() == [])
    #expect(book.ledger.expectation().minutes == [minute(start): 1...1])
    #expect(kinds(book) == [])
  }

  @Test func onlyClicksWhoseEndIsUnknownAreRetried() {
    let book = book()
    #expect(book.ledger.finished(book.ledger.sent(book.one, .click), .noAnswer).needsRetry)
    #expect(book.ledger.finished(book.ledger.sent(book.one, .click), Outcome(status: 502)).needsRetry)
    let other = Book(ledger: book.ledger, one: book.ledger.add(ImpressionID(high: 3, low: 4), ad: book.ledger.ad(ad)))
    #expect(!book.ledger.finished(book.ledger.sent(other.one, .head), .noAnswer).needsRetry)
    #expect(!book.ledger.finished(book.ledger.sent(other.one, .click), Outcome(status: 400)).needsRetry)
    let refused = Outcome(status: 302, verdict: .unrecorded)
    #expect(!book.ledger.finished(book.ledger.sent(other.one, .click), refused).needsRetry)
    #expect(book.ledger.retryUnknown() == [book.one])
  }

  @Test func manyViolationsAreCountedAndTheFirstOnesSpelledOut() {
    let book = book()
    for _ in 0..<250 {
      book.ledger.finished(book.ledger.sent(book.one, .head), Outcome(status: 302, verdict: .paused))
    }
    let (first, count) = book.ledger.violations()
    #expect(first.count == 100 && count == 250)
    #expect(
      first[0].description
        == "wrong verdict: ad 42, impression 00000000-0000-0001-0000-000000000002: paused, answered to head")
  }
}

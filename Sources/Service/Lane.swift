import Catalog
import Clicks
import HTTP
import Store

/// What the answer to a POST needs: who sends it reads no redirect, and its page may look at the answer.
package final class PostedClick: Sendable {
  /// The page's origin, as the browser names it; nil where it names none that can be sent back.
  package let origin: String?

  package init(origin: String?) { self.origin = origin }
}

/// A click that waits for the commit barrier, as its loop remembers it.
package struct WaitingClick {
  package var exchange: Exchange
  /// Where the redirect goes; nil once answered.
  package var ad: CachedAd?
  /// When it was handed over, monotonic nanoseconds.
  package var since: Int64
  /// Nil for a GET.
  package var post: PostedClick?

  package init(exchange: Exchange, ad: CachedAd?, since: Int64, post: PostedClick? = nil) {
    self.exchange = exchange
    self.ad = ad
    self.since = since
    self.post = post
  }
}

/// A click that has to be routed again.
package struct Stray {
  package var request: ClickRequest
  package var strings: ClickStrings?
  package var click: WaitingClick
}

/// One loop's end of the way to one committer: a ring, the loop's cursors in it, and who waits in each slot.
package struct Lane {
  package let ring: CommitRing
  package let committer: Committer
  private var waiting: [WaitingClick?]
  /// The next free ticket.
  package private(set) var tail = 0
  /// Tickets below this one are the committer's.
  package private(set) var published = 0
  private var collected = 0
  private var overdue = 0
  /// Clicks that the committer handed back, since they are another shard's.
  private var strays: [Stray] = []
  /// Whether what is unpublished is due and waits for the end of a commit alone.
  private var isDue = false

  /// The loop's end of `ring`, which `committer` empties.
  package init(ring: CommitRing, committer: Committer) {
    self.ring = ring
    self.committer = committer
    waiting = Array(repeating: nil, count: ring.capacity)
  }

  /// Clicks without an answer from the committer.
  package var outstanding: Int { tail - collected }
  /// Those that the committer has not seen.
  package var unpublished: Int { tail - published }
  /// Those that it has.
  package var committing: Int { published - collected }

  /// Hands a click, with its captured strings, over with the next `publish`; false where the ring is full.
  package mutating func push(_ request: ClickRequest, _ click: WaitingClick, _ strings: ClickStrings? = nil) -> Bool {
    guard tail - collected < ring.capacity else { return false }
    ring.put(request, strings, at: tail)
    waiting[tail & (ring.capacity - 1)] = click
    tail += 1
    return true
  }

  /// Whether there are clicks that the committer could have.
  package var isHolding: Bool { unpublished > 0 && committing == 0 }

  /// Lets the committer see what was pushed where that is due, now or since it was, as soon as the committer has nothing else of this
  /// lane: what comes while it has is one commit, however much that is. False where nothing was published.
  package mutating func publish(isDue isDueNow: Bool) -> Bool {
    if isDueNow, unpublished > 0 { isDue = true }
    return isDue && committing == 0 && publish()
  }

  /// Lets the committer see what was pushed; false where there is nothing new.
  package mutating func publish() -> Bool {
    guard tail > published else { return false }
    isDue = false
    published = tail
    ring.publish(tail)
    committer.published.ring()
    return true
  }

  /// Takes the clicks that `collect` found to be another shard's.
  package mutating func takeStrays() -> [Stray] {
    guard !strays.isEmpty else { return [] }
    defer { strays = [] }
    return strays
  }

  /// Gives back the clicks whose answers have come; those of another shard wait for `takeStrays`.
  package mutating func collect(_ body: (WaitingClick, ClickAnswer) -> Void) {
    let end = ring.committedEnd
    while collected < end {
      let slot = collected & (ring.capacity - 1)
      if let click = waiting[slot] {
        let answer = ring.answer(collected)
        if answer.isMisrouted {
          strays.append(Stray(request: ring.request(collected), strings: ring.strings(collected), click: click))
        } else {
          body(click, answer)
        }
      }
      waiting[slot] = nil
      collected += 1
    }
    overdue = max(overdue, collected)
  }

  /// Gives back the clicks that have waited since before `deadline`; their answers, when they come, are nobody's.
  package mutating func giveUp(before deadline: Int64, _ body: (WaitingClick) -> Void) {
    while overdue < tail {
      let slot = overdue & (ring.capacity - 1)
      guard let click = waiting[slot], click.since < deadline else { return }
      body(click)
      waiting[slot] = nil
      overdue += 1
    }
  }
}

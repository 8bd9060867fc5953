/// Names one request that waits for its answer. Descriptors and places are used again, so it holds the generation of
/// the place too: an exchange whose connection has gone is stale, and answering it does nothing.
package struct Exchange: Equatable, Sendable {
  /// The place of its connection.
  package let index: UInt32
  let generation: UInt32
  let sequence: UInt32

  /// The exchange of place `index` in its `generation`, request number `sequence`.
  package init(index: UInt32, generation: UInt32, sequence: UInt32) {
    self.index = index
    self.generation = generation
    self.sequence = sequence
  }
}

/// What an event loop asks its owner. One instance a loop, called on the loop's thread only. A turn is:
///
///     nextWait → sleep → pace → mailbox → limit, handle … → turn → all answers leave
package protocol RequestHandler: AnyObject {
  /// The greatest body, in bytes, that the route of `head` accepts; a larger one is refused with 413. Asked once for
  /// each request that announces a body; one without a body never asks.
  func limit(for head: borrowing Request) -> Int

  /// Answers `request` by `loop.respond(exchange)`, now or later. Never answered, it holds back all later answers of
  /// its connection.
  func handle(_ request: borrowing Request, _ exchange: Exchange, on loop: EventLoop)

  /// Asked when `ready` connections can be read and before any is: nanoseconds to wait for more, 0 to go on. `active`
  /// is about how many connections have sent requests lately.
  func pace(ready: Int, active: Int) -> Int64

  /// All that was ready has been handled; what is answered now leaves with the answers of this turn.
  func turn(on loop: EventLoop)

  /// Nanoseconds that the loop may sleep: 0 while there is something to do, negative for no limit.
  func nextWait() -> Int64

  /// Writes the answer to a request that the loop refuses itself with `status`. The default is a line of text.
  func refuse(_ status: Int, _ writer: inout ResponseWriter)
}

extension RequestHandler {
  package func pace(ready: Int, active: Int) -> Int64 { 0 }
  package func turn(on loop: EventLoop) {}
  package func nextWait() -> Int64 { -1 }
  package func refuse(_ status: Int, _ writer: inout ResponseWriter) {
    writer.begin(status)
    writer.headerLines("Content-Type: text/plain\r\n")
    writer.body("\(status) \(reasonPhrase(status))\n")
  }
}

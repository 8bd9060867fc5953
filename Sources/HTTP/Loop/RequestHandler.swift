/// Names one request that waits for its answer. Descriptors and places are used again, so it holds the generation of
/// the place too: an exchange whose connection has gone is stale, and answering it does nothing.
package struct Exchange: Hashable, Sendable {
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
  /// Writes the answer to the request with `head` where its body is not to be read at all: its client may not do this, or
  /// there is no memory for it. Asked first for each request that announces a body; a client that waits for a 100 gets the
  /// answer instead, and the connection ends with it. Nil: the body may come.
  func refusal(of head: borrowing Request) -> ((inout ResponseWriter) -> Void)?

  /// The greatest body, in bytes, that the route of `head` accepts; a larger one is refused with 413. Asked once for
  /// each request that announces a body; one without a body never asks.
  func limit(for head: borrowing Request) -> Int

  /// Whether the body of the request with `head` means nothing: it is read over, within its limit and without memory of
  /// its own, and the request comes to `handle` with an empty one. Asked before `streams`.
  func skipsBody(of head: borrowing Request) -> Bool

  /// Whether the body of the request with `head` comes to `begin`, `receive` and `end` instead of whole to `handle`. Asked
  /// once for each request that announces a body within its limit.
  func streams(_ head: borrowing Request) -> Bool

  /// A request whose body is streamed begins. It may be answered from now on; an answer before the body's end drops the rest
  /// of the body and ends the connection. False: no piece is wanted before `EventLoop.resume`.
  func begin(_ head: borrowing Request, _ exchange: Exchange, on loop: EventLoop) -> Bool

  /// The next piece of a body, valid inside the call only. False: no other is wanted before `EventLoop.resume`, which must
  /// not be called in here; the connection is not read until then, so that its client has to wait. Others go on.
  func receive(_ piece: UnsafeRawBufferPointer, _ exchange: Exchange, on loop: EventLoop) -> Bool

  /// The body has ended as it should; also where no further piece was wanted.
  func end(_ exchange: Exchange, on loop: EventLoop)

  /// A body or an answer that came in pieces, or a held request, will not come to its end: its client has gone, was too slow or broke the
  /// framing, or the loop has ended. Where there is somebody to answer the loop has done so. `exchange` is stale.
  func abandoned(_ exchange: Exchange, on loop: EventLoop)

  /// The client of `exchange`, which is held (`EventLoop.hold`), has closed its sending side: it has gone, or waits for the
  /// answer and asks for nothing more.
  func hungUp(_ exchange: Exchange, on loop: EventLoop)

  /// Answers `request` by `loop.respond(exchange)`, now or later. Never answered, it holds back all later answers of
  /// its connection.
  func handle(_ request: borrowing Request, _ exchange: Exchange, on loop: EventLoop)

  /// Asked when `ready` connections can be read and before any is: nanoseconds to wait for more, 0 to go on; the mailbox ends
  /// the wait. `active` is about how many connections have sent requests lately.
  func pace(ready: Int, active: Int) -> Int64

  /// All that was ready has been handled; what is answered now leaves with the answers of this turn. Must not wait.
  func turn(on loop: EventLoop)

  /// Nanoseconds that the loop may sleep: 0 while there is something to do, negative for no limit.
  func nextWait() -> Int64

  /// Writes the answer to bytes that the loop refuses itself with `status` before it could read what they are for: their
  /// target is unknown. The default is a line of text.
  func refuse(_ status: Int, _ writer: inout ResponseWriter)

  /// Writes the answer to a request that the loop refuses itself with `status`. Of its fields `head` has those that came
  /// before the fault. The default is a line of text.
  func refuse(_ head: borrowing Request, _ status: Int, _ writer: inout ResponseWriter)

  /// Writes the answer to a request that `begin` was given and whose body the loop refuses with `status`. The default is
  /// a line of text.
  func refuse(_ exchange: Exchange, _ status: Int, _ writer: inout ResponseWriter)
}

extension RequestHandler {
  package func skipsBody(of head: borrowing Request) -> Bool { false }
  package func refusal(of head: borrowing Request) -> ((inout ResponseWriter) -> Void)? { nil }
  package func hungUp(_ exchange: Exchange, on loop: EventLoop) {}
  package func streams(_ head: borrowing Request) -> Bool { false }
  package func begin(_ head: borrowing Request, _ exchange: Exchange, on loop: EventLoop) -> Bool { true }
  package func receive(_ piece: UnsafeRawBufferPointer, _ exchange: Exchange, on loop: EventLoop) -> Bool { true }
  package func end(_ exchange: Exchange, on loop: EventLoop) {}
  package func abandoned(_ exchange: Exchange, on loop: EventLoop) {}
  package func pace(ready: Int, active: Int) -> Int64 { 0 }
  package func turn(on loop: EventLoop) {}
  package func nextWait() -> Int64 { -1 }
  package func refuse(_ status: Int, _ writer: inout ResponseWriter) {
    writer.begin(status)
    writer.headerLines("Content-Type: text/plain\r\n")
    writer.body("\(status) \(reasonPhrase(status))\n")
  }
  package func refuse(_ head: borrowing Request, _ status: Int, _ writer: inout ResponseWriter) {
    refuse(status, &writer)
  }
  package func refuse(_ exchange: Exchange, _ status: Int, _ writer: inout ResponseWriter) {
    refuse(status, &writer)
  }
}

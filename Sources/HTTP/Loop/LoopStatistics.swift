/// What an event loop has counted since it began. Read on the loop's thread.
package struct LoopStatistics: Sendable {
  /// Nothing counted yet.
  package init() {}

  /// Connections accepted and served.
  package var accepted = 0
  /// Connections closed at once, for lack of room or descriptors.
  package var refused = 0
  /// Idle connections closed to make room for new ones.
  package var madeRoom = 0
  /// Connections cut for the memory that they held.
  package var shed = 0
  /// Connections open now.
  package var open = 0
  /// Requests handed to the handler.
  package var requests = 0
  /// Requests refused by the loop itself.
  package var rejected = Rejections()
  /// Bytes received and sent.
  package var bytesIn = 0
  package var bytesOut = 0
  /// Turns of the loop, and calls of `send`.
  package var turns = 0
  package var sends = 0
  /// Connections closed for a time limit: while idle, and for not taking their answers. (408s are in `rejected`.)
  package var idleTimeouts = 0
  package var sendTimeouts = 0
  /// Answers to exchanges that were gone or answered already.
  package var staleAnswers = 0

  /// Requests refused by the loop itself, by status.
  package struct Rejections: Sendable {
    package var badRequest = 0
    package var timeout = 0
    package var bodyTooLarge = 0
    package var targetTooLong = 0
    package var expectationFailed = 0
    package var headTooLarge = 0
    package var notImplemented = 0
    package var versionNotSupported = 0
    package var overloaded = 0

    /// Each status with its count.
    package var byStatus: [(status: Int, count: Int)] {
      [
        (400, badRequest), (408, timeout), (413, bodyTooLarge), (414, targetTooLong), (417, expectationFailed),
        (431, headTooLarge), (501, notImplemented), (503, overloaded), (505, versionNotSupported),
      ]
    }

    mutating func count(_ status: Int) {
      switch status {
      case 408: timeout += 1
      case 413: bodyTooLarge += 1
      case 414: targetTooLong += 1
      case 417: expectationFailed += 1
      case 431: headTooLarge += 1
      case 501: notImplemented += 1
      case 503: overloaded += 1
      case 505: versionNotSupported += 1
      default: badRequest += 1
      }
    }
  }
}

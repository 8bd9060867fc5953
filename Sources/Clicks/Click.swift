/// One accepted click, as the log keeps it: 40 bytes of facts.
package struct Click: Hashable, Sendable {
  /// Which showing was clicked.
  package var impression: ImpressionID
  /// Which ad.
  package var ad: AdKey
  /// When it happened, milliseconds since 1970: the click's own time. For the built-in endpoint the receive time.
  package var eventTime: Int64
  /// When it was received, milliseconds since 1970 of the logical clock (R10).
  package var receiveTime: Int64
  /// Which door it came through.
  package var source: Source

  /// The doors.
  package enum Source: UInt16, Sendable, CaseIterable {
    /// `GET /click`.
    case browser = 0
    /// The batch door (`POST /api/v1/clicks`).
    case batch = 1
    /// `tally import`.
    case imported = 2
  }

  package init(
    impression: ImpressionID, ad: AdKey, eventTime: Int64, receiveTime: Int64, source: Source
  ) {
    self.impression = impression
    self.ad = ad
    self.eventTime = eventTime
    self.receiveTime = receiveTime
    self.source = source
  }

  /// What counts once.
  package var identity: ClickIdentity { ClickIdentity(ad: ad, impression: impression) }

  /// The minute it counts in.
  package var minute: Minute { Minute(containing: eventTime) }
}

/// What counts once: the pair (ad, impression), which the signature binds.
package struct ClickIdentity: Hashable, Sendable {
  package var ad: AdKey
  package var impression: ImpressionID

  @inlinable
  package init(ad: AdKey, impression: ImpressionID) {
    self.ad = ad
    self.impression = impression
  }
}

/// A minute of event time: whole minutes since 1970-01-01T00:00Z.
package struct Minute: Hashable, Comparable, Sendable, CustomStringConvertible {
  package var index: Int64

  @inlinable
  package init(index: Int64) { self.index = index }

  /// The minute that holds a time in milliseconds since 1970; earlier times round down too.
  @inlinable
  package init(containing milliseconds: Int64) {
    index = milliseconds.dividedDown(by: 60_000)
  }

  /// Its first millisecond since 1970.
  @inlinable
  package var start: Int64 { index * 60_000 }

  @inlinable
  package static func < (a: Minute, b: Minute) -> Bool { a.index < b.index }

  /// RFC 3339, UTC.
  package var description: String { Timestamp.format(start, fraction: false) }
}

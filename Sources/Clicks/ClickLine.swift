// A click as other programs write it down: one JSON object a line (NDJSON), of these members and no others:
//
//   {"adId":"42","impressionId":"0193…","time":"2026-11-23T17:00:00.250Z","signature":"9f3c…","kid":"k1"}
//
//   adId          an ad id
//   impressionId  32 hex digits or a UUID
//   time          when the click happened: RFC 3339, or seconds since 1970, or milliseconds from 10^11 on (the year 1973;
//                 as seconds 5138), as a number or as a string; a fraction of a second is cut to milliseconds
//   signature     64 hex digits; absent or null where the sender is trusted
//   kid           which key signed; absent or null: any
//   userAgent, referrer   only where they are captured: texts; absent or null: empty

/// One click line, read and checked for form. The texts point into the line or into the reader, and are good until either
/// changes.
@safe package struct ClickLine {
  /// The ad id as it stands there: what was signed.
  package internal(set) var ad = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
  /// The impression id as it stands there: what was signed.
  package internal(set) var impression = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
  package internal(set) var impressionID = ImpressionID(high: 0, low: 0)
  /// Milliseconds since 1970.
  package internal(set) var time: Int64 = 0
  package internal(set) var signature: Signature?
  package internal(set) var kid: UnsafeRawBufferPointer?
  package internal(set) var userAgent: UnsafeRawBufferPointer?
  package internal(set) var referrer: UnsafeRawBufferPointer?

  /// What `set` captures of it.
  package func strings(_ set: CaptureSet) -> ClickStrings {
    var strings = ClickStrings()
    if set.contains(.userAgent) { unsafe strings.add(userAgent) }
    if set.contains(.referrer) { unsafe strings.add(referrer) }
    return strings
  }

  /// A time in one of the forms above, without quotes, in ms since 1970; nil for anything else.
  package static func time(_ text: UnsafeRawBufferPointer) -> Int64? {
    unsafe Timestamp.parse(text) ?? LineScan.epoch(text)
  }

  /// What a time has to be, in words that go behind a field's name.
  package static var timeRule: StaticString { LineScan.timeRule }
}

/// Why a line is no click: what is wrong and with which field.
package struct ClickLineFault: Error, Sendable, CustomStringConvertible {
  /// The members of a click line; `line` stands for the line as a whole.
  package enum Field: UInt8, CaseIterable, Sendable {
    case adID, impressionID, time, signature, kid, userAgent, referrer, line

    /// The member that holds a captured string.
    package init(of column: CapturedColumn) {
      switch column {
      case .userAgent: self = .userAgent
      case .referrer: self = .referrer
      }
    }

    /// As the interface writes it.
    package var name: StaticString {
      switch self {
      case .adID: "adId"
      case .impressionID: "impressionId"
      case .time: "time"
      case .signature: "signature"
      case .kid: "kid"
      case .userAgent: "userAgent"
      case .referrer: "referrer"
      case .line: "line"
      }
    }
  }

  package let field: Field
  /// In words that go behind the field's name.
  package let detail: StaticString

  package init(_ field: Field, _ detail: StaticString) {
    self.field = field
    self.detail = detail
  }

  package var description: String { "\(field.name) \(detail)" }
}

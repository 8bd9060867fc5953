// A click as other programs write it down: one JSON object a line (NDJSON), of these members; others are read over:
//
//   {"adId":"42","impressionId":"0193…","time":"2026-11-23T17:00:00.250Z","signature":"9f3c…","kid":"k1"}
//
//   adId          an ad id, as a string or as a whole number, whose digits are the id
//   impressionId  32 hex digits or a UUID
//   time          when the click happened, as a string or as a number: see TimeReader
//   signature     64 hex digits; absent, null or empty where the sender is trusted
//   kid           which key signed; absent, null or empty: any
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
  /// The line is none of those that were asked for (`LineCondition`); then nothing else of it is good.
  package internal(set) var isLeftOut = false

  /// What `set` captures of it.
  package func strings(_ set: CaptureSet) -> ClickStrings {
    var strings = ClickStrings()
    if set.contains(.userAgent) { unsafe strings.add(userAgent) }
    if set.contains(.referrer) { unsafe strings.add(referrer) }
    return strings
  }
}

/// What a line has to hold to be taken: a column, or a member (by its path), with this value as text.
package struct LineCondition: Equatable, Sendable {
  package var column: String
  package var value: String

  package init(column: String, value: String) {
    self.column = column
    self.value = value
  }
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
  /// The column that is at fault, where it is not the field's own.
  package let column: String?

  package init(_ field: Field, _ detail: StaticString, column: String? = nil) {
    self.field = field
    self.detail = detail
    self.column = column
  }

  package var description: String { "\(field.name) \(detail)" + (column.map { " (\($0))" } ?? "") }
}

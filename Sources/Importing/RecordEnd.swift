// Where a record of a table ends: at a line end outside quotes. A field is quoted where a quote is its first character, as
// `DelimitedLine` reads it; a quote elsewhere is a character like any other.
//
//   start ──"──▶ quoted ──"──▶ closing ──"──▶ quoted        (a doubled quote)
//     │other       │ any byte      ├─ delimiter ──▶ start
//     ▼            ▼               ╰─ other ──▶ plain
//   plain        quoted

/// The way through the bytes of one record so far.
struct RecordEnd {
  private enum State { case start, plain, quoted, closing }

  private let delimiter: UInt8
  private var state = State.start

  init(delimiter: UInt8) { self.delimiter = delimiter }

  /// Whether a line end here is part of a field.
  var isInside: Bool { state == .quoted }

  mutating func pass(_ bytes: UnsafeRawBufferPointer) {
    for i in 0..<bytes.count {
      let byte = unsafe bytes[i]
      switch state {
      case .quoted: if byte == 0x22 { state = .closing }
      case .start where byte == 0x22, .closing where byte == 0x22: state = .quoted
      case .start, .plain, .closing: state = byte == delimiter ? .start : .plain
      }
    }
  }
}

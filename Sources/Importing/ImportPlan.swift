import ClickLog
import Clicks

/// What a file of clicks looks like.
package enum ImportFormat: String, CaseIterable, Sendable {
  /// One JSON object a line.
  case ndjson
  /// Fields between delimiters.
  case csv
}

/// Where the impression ids of a file come from.
package enum ImportedID: Equatable, Sendable {
  /// The file has them.
  case column
  /// From the source's name, the number of the line and its text: a file that is imported again gives the same.
  case line
  /// From the texts in these columns: a click that two files have is one.
  case columns([String])
}

/// How a file of clicks is to be read.
package struct ImportPlan: Sendable {
  package var format = ImportFormat.ndjson
  /// The names of the columns that hold the fields, where they differ from the fields' own.
  package var names: [ClickLineFault.Field: String] = [:]
  package var identity = ImportedID.column
  /// Between the fields of a line.
  package var delimiter = UInt8(ascii: ",")
  /// Whether the first line names the columns; without it they are called 1, 2, 3 and so on.
  package var hasHeader = true
  /// What derived ids and progress know the source by.
  package var source = ""
  /// Strings that are kept with each click: where `names` has their columns, or the file has columns called like them.
  package var captures: CaptureSet = []
  /// Which event times are taken.
  package var limits = EventTimeLimits()

  package init() {}

  /// The column of a field.
  func name(_ field: ClickLineFault.Field) -> String { names[field] ?? "\(field.name)" }

  /// Under which number shards keep the progress of a source that begins with these bytes. Another file of the same name, or
  /// the same read in another way, is another source.
  package func sourceID(firstBytes: [UInt8]) -> (high: UInt64, low: UInt64) {
    var text = Array("tally import source\0\(source)\0\(format.rawValue)\0\(identity)\0".utf8)
    text += Array("\(hasHeader)\0\(delimiter)\0".utf8)
    for field in ClickLineFault.Field.allCases { text += Array("\(name(field))\0".utf8) }
    return SHA256().first128(text + Self.firstLines(firstBytes))
  }

  /// The first two whole lines, or what there is of them.
  private static func firstLines(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
    let head = bytes.prefix(4_096)
    var newlines = 0
    for i in head.indices where head[i] == 0x0A {
      newlines += 1
      if newlines == 2 { return head[...i] }
    }
    return head
  }
}

/// Why a line of an import is not counted.
package enum ImportRejection: UInt8, CaseIterable, Sendable {
  case malformed, unknownAd, paused, expired, tooOld, inFuture

  /// As the batch door calls it.
  package var code: String {
    switch self {
    case .malformed: "malformed"
    case .unknownAd: "unknown-ad"
    case .paused: "paused"
    case .expired: "expired"
    case .tooOld: "too-old"
    case .inFuture: "in-future"
    }
  }
}

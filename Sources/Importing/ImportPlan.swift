import Bytes
import ClickLog
import Clicks
import Store

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
  /// Clicks of sealed months become credits; without it they are rejected.
  package var takesSealed = false
  /// How the times are written.
  package var times = TimeReader()
  /// What a line has to hold to be a click; all others are left out. At most 64.
  package var conditions: [LineCondition] = []
  /// Which event times are taken.
  package var limits = EventTimeLimits()

  package init() {}

  /// The column of a field.
  func name(_ field: ClickLineFault.Field) -> String { names[field] ?? "\(field.name)" }

  /// How a source is read, whatever it is called: the same text read in another way makes other clicks.
  package var way: SourceKey {
    var text = Array("tally import way\0\(format.rawValue)\0\(identity)\0\(hasHeader)\0\(delimiter)\0".utf8)
    for field in ClickLineFault.Field.allCases { text += Array("\(name(field))\0".utf8) }
    // Said only where it is used, so that sources of earlier versions keep their numbers.
    if let format = times.format { text += Array("time-format\0\(format)\0".utf8) }
    if let zone = times.zone { text += Array("time-zone\0\(zone.name)\0".utf8) }
    for one in conditions { text += Array("where\0\(one.column)\0\(one.value)\0".utf8) }
    return Self.key(text)
  }

  /// Under which number shards keep the progress of the source: its name, and how it is read.
  package var sourceID: SourceKey {
    let way = way
    return Self.key(Array("tally import source\0\(Hex.encode(way.high))\(Hex.encode(way.low))\0\(source)".utf8))
  }

  private static func key(_ text: [UInt8]) -> SourceKey {
    let (high, low) = SHA256().first128(text)
    return SourceKey(high: high, low: low)
  }
}

/// Why a line of an import is not counted.
package enum ImportRejection: UInt8, CaseIterable, Sendable {
  case malformed, unknownAd, paused, expired, tooOld, inFuture, sealed

  /// As the batch door calls it.
  package var code: String {
    switch self {
    case .malformed: "malformed"
    case .unknownAd: "unknown-ad"
    case .paused: "paused"
    case .expired: "expired"
    case .tooOld: "too-old"
    case .inFuture: "in-future"
    case .sealed: "sealed"
    }
  }
}

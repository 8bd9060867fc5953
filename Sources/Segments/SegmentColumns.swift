import Bytes
import Clicks

// The section that says what a page's columns are:
//
//   0  u16 columns
//   …  for each: u16 id, u16 encoding, u32 bytes that follow, parameters
//
//   id  1 impression, high half   2 impression, low half   3 ad code   4 event time   5 position   6 source
//       7 marks                   16 user agent             17 referrer
//   encoding                 parameters
//   1 sorted  (SortedColumn) none
//   2 words   (WordColumn)   none
//   3 bins    (BinColumn)    u8 models, then the models
//   4 strings                none
//   5 marks   (MarkColumn)   none
//
// The marks are a column where any row may be marked. A page lists where each of its columns ends, so a reader passes over the ones whose id it does not know.

/// The columns of a segment. Never changes, and is shared by all who read it.
final class SegmentColumns: Sendable {
  enum ID: UInt16, CaseIterable {
    case high = 1
    case low = 2
    case code = 3
    case eventTime = 4
    case position = 5
    case source = 6

    var encoding: Encoding {
      switch self {
      case .high: .sorted
      case .low: .words
      default: .bins
      }
    }

    var models: Int {
      switch self {
      case .high, .low: 0
      case .eventTime: 2
      default: 1
      }
    }
  }

  enum Encoding: UInt16 {
    case sorted = 1
    case words = 2
    case bins = 3
    case strings = 4
    case marks = 5
  }

  /// The id of the marks, which not every segment has.
  private static let marksID: UInt16 = 7

  /// How many columns a page has, those of unknown ids included.
  let count: Int
  /// Where the six columns stand among them, by id less one.
  private let places: [Int]
  /// Where the marks stand; nil where no row is marked.
  let marks: Int?
  /// Where the captured ones stand.
  let strings: [(column: CapturedColumn, place: Int)]

  let code: BinModel
  /// Event times as they are; in pages of version 7 ids, less the minting time.
  let eventTime: BinModel
  let eventDelay: BinModel
  /// Positions, less what the table of positions says about the event time.
  let position: BinModel
  let source: BinModel

  var captured: [CapturedColumn] { strings.map(\.column) }
  /// Whether a reader of this version sees all of them.
  var isKnown: Bool { count == ID.allCases.count + (marks == nil ? 0 : 1) + strings.count }

  /// The columns as this version writes them, with one for marks where rows may have some.
  convenience init(
    code: BinModel, eventTime: BinModel, eventDelay: BinModel, position: BinModel, source: BinModel,
    marks: Bool, captured: [CapturedColumn]
  ) {
    let fixed = marks ? 7 : 6
    self.init(
      count: fixed + captured.count, places: Array(0..<6), marks: marks ? 6 : nil,
      strings: captured.enumerated().map { ($1, fixed + $0) },
      models: [.code: [code], .eventTime: [eventTime, eventDelay], .position: [position], .source: [source]])
  }

  private init(
    count: Int, places: [Int], marks: Int?, strings: [(CapturedColumn, Int)], models: [ID: [BinModel]]
  ) {
    self.count = count
    self.places = places
    self.marks = marks
    self.strings = strings
    code = models[.code]![0]
    eventTime = models[.eventTime]![0]
    eventDelay = models[.eventTime]![1]
    position = models[.position]![0]
    source = models[.source]![0]
  }

  func place(_ id: ID) -> Int { places[Int(id.rawValue) - 1] }

  private func models(_ id: ID) -> [BinModel] {
    switch id {
    case .high, .low: []
    case .code: [code]
    case .eventTime: [eventTime, eventDelay]
    case .position: [position]
    case .source: [source]
    }
  }

  /// The section's bytes.
  var bytes: [UInt8] {
    var writer = ByteWriter()
    writer.append(UInt16(count))
    for id in ID.allCases {
      var parameters: [UInt8] = []
      let models = models(id)
      if !models.isEmpty { parameters.append(UInt8(models.count)) }
      for model in models { model.write(to: &parameters) }
      writer.append(id.rawValue)
      writer.append(id.encoding.rawValue)
      writer.append(UInt32(parameters.count))
      writer.append(parameters)
    }
    func list(_ id: UInt16, _ encoding: Encoding) {
      writer.append(id)
      writer.append(encoding.rawValue)
      writer.append(UInt32(0))
    }
    if marks != nil { list(Self.marksID, .marks) }
    for column in captured { list(column.rawValue, .strings) }
    return writer.bytes
  }

  /// Reads the section; a text says why it is none. `marks`: whether its version knows marks.
  static func read(_ bytes: [UInt8], marks knowsMarks: Bool) -> Result<SegmentColumns, Fault> {
    var reader = ByteReader(bytes)
    guard let count = reader.next(UInt16.self) else { return .failure(Fault("the list of columns ends early")) }
    var places = [Int](repeating: -1, count: ID.allCases.count)
    var marks: Int?
    var strings: [(CapturedColumn, Int)] = []
    var models: [ID: [BinModel]] = [:]
    for place in 0..<Int(count) {
      guard let id = reader.next(UInt16.self), let encoding = reader.next(UInt16.self),
        let size = reader.next(UInt32.self), var parameters = reader.next(bytes: Int(size))
      else { return .failure(Fault("the list of columns ends early")) }
      if let known = ID(rawValue: id) {
        guard encoding == known.encoding.rawValue, places[Int(id) - 1] < 0 else {
          return .failure(Fault("column \(id) has the encoding \(encoding), which this program does not read"))
        }
        places[Int(id) - 1] = place
        guard let found = readModels(&parameters, known.models), parameters.isEmpty else {
          return .failure(Fault("column \(id) has no valid model"))
        }
        models[known] = found
      } else if id == marksID, knowsMarks {
        guard encoding == Encoding.marks.rawValue, parameters.isEmpty, marks == nil else {
          return .failure(Fault("column \(id) has the encoding \(encoding), which this program does not read"))
        }
        marks = place
      } else if let column = CapturedColumn(rawValue: id) {
        guard encoding == Encoding.strings.rawValue, parameters.isEmpty, !strings.contains(where: { $0.0 == column })
        else { return .failure(Fault("column \(id) has the encoding \(encoding), which this program does not read")) }
        strings.append((column, place))
      }
    }
    guard reader.remaining == 0 else { return .failure(Fault("something stands behind the list of columns")) }
    guard let missing = places.firstIndex(of: -1) else {
      let columns = SegmentColumns(
        count: Int(count), places: places, marks: marks, strings: strings, models: models)
      guard columns.code.highest ?? 0 <= UInt64(UInt32.max) else {
        return .failure(Fault("the model of ad codes goes beyond 32 bits"))
      }
      return .success(columns)
    }
    return .failure(Fault("column \(missing + 1) is missing"))
  }

  private static func readModels(_ bytes: inout ArraySlice<UInt8>, _ count: Int) -> [BinModel]? {
    guard count > 0 else { return [] }
    guard bytes.popFirst() == UInt8(count) else { return nil }
    var models: [BinModel] = []
    for _ in 0..<count {
      guard let model = BinModel.read(&bytes) else { return nil }
      models.append(model)
    }
    return models
  }
}

/// Why bytes are not what they should be, before it is known which file they are of.
struct Fault: Error {
  /// Where, from the start of the part at hand.
  var offset: Int
  var reason: String

  init(_ reason: String, at offset: Int = 0) {
    self.offset = offset
    self.reason = reason
  }
}

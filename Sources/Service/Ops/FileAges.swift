import Clicks
import JSON
import Store

// The files of a store by what they hold and how old that is, for the operations page: whether old data are merged into few large
// files, and what retention will take next.

/// How many files of a kind hold data of an age.
package struct FileAges: Sendable {
  /// How long the newest data of a file are past.
  package enum Age: Int, CaseIterable, Sendable {
    case day, week, month, older
    /// The kind has data of every age.
    case every

    /// For people.
    package var name: String {
      switch self {
      case .day: "under a day"
      case .week: "under a week"
      case .month: "under a month"
      case .older: "older"
      case .every: "every age"
      }
    }

    /// Of data that end at `time` when it is `now`, ms since 1970; nil: no time is known.
    package init(of time: Int64?, now: Int64) {
      guard let time else {
        self = .every
        return
      }
      let days = (now - time) / 86_400_000
      self = days < 1 ? .day : days < 7 ? .week : days < 31 ? .month : .older
    }
  }

  /// One line: what there is, the newest first.
  package struct Row: Equatable, Sendable {
    package var kind: StoreFile.Kind
    package var age: Age
    package var files: UInt64
    package var bytes: UInt64

    package init(kind: StoreFile.Kind, age: Age, files: UInt64, bytes: UInt64) {
      (self.kind, self.age, self.files, self.bytes) = (kind, age, files, bytes)
    }
  }

  /// Those that there are: by kind, the newest first.
  package private(set) var rows: [Row] = []

  /// Nothing is known.
  init() {}

  /// The files that the manifests of `cores` list; may wait for the disk.
  init(_ cores: [ShardCore], now: Int64) {
    let files = cores.flatMap { StoredFile.list($0) }
    self.init(files.map { ($0.kind, end: $0.dataEnd, bytes: $0.bytes) }, now: now)
  }

  /// Files of a kind, with the time at which their data end, ms since 1970, where it is known.
  package init(_ files: [(kind: StoreFile.Kind, end: Int64?, bytes: UInt64)], now: Int64) {
    var sums: [Int: Row] = [:]
    for file in files {
      let age = Age(of: file.end, now: now)
      let place = Int(file.kind.rawValue) * Age.allCases.count + age.rawValue
      sums[place, default: Row(kind: file.kind, age: age, files: 0, bytes: 0)].files += 1
      sums[place]!.bytes += file.bytes
    }
    rows = sums.sorted { $0.key < $1.key }.map(\.value)
  }

  /// `[{"kind":"segment","age":"under a day","files":2,"bytes":8192},…]`
  var json: JSONValue {
    .array(
      rows.map { row in
        .object([
          "kind": .string(row.kind.name), "age": .string(row.age.name), "files": .integer(row.files),
          "bytes": .integer(row.bytes),
        ])
      })
  }
}

extension StoredFile {
  /// When the data of a segment or run end, ms since 1970.
  fileprivate var dataEnd: Int64? {
    if let segment { return segment.receiveTimes.upperBound }
    guard let run else { return nil }
    return (run.firstBucket + Int64(run.bucketCount)) * Int64(run.bucketSeconds) * 1_000
  }
}

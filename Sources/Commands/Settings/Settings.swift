import Clicks
import Platform
import Service

// Where a setting comes from, the first that has it:
//
//     flag  >  TALLY_… environment variable  >  line of the file named by --config  >  default
//
// Every source is checked as a whole, also where a stronger one has the setting: a line that is wrong today would be the
// one in force tomorrow.

/// The settings of `serve`, and where each comes from.
package struct Settings: Sendable {
  package private(set) var values = ServeSettings()
  /// Of each setting that is not at its default: `flag --listen`, `environment TALLY_LISTEN`, `tally.conf:3`.
  package private(set) var origins: [String: String] = [:]

  /// `--config`.
  package static let configOption = Option<String>(
    "config", .text("FILE"), "settings as lines NAME = VALUE; # begins a comment", variable: "TALLY_CONFIG")

  /// The options of a command that takes settings.
  package static let options: [OptionDeclaration] = [configOption.declaration] + SettingsTable.all.map(\.option)

  /// Reads all sources. Throws the first thing that is wrong, with its source.
  package init(
    _ arguments: Arguments, variables: [String: String], files: any FileSystem
  ) throws(UsageError) {
    if let path = arguments[Self.configOption] {
      for line in try ConfigFile.read(path, files) { try apply(line.name, line.value, from: line.place) }
    }
    // Names that nobody knows were refused before any command began.
    for setting in SettingsTable.all.sorted(by: { $0.variable < $1.variable }) {
      guard let text = variables[setting.variable] else { continue }
      try apply(setting.name, text, from: "environment variable \(setting.variable)")
    }
    for setting in SettingsTable.all {
      guard let text = arguments.given(setting.name) else { continue }
      try apply(setting.name, text, from: "option --\(setting.name)")
    }
  }

  /// Throws where settings that are good by themselves do not go together: raw clicks that went while a copy of them may still
  /// come could not say that it is one. What is kept already may be retired by any retention, so only a server asks.
  package func check() throws(UsageError) {
    let retention = values.shardOptions.rawRetention
    // An impression may be minted by a clock that is ahead.
    let lifetime = values.eventTimes.impressionLifetime + EventTimeLimits.mintTolerance
    let needs: [(name: String, least: Int64, reason: String)] = [
      (
        "impression-lifetime", lifetime,
        "an impression's first click must be kept a minute longer than it may be clicked"
      ),
      ("max-lateness", values.eventTimes.maxLateness, "a late click's copies come as late"),
      ("dedup-horizon", values.shardOptions.dedupHorizon, "after a start raw clicks say what was counted"),
    ]
    for need in needs where retention < need.least {
      let place = (origins["raw-retention"] ?? origins[need.name]).map { "\($0): " } ?? ""
      throw UsageError(
        "\(place)raw-retention is \(Self.text(retention)), and \(need.name) asks for \(Self.text(need.least)) at least: \(need.reason)"
      )
    }
  }

  private static func text(_ milliseconds: Int64) -> String { DurationText.write(milliseconds * 1_000_000) }

  /// Refuses settings of the command line where a running server is meant: it has its own, and these would say nothing.
  package static func refuse(_ arguments: Arguments, of command: String) throws(UsageError) {
    // The directory says who is meant.
    let names = [configOption.declaration.name] + SettingsTable.all.map(\.name).filter { $0 != "data-dir" }
    let given = names.filter { arguments.given($0) != nil }.map { "--\($0)" }
    guard !given.isEmpty else { return }
    throw UsageError(
      "\(given.joined(separator: ", ")): a running server goes by its own settings; set it there, or stop the server",
      command: command)
  }

  private mutating func apply(_ name: String, _ text: String, from place: String) throws(UsageError) {
    guard let setting = SettingsTable.all.first(where: { $0.name == name }) else {
      let hint = Nearest.hint(name, among: SettingsTable.all.map(\.name))
      throw UsageError("\(place): unknown setting \(name)\(hint)")
    }
    do throws(ValueFault) { try setting.apply(text, &values) } catch {
      throw UsageError("\(place): \(name) \(error.reason)")
    }
    // What stays in force would take every later loss too.
    if name == "accept-shard", text != "none", place != "option --accept-shard" {
      throw UsageError("\(place): accept-shard is for one start, and taken from the command line alone")
    }
    origins[name] = place
  }
}

/// A file of settings: `name = value` lines; blank lines and those that begin with `#` say nothing.
package enum ConfigFile {
  /// One line that says something.
  package struct Line: Hashable, Sendable {
    package var name: String
    package var value: String
    /// `FILE:LINE`.
    package var place: String
  }

  /// Bytes that are taken.
  static let limit = 1 << 20

  /// The lines of the file at `path`. A name that is given twice is an error.
  package static func read(_ path: String, _ files: any FileSystem) throws(UsageError) -> [Line] {
    let bytes: [UInt8]
    do throws(SystemError) { bytes = try files.open(path, .read).bytes(at: 0, count: limit + 1) } catch {
      throw UsageError("the settings file cannot be read: \(error)")
    }
    guard bytes.count <= limit else { throw UsageError("\(path): more than \(SizeText.write(Int64(limit)))") }
    guard let text = String(validating: bytes, as: UTF8.self) else { throw UsageError("\(path): not UTF-8") }
    return try parse(text, path)
  }

  /// The lines of `text`; `path` names it in errors.
  package static func parse(_ text: String, _ path: String) throws(UsageError) -> [Line] {
    var lines: [Line] = []
    for (index, whole) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
      let place = "\(path):\(index + 1)"
      let line = trimmed(whole)
      if line.isEmpty || line.hasPrefix("#") { continue }
      guard let sign = line.firstIndex(of: "=") else {
        throw UsageError("\(place): no = in \"\(line.prefix(80))\"; a line is NAME = VALUE")
      }
      let name = trimmed(line[..<sign])
      if let before = lines.first(where: { $0.name == name }) {
        throw UsageError("\(place): \(name) is given already, at \(before.place)")
      }
      lines.append(Line(name: name, value: trimmed(line[line.index(after: sign)...]), place: place))
    }
    return lines
  }

  private static func trimmed(_ text: Substring) -> String {
    var text = text.drop(while: \.isWhitespace)
    while let last = text.last, last.isWhitespace { text.removeLast() }
    return String(text)
  }
}

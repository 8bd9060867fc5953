import Bytes
import Clicks
import Platform

// Which user agents are robots that say so. A list is texts, one a line:
//
//     # what this operator does not count besides
//     ^UptimeProbe/          with which the user agent begins
//     acme-checker           which it contains; letters of either case are the same
//     @builtin               and the list that Tally comes with
//
// Looking for all texts at once: the first two bytes of a text, five bits of each, name one of 1,024 sets. A user agent is
// walked once, and at each byte only the texts of its set are compared; of a browser's user agent nearly all sets are empty.

/// A list of user agents whose clicks are redirected and not counted.
package struct BotList: Sendable {
  /// Why a file of texts cannot be used; names the line.
  package struct Fault: Error, Equatable, CustomStringConvertible {
    package var description: String
  }

  /// Bytes of a user agent that are looked at; what stands behind them is not.
  package static let window = 1_024
  /// Bytes of a text.
  package static let textBytes = 3...128
  /// Texts of a list, and bytes of a file.
  package static let textLimit = 4_096
  package static let fileLimit = 1 << 20

  /// Where the texts come from: `builtin` or `file`.
  package let source: String
  /// The built-in list's version; of a file the first twelve hex digits of its SHA-256.
  package let version: String
  /// Number of texts.
  package var count: Int { texts.count }

  private struct Text {
    /// Letters in lower case.
    var bytes: [UInt8]
    var isAnchored: Bool
  }

  private var texts: [Text] = []
  /// A bit for each set that has texts.
  private var present = [UInt64](repeating: 0, count: 16)
  private var sets: [UInt16: [Int]] = [:]

  /// The built-in list.
  package static let builtin: BotList = {
    var list = BotList(source: "builtin", version: BuiltinBots.version)
    list.addBuiltin()
    return list
  }()

  /// The list of a file. `name` is the file's, for errors.
  package init(file bytes: [UInt8], name: String) throws(Fault) {
    guard bytes.count <= Self.fileLimit else {
      throw Fault(description: "\(name): longer than \(Self.fileLimit) bytes, which a list of bots must not be")
    }
    self.init(source: "file", version: String(Hex.encode(SHA256().digest(bytes)).prefix(12)))
    var number = 0
    for line in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
      number += 1
      let text = Self.trimmed(line)
      if text.isEmpty || text.first == 0x23 { continue }
      do throws(Fault) { try add(line: Array(text)) } catch {
        throw Fault(description: "\(name):\(number): \(error.description)")
      }
    }
  }

  /// Reads the file at `path`.
  package init(path: String, _ files: any FileSystem) throws {
    let bytes = try files.open(path, .read).bytes(at: 0, count: Self.fileLimit + 1)
    try self.init(file: bytes, name: path)
  }

  private init(source: String, version: String) {
    self.source = source
    self.version = version
  }

  private mutating func addBuiltin() {
    for entry in BuiltinBots.entries {
      let isAnchored = entry.pattern.hasPrefix("^")
      insert(Array(entry.pattern.utf8.dropFirst(isAnchored ? 1 : 0)), isAnchored)
    }
  }

  private mutating func add(line: [UInt8]) throws(Fault) {
    if line.first == 0x40 {
      guard line.elementsEqual("@builtin".utf8) else {
        throw Fault(description: "@builtin is the only line that may begin with @")
      }
      return addBuiltin()
    }
    let isAnchored = line.first == 0x5E
    let text = Array(line.dropFirst(isAnchored ? 1 : 0))
    guard text.allSatisfy({ 0x20...0x7E ~= $0 }) else {
      throw Fault(description: "a text has visible ASCII characters and blanks only")
    }
    guard Self.textBytes ~= text.count else {
      let range = "\(Self.textBytes.lowerBound) to \(Self.textBytes.upperBound)"
      throw Fault(description: "a text has \(range) characters, this one \(text.count)")
    }
    guard count < Self.textLimit else {
      throw Fault(description: "more than \(Self.textLimit) texts, which a list of bots must not have")
    }
    insert(text, isAnchored)
  }

  private mutating func insert(_ text: [UInt8], _ isAnchored: Bool) {
    let lower = text.map(Self.lower)
    let set = Self.set(lower[0], lower[1])
    present[set >> 6] |= 1 << UInt64(set & 63)
    sets[UInt16(set), default: []].append(texts.count)
    texts.append(Text(bytes: lower, isAnchored: isAnchored))
  }

  private static func set(_ first: UInt8, _ second: UInt8) -> Int { Int(first & 31) << 5 | Int(second & 31) }

  /// Letters in lower case, other bytes as they are.
  private static func lower(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

  private static func trimmed(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }
    var line = line.drop(while: isBlank)
    while let last = line.last, isBlank(last) { line.removeLast() }
    return line
  }

  /// Whether the first `window` bytes of `agent` have one of the texts.
  package func matches(_ agent: UnsafeRawBufferPointer) -> Bool {
    let count = min(agent.count, Self.window)
    var at = 0
    while at + 1 < count {
      // Five bits of a letter are the same in either case.
      let set = unsafe Self.set(agent[at], agent[at + 1])
      if present[set >> 6] & 1 << UInt64(set & 63) != 0, unsafe found(set, agent, at, count) { return true }
      at += 1
    }
    return false
  }

  private func found(_ set: Int, _ agent: UnsafeRawBufferPointer, _ at: Int, _ count: Int) -> Bool {
    for index in sets[UInt16(set)] ?? [] {
      let text = texts[index]
      guard at + text.bytes.count <= count, at == 0 || !text.isAnchored else { continue }
      var same = 0
      while same < text.bytes.count, unsafe Self.lower(agent[at + same]) == text.bytes[same] { same += 1 }
      if same == text.bytes.count { return true }
    }
    return false
  }
}

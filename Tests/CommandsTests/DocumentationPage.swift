import Platform

// A page of the manual as a test sees it: blocks between fences, each of a kind that its first line names, and prose with
// words in backticks.
//
//   ```sh       commands, run in the order of the page
//   ```json     what the last command above answers
//   ```text     directly behind commands: what the last of them prints; elsewhere a drawing or a file
//   ```python   a program, run

/// A block between fences.
struct DocumentationBlock {
  /// The word behind the opening fence; empty where there is none.
  var kind: String
  /// `PAGE:LINE` of the opening fence.
  var place: String
  var lines: [String]
  /// Whether nothing but blank lines stands between it and the block above.
  var followsBlock: Bool

  /// Whether it shows what the commands above it print.
  var isPrinted: Bool { kind == "text" && followsBlock }

  var text: String { lines.joined(separator: "\n") }

  /// The commands of an `sh` block.
  var commands: [ExampleCommand] { ExampleCommand.split(lines, place) }
}

/// A command with all its lines, and what its comment says of how it is run.
struct ExampleCommand {
  var text: String
  /// What stands behind `#` on its first line.
  var comment: String
  var place: String

  /// `# … exit status 5`: how it ends; 0 if nothing is said.
  var status: Int32 {
    guard let words = comment.firstRange(of: "exit status ") else { return 0 }
    return Int32(comment[words.upperBound...].prefix(while: \.isNumber)) ?? 0
  }
  /// `# … (server stopped)`: no server holds the directory meanwhile.
  var stopsServer: Bool { comment.contains("server stopped") }
  /// `# … until Ctrl-C`: it ends only when it is told to.
  var isEndless: Bool { comment.contains("until Ctrl-C") }
  /// A server, which goes on in a terminal of its own.
  var isServer: Bool { text.hasPrefix("tally serve") }

  /// Puts together what a backslash or a here-document continues; leaves out blank lines and those of comments alone.
  static func split(_ lines: [String], _ place: String) -> [ExampleCommand] {
    var commands: [ExampleCommand] = []
    var rest = lines[...]
    while var line = rest.popFirst() {
      guard let first = line.first(where: { $0 != " " }), first != "#" else { continue }
      var text = line
      while line.hasSuffix("\\"), let next = rest.popFirst() {
        line = next
        text += "\n" + line
      }
      if let mark = line.firstRange(of: "<<") {
        let end = line[mark.upperBound...].filter { $0 != "'" }.prefix(while: \.isLetter)
        while let next = rest.popFirst() {
          text += "\n" + next
          if next == end { break }
        }
      }
      commands.append(ExampleCommand(text: text, comment: comment(of: text), place: place))
    }
    return commands
  }

  /// What stands behind the first `#` that no quote holds and that a blank is before.
  private static func comment(of text: String) -> String {
    var quote: Character?
    var before: Character = " "
    for index in text.indices {
      let character = text[index]
      if character == "\n" { break }
      if let open = quote {
        if character == open { quote = nil }
      } else if character == "'" || character == "\"" {
        quote = character
      } else if character == "#", before == " " {
        return String(text[text.index(after: index)...].prefix { $0 != "\n" })
      }
      before = character
    }
    return ""
  }
}

/// A page: `README.md` or one of `docs`.
struct DocumentationPage {
  let name: String
  let blocks: [DocumentationBlock]
  /// The lines outside of all blocks.
  let prose: [String]

  static let root: String = {
    var path = #filePath
    for _ in 0..<3 { path = String(path[..<path.lastIndex(of: "/")!]) }
    return path
  }()

  /// All pages of the manual.
  static func names() throws -> [String] {
    try ["README.md"]
      + KernelFileSystem().list("\(root)/docs").filter { $0.hasSuffix(".md") }.sorted().map { "docs/\($0)" }
  }

  init(_ name: String) throws {
    let bytes = try KernelFileSystem().contents("\(Self.root)/\(name)")
    self.init(name, String(decoding: bytes, as: UTF8.self))
  }

  init(_ name: String, _ text: String) {
    self.name = name
    var blocks: [DocumentationBlock] = []
    var prose: [String] = []
    var open: DocumentationBlock?
    var isBehindBlock = false
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init).enumerated() {
      if line.hasPrefix("```") {
        if let block = open {
          blocks.append(block)
          open = nil
          isBehindBlock = true
        } else {
          open = DocumentationBlock(
            kind: String(line.dropFirst(3)), place: "\(name):\(index + 1)", lines: [], followsBlock: isBehindBlock)
        }
      } else if open != nil {
        open?.lines.append(line)
      } else {
        prose.append(line)
        if line.contains(where: { $0 != " " }) { isBehindBlock = false }
      }
    }
    // A fence that nobody closes is a block that nobody reads.
    if let block = open {
      blocks.append(DocumentationBlock(kind: "", place: block.place, lines: [], followsBlock: false))
    }
    self.blocks = blocks
    self.prose = prose
  }

  /// What stands in backticks in `text`; a span may go over the end of a line.
  static func spans(_ text: String) -> [String] {
    text.replacing("\n", with: " ").split(separator: "`", omittingEmptySubsequences: false).enumerated()
      .compactMap { $0.offset % 2 == 1 ? String($0.element) : nil }
  }

  /// The options in `span`, without their dashes.
  static func options(_ span: String) -> [String] {
    span.split { " ,=/[]()|".contains($0) }.filter { $0.hasPrefix("--") && $0.count > 2 }.map {
      String($0.dropFirst(2))
    }
  }
}

import JSON
import Service
import Testing

// What a page shows of an answer, held against the answer. Ids, times and numbers are others at each run, so that the
// shape counts.

/// A `json` block: members, types, and of an array its first element. `null` stands for anything, and anything for it: a job
/// that is shown waiting may have ended.
struct ShownAnswer {
  private let place: String
  private let shown: JSONValue

  init(_ block: DocumentationBlock) throws {
    place = block.place
    shown = try JSONReader.read(Array(block.text.utf8))
  }

  /// Where `output` is another. Of several objects, one a line, the first is meant.
  func differences(_ output: String) -> [String] {
    let first = output.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
    guard let answer = [output, first].lazy.compactMap({ try? JSONReader.read(Array($0.utf8)) }).first else {
      return ["\(place): no JSON"]
    }
    return Self.differences(shown, answer, place)
  }

  private static func differences(_ shown: JSONValue, _ answer: JSONValue, _ path: String) -> [String] {
    switch (shown, answer) {
    case (.null, _), (_, .null): return []
    case (.object(let one), .object(let other)):
      let names = Set(one.map(\.name)).symmetricDifference(other.map(\.name))
      return names.sorted().map { "\(path).\($0): in one of both" }
        + one.flatMap { member in
          answer[member.name].map { differences(member.value, $0, "\(path).\(member.name)") } ?? []
        }
    case (.array(let one), .array(let other)):
      guard let first = one.first else { return [] }
      return other.first.map { differences(first, $0, "\(path)[0]") } ?? ["\(path): empty"]
    default: return shown.kind == answer.kind ? [] : ["\(path): \(answer.kind) for \(shown.kind)"]
    }
  }
}

/// A `text` block behind commands: each of its lines is printed, whatever the digits and the width of gaps.
struct PrintedLines {
  private let place: String
  private let lines: [String]

  init(_ block: DocumentationBlock) {
    place = block.place
    lines = block.lines.filter { !$0.isEmpty }
  }

  /// The lines that `output` has not.
  func missing(_ output: String) -> [String] {
    let printed = Set(output.split(whereSeparator: \.isNewline).map { Self.pattern(String($0)) })
    return lines.filter { !printed.contains(Self.pattern($0)) }.map { "\(place): \($0)" }
  }

  private static func pattern(_ line: String) -> String {
    var text = ""
    for character in line {
      let sign: Character = character.isNumber ? "#" : character
      if sign == "#" || sign == " ", text.last == sign { continue }
      text.append(sign)
    }
    return text
  }
}

@Suite struct ShownAnswerTests {
  private func block(_ text: String) -> DocumentationBlock {
    DocumentationBlock(kind: "json", place: "p", lines: [text], followsBlock: true)
  }

  @Test(
    arguments: [
      (#"{"a":1,"b":[{"c":"x"}]}"#, #"{"b":[{"c":"y"},{}],"a":2}"#, []), (#"{"a":null}"#, #"{"a":"x"}"#, []),
      (#"{"a":1}"#, #"{"a":"1"}"#, ["p.a: a string for a number"]),
      (#"{"a":1}"#, #"{"a":1,"b":2}"#, ["p.b: in one of both"]),
      (#"{"a":1,"b":2}"#, #"{"a":1}"#, ["p.b: in one of both"]),
      (#"[{"a":1}]"#, "[]", ["p: empty"]),
      (#"[{"a":1}]"#, #"[{"b":1}]"#, ["p[0].a: in one of both", "p[0].b: in one of both"]),
      (#"{"a":1}"#, "{\"a\":2}\n{\"b\":3}\n", []), ("{}", "tally: no", ["p: no JSON"]),
    ] as [(String, String, [String])])
  func shapesAreCompared(_ shown: String, _ answer: String, _ differences: [String]) throws {
    #expect(try ShownAnswer(block(shown)).differences(answer) == differences)
  }

  @Test func linesAreFoundWhateverTheirDigits() {
    let shown = PrintedLines(block("12 clicks  until 2026-11-23"))
    #expect(shown.missing("head\r\n3 clicks until 2031-01-01\r\n") == [])
    #expect(shown.missing("12 clicks since 2026-11-23\n") == ["p: 12 clicks  until 2026-11-23"])
  }

  @Test func commandsArePutTogether() {
    let page = DocumentationPage(
      "p",
      """
      ```sh
      # alone
      one "# not one" 'nor # this'   # exit status 5 (server stopped)
      two \\
        | three

      four --data @- <<'END'   # until Ctrl-C
      # a line
      END
      five
      ```

      ```text
      out
      ```
      prose `a
      b`
      ```
      open
      """)
    let commands = page.blocks[0].commands
    #expect(
      commands.map(\.text) == [
        "one \"# not one\" 'nor # this'   # exit status 5 (server stopped)", "two \\\n  | three",
        "four --data @- <<'END'   # until Ctrl-C\n# a line\nEND", "five",
      ])
    #expect(commands.map(\.status) == [5, 0, 0, 0] && commands.map(\.stopsServer) == [true, false, false, false])
    #expect(commands.map(\.isEndless) == [false, false, true, false])
    #expect(page.blocks.map(\.kind) == ["sh", "text", ""] && page.blocks.map(\.isPrinted) == [false, true, false])
    #expect(DocumentationPage.spans(page.prose.joined(separator: "\n")) == ["a b"])
    #expect(DocumentationPage.options("tally a --b=c --d,--e") == ["b", "d", "e"])
  }
}

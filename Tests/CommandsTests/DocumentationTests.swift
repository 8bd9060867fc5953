import Commands
import HTTP
import Service
import Testing

/// What the manual says in words and tables about commands, options, defaults and metrics: the program has it.
@Suite struct DocumentationTests {
  private static let kinds: Set = ["sh", "json", "text", "python", "swift"]

  @Test func everyBlockSaysWhatItIs() throws {
    for name in try DocumentationPage.names() {
      for block in try DocumentationPage(name).blocks {
        #expect(Self.kinds.contains(block.kind), "\(block.place): the fence says \"\(block.kind)\"")
        #expect(block.kind != "sh" || !block.commands.isEmpty, "\(block.place): no command")
      }
    }
  }

  @Test func everyOptionThatIsNamedExists() throws {
    let all = Set(CommandTable.all.flatMap { $0.options.map(\.name) } + ["help"])
    for name in try DocumentationPage.names() {
      for span in DocumentationPage.spans(try DocumentationPage(name).prose.joined(separator: "\n")) {
        let words = span.split(separator: " ").map(String.init)
        let command = words.first == "tally" ? Self.command(Array(words.dropFirst())) : nil
        if words.first == "tally", let verb = words.dropFirst().first, verb.allSatisfy(\.isLetter) {
          #expect(command != nil, "\(name): `\(span)` is no command")
        }
        let known = command.map { Set($0.options.map(\.name) + ["help"]) } ?? all
        for option in DocumentationPage.options(span) {
          #expect(known.contains(option), "\(name): `\(span)`: there is no --\(option)")
        }
      }
    }
  }

  /// The command that the words begin with.
  private static func command(_ words: [String]) -> Command? {
    [2, 1].lazy.compactMap { count in
      CommandTable.all.first { $0.name == words.prefix(count).joined(separator: " ") }
    }.first
  }

  /// In a row of a table that names settings in its first cell, and as many values in its second one, these are the defaults.
  @Test func defaultsInTablesAreTheProgramsOwn() throws {
    var seen = 0
    for name in try DocumentationPage.names() {
      for row in try DocumentationPage(name).prose where row.hasPrefix("|") {
        let cells = row.split(separator: "|").map { DocumentationPage.spans(String($0)) }
        guard cells.count > 2 else { continue }
        let settings = cells[0].flatMap(DocumentationPage.options)
        guard !settings.isEmpty, settings.count == cells[1].count else { continue }
        for (option, text) in zip(settings, cells[1]) {
          guard let setting = SettingsTable.all.first(where: { $0.name == option }) else { continue }
          var values = ServeSettings()
          let standard = setting.show(values)
          #expect(throws: Never.self, "\(name): --\(option) \(text)") { try setting.apply(text, &values) }
          #expect(setting.show(values) == standard, "\(name): --\(option) is \(standard) by default, not \(text)")
          seen += 1
        }
      }
    }
    #expect(seen > 20)
  }

  @Test func everyMetricThatIsNamedIsServed() throws {
    let shell = try ExampleShell(month: "2026-10")
    try shell.serve()
    let metrics = try HTTPClient(shell.addresses.admin).request("GET", "/metrics").text
    for name in try DocumentationPage.names() {
      for span in DocumentationPage.spans(try DocumentationPage(name).prose.joined(separator: "\n"))
      where span.hasPrefix("tally_") && span.allSatisfy({ $0.isLetter || $0 == "_" }) {
        #expect(metrics.contains("# TYPE \(span) "), "\(name): /metrics has no \(span)")
      }
    }
    #expect(shell.stop() == 0)
  }

  /// `GET /api/v1/statements/2026-10`, `/admin/v1/jobs/{id}`, `POST /admin/v1/{flush,retain}`.
  @Test func everyRouteThatIsNamedExists() throws {
    var seen = 0
    for name in try DocumentationPage.names() {
      for span in DocumentationPage.spans(try DocumentationPage(name).prose.joined(separator: "\n")) {
        let words = span.split(separator: " ").map(String.init)
        guard let path = words.last, path.hasPrefix("/api/") || path.hasPrefix("/admin/v") else { continue }
        let method = words.count > 1 ? words[0] : nil
        for one in Self.alternatives(path) {
          let isKnown = Route.allCases.contains { route in
            Self.matches(one, route.path) && method.map { $0 == "\(route.method)".uppercased() } ?? true
          }
          #expect(isKnown, "\(name): `\(span)`: there is no \(one)")
          seen += 1
        }
      }
    }
    #expect(seen > 10)
  }

  /// The paths that `…/{a,b}` stands for.
  private static func alternatives(_ path: String) -> [String] {
    guard path.hasSuffix("}"), path.contains(","), let open = path.lastIndex(of: "{") else { return [path] }
    return path[path.index(after: open)...].dropLast().split(separator: ",").map { String(path[..<open] + $0) }
  }

  /// Whether `path` is the route's, with its variables as they are called or filled in.
  private static func matches(_ path: String, _ route: String) -> Bool {
    let (one, other) = (path.split(separator: "/"), route.split(separator: "/"))
    return one.count == other.count
      && zip(one, other).allSatisfy { $0 == $1 || $1.hasPrefix("{") && !$0.hasPrefix("{") }
  }
}

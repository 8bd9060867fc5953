import Catalog
import Clicks
import Commands
import HTTP
import OtherPrograms
import Platform
import Service
import Store
import Testing

// The manual's examples are run: every `sh` block of every page, in the order of the page, each command with the status that
// it says, each answer held against the one that is shown. What a page takes for granted is made in `grounds`.

@Suite(.serialized) struct ExamplesTests {
  /// A page, and whether a server holds its directory from the start.
  struct Run: Sendable, CustomTestStringConvertible {
    var page: String
    var isServed: Bool
    var testDescription: String { isServed ? page : "\(page), no server" }
  }

  /// What there is before a page begins, and what it is made by.
  struct Ground: Sendable {
    var variables: [String: String] = [:]
    /// Commands, run before the server starts.
    var commands = ""
    /// A command of the page, and what happens to the stopped store before it.
    var damage: (before: String, sql: String)?
  }

  /// The README starts its own server; imports go through a server and into a directory.
  private static let runs = [
    Run(page: "README.md", isServed: false), Run(page: "docs/architecture.md", isServed: true),
    Run(page: "docs/clicks.md", isServed: true), Run(page: "docs/counts.md", isServed: true),
    Run(page: "docs/dashboard.md", isServed: true),
    Run(page: "docs/import.md", isServed: false), Run(page: "docs/import.md", isServed: true),
    Run(page: "docs/operations.md", isServed: true), Run(page: "docs/queries.md", isServed: true),
  ]

  private static let grounds: [String: Ground] = [
    "docs/clicks.md": Ground(commands: "tally ads put 42 https://example.com/shoes --advertiser acme"),
    // A month that is over, and clicks of it that come late.
    "docs/counts.md": Ground(
      commands: #"""
        for ad in 42 43; do tally ads put $ad https://example.com/$ad --advertiser acme; done
        for i in $(seq 1 40); do
          printf '{"adId":"%s","impressionId":"%032x","time":"2026-10-15T12:00:%02dZ"}\n' $((42 + i % 2)) $i $i
        done >clicks.ndjson
        tally import clicks.ndjson --history
        for i in 51 52; do printf '{"adId":"42","impressionId":"%032x","time":"2026-10-16T12:00:00Z"}\n' $i; done >late.ndjson
        """#),
    "docs/queries.md": Ground(commands: "tally keys add"),
    // Files of every kind that the page imports.
    "docs/import.md": Ground(
      commands: #"""
        printf '%s\n' adId,redirectUrl,advertiserId 42,https://example.com/shoes,acme 43,https://example.com/hats,acme >ads.csv
        for i in 1 2 3; do
          printf '{"adId":"42","impressionId":"%032x","time":%s}\n' $i $(date +%s)
        done >clicks.ndjson
        printf '%s\n' ad,ts 42,2024-02-29T10:00:00Z 42,2024-02-29T10:00:01Z 43,2024-03-01T00:00:00Z | gzip >2024.csv.gz
        hour=$(date -u -d '-3 hours' +%y%m%d%H)
        printf '%s\n' id,click,hour,site 1000,1,$hour,42 1001,0,$hour,42 1002,1,$hour,43 >log.csv
        """#),
    // Clicks in every shard and in a month that is over, with what browsers said.
    "docs/operations.md": Ground(
      variables: ["TALLY_CAPTURE": "user-agent,referrer"],
      commands: #"""
        for ad in 42 1 2 3 4 5 6 7; do tally ads put $ad https://example.com/$ad --advertiser acme; done
        for i in $(seq 1 160); do
          printf '{"adId":"%s","impressionId":"%032x","time":"2026-10-15T12:%02d:00Z",' $((i % 8)) $i $((i % 60))
          printf '"userAgent":"Robot of %s","referrer":"https://shop.example/"}\n' $i
        done | sed 's/"adId":"0"/"adId":"42"/' >old.ndjson
        tally import old.ndjson --history --map userAgent=userAgent,referrer=referrer
        """#,
      damage: (
        before: "tally catalog accept ", sql: "UPDATE ad SET redirect_url = 'https://gxample.com/42' WHERE id = '42'"
      )),
  ]

  /// What is not run, by how it begins, and why.
  private static let exempt: [(page: String, start: String, reason: String)] = [
    ("README.md", "apt-get update && apt-get install", ".ci/run runs these lines as they stand there: root, minutes"),
    ("README.md", "swift build -c release && alias tally=", "the tests run the program that was built with them"),
  ]

  private static func isExempt(_ page: String, _ text: String) -> Bool {
    exempt.contains { $0.page == page && text.hasPrefix($0.start) }
  }

  /// Programs that an example needs and not every machine has.
  private static let programs = ["curl", "jq", "python3"]

  @Test(arguments: runs) func everyExampleRuns(_ run: Run) throws {
    let page = try DocumentationPage(run.page)
    let ground = Self.grounds[run.page] ?? Ground()
    let month = Month(index: Month(containing: Minute(containing: KernelTime().wall())).index - 2)!
    let shell = try ExampleShell(month: "\(month)", variables: ground.variables)
    let made = try shell.run("set -e\n" + ground.commands)
    #expect(made.status == 0, "\(run.page): \(made.talk)")
    if run.isServed { try shell.serve() }
    let missing = try Self.programs.filter { try OtherPrograms.path($0) == nil }

    var damage = ground.damage
    // What the last command printed; nil where it was left out.
    var last: ExampleShell.Outcome?
    for (index, block) in page.blocks.enumerated() {
      switch block.kind {
      case "sh":
        let shown = page.blocks[(index + 1)...].first.flatMap { $0.isPrinted ? PrintedLines($0) : nil }
        for command in block.commands where !Self.isExempt(run.page, command.text) {
          // Whole words: a path that has the name is no call.
          let words = command.text.split { " |\n(".contains($0) }
          if let program = missing.first(where: { words.contains(Substring($0)) }) {
            OtherPrograms.leaveOut("\(command.place): \(command.text)", without: program)
            last = nil
            continue
          }
          if let due = damage, command.text.hasPrefix(due.before) {
            try change(shell, due.sql)
            damage = nil
          }
          last = try perform(command, shell, until: shown)
        }
      case "python" where !missing.contains("python3"): try checkLink(block, shell)
      case "json": if let last { #expect(try ShownAnswer(block).differences(last.output) == [], "\(last.output)") }
      case "text" where block.isPrinted:
        if let last {
          #expect(PrintedLines(block).missing(last.output + last.talk) == [], "\(last.output)\(last.talk)")
        }
      default: break
      }
    }
    #expect(damage == nil, "\(run.page) has no command that \(damage?.before ?? "") is")
    if let status = shell.stop() { #expect(status == 0, "\(run.page): the server ended with \(status)") }
  }

  @Test func everyPageIsRun() throws {
    #expect(try Set(Self.runs.map(\.page)) == Set(DocumentationPage.names()))
    #expect(Set(Self.grounds.keys).isSubset(of: Self.runs.map(\.page)))
    for one in Self.exempt {
      let blocks = try DocumentationPage(one.page).blocks
      let texts = blocks.flatMap { $0.kind == "sh" ? $0.commands.map(\.text) : [] }
      #expect(texts.contains { $0.hasPrefix(one.start) }, "\(one.page) has nothing that begins with \(one.start)")
      #expect(!one.reason.isEmpty)
    }
  }

  /// Runs one command of a page as its comment says; one that ends only by Ctrl-C, until it has printed `shown`.
  private func perform(
    _ command: ExampleCommand, _ shell: ExampleShell, until shown: PrintedLines?
  ) throws -> ExampleShell.Outcome? {
    if command.isServer {
      try shell.serve(command.text)
      return nil
    }
    if command.stopsServer {
      if let status = shell.stop() { #expect(status == 0, "\(command.place): the server ended with \(status)") }
    } else {
      try shell.resume()
    }
    let outcome =
      try command.isEndless
      ? shell.runEndless(command.text) { $0.contains("\n") && (shown?.missing($0) ?? []).isEmpty }
      : shell.run(command.text)
    #expect(
      outcome.status == command.status,
      "\(command.place): \(command.text)\nended with \(outcome.status):\n\(outcome.output)\(outcome.talk)")
    return outcome
  }

  /// Changes the catalog behind the program's back.
  private func change(_ shell: ExampleShell, _ sql: String) throws {
    shell.stop()
    do {
      let database = try Database.open(
        "\(shell.path)/data/\(StoreFiles.catalog)", .readWrite, files: KernelFileSystem())
      try database.execute(sql, doing: "testing")
    }
    try shell.resume()
  }

  /// A program that prints a link: it counts, with a key of this store.
  private func checkLink(_ block: DocumentationBlock, _ shell: ExampleShell) throws {
    try shell.resume()
    let program = "import sys\nSECRET = sys.argv[1]\n" + block.text
    let outcome = try shell.run("python3 - \"$(tally keys add)\" <<'END'\n\(program)\nEND")
    let link = outcome.output.split(separator: "\n").first ?? ""
    let start = "https://clicks.example.com"
    try #require(outcome.status == 0 && link.hasPrefix(start + "/click?"), "\(block.place): \(outcome.talk)")
    let answer = try HTTPClient(shell.addresses.listen).request("GET", String(link.dropFirst(start.count)))
    #expect(answer.status == 302, "\(block.place): \(link) is answered \(answer.text)")
    #expect(answer.header("x-tally-verdict") == "valid", "\(block.place)")
  }
}

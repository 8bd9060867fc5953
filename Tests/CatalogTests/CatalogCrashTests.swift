import Catalog
import Clicks
import Platform
import Simulation
import Testing

// A crash inside a change of the catalog. SQLite appends the pages of a change to `-wal`, each in a frame of 24 + 4,096 bytes behind
// a header of 32, and syncs them at the commit; later a checkpoint copies them into the file. So a crash leaves
//
//   before the sync     the file as it was, and any part of what was appended
//   behind it           the file with any of the new pages in it, and all that was appended

/// A change of the catalog that is cut off anywhere is there as a whole or not at all, and the next opening goes on by itself.
@Suite struct CatalogCrashTests {
  /// The files of a catalog.
  private struct Image {
    static let pageBytes = 4_096
    static let frameBytes = 24 + pageBytes
    static let logHeader = 32

    var file: [UInt8]
    var log: [UInt8]
    var token: [UInt8]?

    /// Of the catalog in a directory, as its readers find it now.
    init(_ scratch: Scratch) throws {
      file = try scratch.files.contents(scratch.catalog)
      let log = scratch.catalog + "-wal"
      self.log = scratch.files.exists(log) ? try scratch.files.contents(log) : []
      let token = "\(scratch.path)/\(AdminToken.fileName)"
      self.token = scratch.files.exists(token) ? try scratch.files.contents(token) : nil
    }

    /// Puts the files into a fresh directory.
    func placed() throws -> Scratch {
      let scratch = try Scratch()
      for (name, bytes) in [("catalog.sqlite", file), ("catalog.sqlite-wal", log), (AdminToken.fileName, token ?? [])]
      where !bytes.isEmpty {
        try scratch.files.open("\(scratch.path)/\(name)", .create).writeAll(bytes, at: 0)
      }
      return scratch
    }

    /// Frames of the log.
    var frames: Int { max(0, (log.count - Self.logHeader) / Self.frameBytes) }

    /// The page that a frame holds, and its bytes.
    func page(_ frame: Int) -> (number: Int, bytes: ArraySlice<UInt8>) {
      let start = Self.logHeader + frame * Self.frameBytes
      let number = log[start..<(start + 4)].reduce(0) { $0 << 8 | Int($1) }
      return (number, log[(start + 24)..<(start + Self.frameBytes)])
    }
  }

  /// What a crash inside the change from `before` to `after` may leave, and whether the change must be there.
  private static func crashes(
    _ before: Image, _ after: Image, _ chance: inout SeededGenerator
  ) -> [(what: String, image: Image, isDurable: Bool)] {
    var crashes: [(String, Image, Bool)] = []
    func add(_ what: String, _ isDurable: Bool, _ change: (inout Image) -> Void) {
      var image = after
      image.file = before.file
      change(&image)
      crashes.append((what, image, isDurable))
    }
    add("nothing appended", false) { $0.log = before.log }
    add("nothing appended, no token", false) { ($0.log, $0.token) = (before.log, before.token) }
    add("all appended", true) { _ in }
    for frame in 0..<after.frames {
      let end = Image.logHeader + frame * Image.frameBytes
      guard end >= before.log.count else { continue }
      for more in [0, 10, 24, 24 + 512 * (1 + chance.small(in: 0...6))] {
        add("cut \(more) bytes into frame \(frame)", false) { $0.log.removeLast($0.log.count - end - more) }
      }
    }
    // Sectors may come in any order: some are not there although later ones are.
    let new = before.log.count..<after.log.count
    for round in 0..<20 {
      var image = after
      image.file = before.file
      var lost = 0
      for at in stride(from: new.lowerBound & ~511, to: new.upperBound, by: 512)
      where chance.oneIn(round % 2 == 0 ? 3 : 40) {
        for i in max(at, new.lowerBound)..<min(at + 512, new.upperBound) where image.log[i] != 0 {
          image.log[i] = 0
          lost += 1
        }
      }
      crashes.append(("\(lost) bytes of sectors lost, round \(round)", image, lost == 0))
    }
    // The checkpoint: of each page the last frame counts.
    for round in 0..<20 {
      add("some pages checkpointed, round \(round)", true) { image in
        for frame in 0..<after.frames where chance.oneIn(2) {
          let (number, _) = after.page(frame)
          let newest = after.page((frame..<after.frames).last { after.page($0).number == number }!).bytes
          let start = (number - 1) * Image.pageBytes
          if image.file.count < start { image.file += [UInt8](repeating: 0, count: start - image.file.count) }
          // A page may be half there.
          let bytes = chance.oneIn(4) ? newest.prefix(512 * (1 + chance.small(in: 0...6))) : newest
          image.file.replaceSubrange(start..<min(start + bytes.count, image.file.count), with: bytes)
        }
      }
    }
    return crashes
  }

  /// Performs `change` on what `before` has, and tries every crash inside it. `check` opens what a crash has left, and says
  /// whether the change is there.
  private func enumerate(
    _ before: Image, _ seed: Seed, change: (Scratch) throws -> Catalog, check: (Scratch) throws -> Bool
  ) throws {
    var chance = seed.generator
    let after: Image
    do {
      let scratch = try before.placed()
      let catalog = try change(scratch)
      // While it is open: the last one to close the file brings the log into it.
      after = try Image(scratch)
      withExtendedLifetime(catalog) {}
    }
    #expect(after.file == before.file && after.frames > before.frames, "\(seed)")
    var outcomes: Set<Bool> = []
    for (what, image, isDurable) in Self.crashes(before, after, &chance) {
      do {
        let isThere = try check(try image.placed())
        #expect(isThere || !isDurable, "\(seed), \(what): the change is gone")
        outcomes.insert(isThere)
      } catch { Issue.record("\(seed), \(what): \(error)") }
    }
    print("\(seed): \(after.frames - before.frames) frames, \(outcomes.sorted { !$0 && $1 })")
    #expect(outcomes == [false, true], "\(seed)")
  }

  private func owner(_ hasClicks: Bool = true) -> CatalogOwner { CatalogOwner(store: "a", hasClicks: { hasClicks }) }

  /// A closed catalog of the store `a`, with ads.
  private func filled() throws -> Image {
    let scratch = try Scratch()
    try {
      let catalog = try Catalog.open(scratch.catalog, owner: owner(false), in: .kernel)
      for number in 0..<40 { _ = try catalog.put(draft("ad-\(number)"), hasCounts: false) }
    }()
    return try Image(scratch)
  }

  /// The first opening of a catalog of version 0.1 signs its rows and gives it to its store: both or neither.
  @Test(arguments: Seeds.list(1)) func signingAnOlderCatalogIsOneStep(seed: Seed) throws {
    let scratch = try Scratch()
    try {
      let database = try Database.open(scratch.catalog, .readWrite, files: scratch.files)
      try Schema.establish(in: database, .readWrite, steps: Array(Schema.steps[..<2]))
      for number in 0..<300 {
        let key = Int64(bitPattern: AdKey(AdID("ad-\(number)")!).rawValue)
        try database.execute(
          """
          INSERT INTO ad VALUES (\(key), 'ad-\(number)', 'https://shop.example/\(number)', 'acme', NULL, 0, NULL, 5, 6, NULL);
          """, doing: "testing")
      }
      try database.execute("INSERT INTO signing_key VALUES (1, 'k', X'61', 5, NULL)", doing: "testing")
    }()
    let before = try Image(scratch)
    try enumerate(before, seed) { scratch in
      try Catalog.open(scratch.catalog, owner: owner(), in: .kernel)
    } check: {
      try isSigned($0)
    }
  }

  /// Whether it was signed before this opening, which signs it otherwise.
  private func isSigned(_ scratch: Scratch) throws -> Bool {
    let isSigned = failure { _ = try scratch.open(.readOnly) } == nil
    let catalog = try Catalog.open(scratch.catalog, owner: owner(), in: .kernel)
    #expect(try catalog.store == "a" && catalog.damagedRows() == [] && catalog.structuralFault() == nil)
    #expect(try catalog.damagedCopies == [] && catalog.countAds() == 300)
    for number in 0..<300 {
      let found = try catalog.ad(AdID("ad-\(number)")!)?.redirectURL
      #expect(found == "https://shop.example/\(number)")
    }
    #expect(try catalog.activeKeys().map { $0.secret.reveal() } == ["a"])
    return isSigned
  }

  /// An import of ads, changed ones among them.
  @Test(arguments: Seeds.list(1)) func anImportOfAdsIsOneStep(seed: Seed) throws {
    let rows = (20..<120).map { number in
      AdRow(
        line: number,
        fields: AdFields(adID: "ad-\(number)", redirectURL: "https://new.example/\(number)", advertiserID: "acme"))
    }
    try enumerate(filled(), seed) { scratch in
      let catalog = try Catalog.open(scratch.catalog, owner: owner(), in: .kernel)
      _ = try catalog.importAds(rows) { _ in false }
      return catalog
    } check: {
      try isImported($0)
    }
  }

  private func isImported(_ scratch: Scratch) throws -> Bool {
    let catalog = try Catalog.open(scratch.catalog, owner: owner(), in: .kernel)
    #expect(try catalog.store == "a" && catalog.damagedRows() == [] && catalog.structuralFault() == nil)
    let isThere = try catalog.countAds() == 120
    for number in 0..<(isThere ? 120 : 40) {
      let due = isThere && number >= 20 ? "https://new.example/\(number)" : "https://shop.example/"
      let found = try catalog.ad(AdID("ad-\(number)")!)?.redirectURL
      #expect(found == due)
    }
    return isThere
  }

  /// The first token stands in the catalog and in a file beside it: after a crash between them the next start makes another one.
  @Test(arguments: Seeds.list(1)) func theFirstTokenOpensWhateverWasCut(seed: Seed) throws {
    try enumerate(filled(), seed) { scratch in
      let catalog = try Catalog.open(scratch.catalog, owner: owner(), in: .kernel)
      #expect(try AdminToken.writeOnFirstStart(catalog, in: scratch.path) != nil)
      return catalog
    } check: {
      try hasToken($0)
    }
  }

  /// Whether this start found a token. The one that the file has opens in any case.
  private func hasToken(_ scratch: Scratch) throws -> Bool {
    let catalog = try Catalog.open(scratch.catalog, owner: owner(), in: .kernel)
    let isThere = try AdminToken.writeOnFirstStart(catalog, in: scratch.path) == nil
    let token = try #require(try AdminToken.read(in: scratch.path, scratch.files))
    #expect(try catalog.authenticate(token.reveal()) != nil && catalog.damagedRows() == [])
    return isThere
  }
}

import Platform
import Testing

/// Style as a test: what a linter cannot know about this project.
@Suite struct TidyTests {
  static let root: String = {
    var path = #filePath
    for _ in 0..<3 { path = String(path[..<path.lastIndex(of: "/")!]) }
    return path
  }()

  /// Every source file below the given folders, with its lines.
  func sources(_ folders: [String], ending: [String] = [".swift", ".c", ".h"]) throws -> [(
    path: String, lines: [String]
  )] {
    let files = KernelFileSystem()
    var found: [(String, [String])] = []
    func walk(_ path: String) throws {
      for name in try files.list(path) where !name.hasPrefix(".") {
        let child = "\(path)/\(name)"
        if ending.contains(where: name.hasSuffix) {
          let text = String(decoding: try files.contents(child), as: UTF8.self)
          found.append(
            (
              String(child.dropFirst(Self.root.count + 1)),
              text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            ))
        } else if (try? files.list(child)) != nil {
          try walk(child)
        }
      }
    }
    for folder in folders { try walk("\(Self.root)/\(folder)") }
    return found
  }

  @Test func filesAreShortEnoughToRead() throws {
    // What a script writes is read where the script reads it.
    for (path, lines) in try sources(["Sources", "Tests", "Benchmarks"]) where !lines[0].hasPrefix("// Written by ") {
      #expect(lines.count <= 500, "\(path) has \(lines.count) lines: does it hold two ideas?")
    }
  }

  @Test func foundationStaysAboveTheEngine() throws {
    let above = ["Sources/Service/", "Sources/Demo/", "Sources/Commands/", "Sources/tally/"]
    for (path, lines) in try sources(["Sources"]) where !above.contains(where: path.hasPrefix) {
      for (number, line) in lines.enumerated() {
        #expect(!line.hasPrefix("import Foundation"), "\(path):\(number + 1) imports Foundation")
      }
    }
  }

  @Test func onlyThePlatformTouchesTheKernel() throws {
    let words = [
      "fdatasync(", "pwrite(", "clock_gettime(", "Date()", "SystemRandomNumberGenerator", "UInt64.random(in",
    ]
    let engine = [
      "Files", "Columns", "Runs", "Segments", "ClickLog", "Dedup", "Minutes", "Store", "Query", "Clicks",
      "Reconciliation", "Corrections",
    ]
    .map { "Sources/\($0)/" }
    for (path, lines) in try sources(["Sources"]) where engine.contains(where: path.hasPrefix) {
      for (number, line) in lines.enumerated() where !line.trimmingPrefix(while: { $0 == " " }).hasPrefix("//") {
        for word in words { #expect(!line.contains(word), "\(path):\(number + 1) has \(word)") }
        #expect(!line.contains("async "), "\(path):\(number + 1) is async")
      }
    }
  }

  @Test func nothingIsLeftForLater() throws {
    // Spelled apart, so that this file does not find itself.
    let words = ["TO" + "DO", "FIX" + "ME", "HA" + "CK"]
    for (path, lines) in try sources(
      ["Sources", "Tests", "Benchmarks", "Formats"], ending: [".swift", ".c", ".h", ".md"])
    {
      for (number, line) in lines.enumerated() {
        for word in words { #expect(!line.contains(word), "\(path):\(number + 1) has \(word)") }
      }
    }
  }

  @Test func theArchitecturePageNamesEveryModule() throws {
    let files = KernelFileSystem()
    let page = String(decoding: try files.contents("\(Self.root)/docs/architecture.md"), as: UTF8.self)
    for module in try files.list("\(Self.root)/Sources") {
      #expect(page.contains("`\(module)`"), "docs/architecture.md does not say what \(module) does")
    }
  }

  @Test func theReadmeIsShort() throws {
    let files = KernelFileSystem()
    #expect(try files.contents("\(Self.root)/README.md").count <= 6 * 1024, "README.md is longer than 6 KiB")
  }

  @Test func everyFormatHasItsPage() throws {
    let files = KernelFileSystem()
    for page in [
      "conventions.md", "click-log.md", "manifest.md", "sealed-file.md", "dictionary.md", "columns.md", "run.md",
      "segment.md", "routes.md", "corrections.md", "seals.md", "catalog.md",
    ] {
      #expect(files.exists("\(Self.root)/Formats/\(page)"), "Formats/\(page) is missing")
    }
  }
}

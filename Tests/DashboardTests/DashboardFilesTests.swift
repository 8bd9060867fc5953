import Dashboard
import Platform
import Testing

@Suite struct DashboardFilesTests {
  /// `Sources/Dashboard/web` of this checkout.
  private static let folder: String = {
    var path = #filePath
    for _ in 0..<3 { path = String(path[..<path.lastIndex(of: "/")!]) }
    return "\(path)/Sources/Dashboard/web"
  }()

  private static func bytes(_ text: StaticString) -> [UInt8] { text.withUTF8Buffer { unsafe Array($0) } }

  /// What is served is what people edit: `Sources/Dashboard/embed` was run after the last change.
  @Test func theProgramHasEveryFileOfTheFolder() throws {
    let files = KernelFileSystem()
    let names = try files.list(Self.folder).sorted()
    #expect(DashboardFiles.all.map(\.name) == names)
    for file in DashboardFiles.all {
      let disk = try files.contents("\(Self.folder)/\(file.name)")
      #expect(Self.bytes(file.text) == disk, "\(file.name) differs: run Sources/Dashboard/embed")
    }
  }

  /// A file can be read in one sitting, and a browser gets the page in a few packets.
  @Test func theFilesAreSmall() {
    for file in DashboardFiles.all {
      #expect(file.text.utf8CodeUnitCount <= 15 * 1024, "\(file.name) is longer than 15 KiB")
    }
  }
}

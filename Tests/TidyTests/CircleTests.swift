import Testing

/// Files that mention each other's types in a circle can only be understood together. Inside a module nothing else forbids it, so
/// that no circle may have more files than a person reads at one go.
@Suite struct CircleTests {
  private static let limit = 6

  @Test(arguments: ["Store", "Reconciliation", "Segments"])
  func filesMentionEachOtherInSmallCircles(_ module: String) throws {
    let files = try TidyTests().sources(["Sources/\(module)"], ending: [".swift"])
    let graph = TypeGraph(files.map { (path: $0.path, text: $0.lines.joined(separator: "\n")) })
    #expect(graph.files.count > 5, "Sources/\(module) is not there")
    for circle in graph.circles where circle.count > Self.limit {
      Issue.record("\(circle.count) files depend on each other:\n\(graph.explain(circle))")
    }
  }

  @Test func theScanFindsACircle() {
    let graph = TypeGraph([
      ("A", "struct A {\n  var b: B?\n}"), ("B", "package final class B {\n  func c() -> [C] { [] }\n}"),
      ("C", "// B is not mentioned here, nor \"D\".\nenum C { case a(A) }"),
      ("D", "extension A {}\nprivate struct B {}"),
      ("E", "struct E { var name = \"A \\\" B\" /* C */ }\nstruct D {}"),
    ])
    #expect(graph.circles.map { $0.map { graph.files[$0] } } == [["A", "B", "C"]])
    #expect(graph.explain(graph.circles[0]).contains("A mentions B of B"))
  }
}

import Testing

/// What the product does not use does not ship with it: each name that `Sources` declares is mentioned there a second time.
/// Tests and benchmarks may use what the product uses, and have helpers of their own. Names are looked at, not declarations: one
/// that is dead behind another's name is not found.
@Suite struct DeadCodeTests {
  /// Declared for somebody else than the product.
  private static let allowed = [
    "customMirror": "required by CustomReflectable",
    "debugDescription": "required by CustomDebugStringConvertible",
    "brokenInvariant": "the invariant of the index as a function, which tests call after each change",
    "withSabotage": "tests plant faults with it",
    "BatchClient": "the load generator's client of the batch endpoint, for benchmarks and tests of the whole process",
  ]

  /// The names that are declared as often as they are mentioned, each with the places of its declarations.
  private static func dead(_ sources: [(path: String, text: String)]) -> [String: [String]] {
    var mentions: [String: Int] = [:]
    var declared: [String: [String]] = [:]
    for (path, text) in sources {
      let source = SourceWords(text)
      for word in source.words { mentions[word.text, default: 0] += 1 }
      for i in source.declarations where source.words[i].text != "_" {
        declared[source.words[i].text, default: []].append("\(path):\(source.words[i].line)")
      }
    }
    return declared.filter { mentions[$0.key] == $0.value.count }
  }

  @Test func everyDeclarationIsUsedByTheProduct() throws {
    let files = try TidyTests().sources(["Sources"], ending: [".swift"])
    #expect(files.count > 300, "Sources is not there")
    let dead = Self.dead(files.map { ($0.path, $0.lines.joined(separator: "\n")) })
    for (name, places) in dead.sorted(by: { $0.key < $1.key }) where Self.allowed[name] == nil {
      Issue.record("nothing in Sources uses \(name), declared at \(places.sorted().joined(separator: ", "))")
    }
    for (name, reason) in Self.allowed where dead[name] == nil {
      Issue.record("\(name) is allowed (\(reason)), but is not dead")
    }
  }

  @Test func theScanFindsWhatIsDead() {
    let code = ##"""
      package struct Used { package var dead1: Int { 0 } } // dead1 is mentioned in a comment
      /* dead2 /* dead2 */ dead2 */
      package func dead2(_ used1: Used) -> String { "dead2 \(used1) \\(dead2)" }
      let text = #"dead3 "dead3" \(dead3) \#(text)"#
      static func dead3() {}
      let used2 = 1, long = """
        dead4 "dead4" \(used2 + f(")", 2)) dead4
        """
      class func dead4() {}
      typealias Dead5 = Int
      import struct Glibc.stat
      func f(_ used3: String?, _ n: Int) -> Int { if let used3 { return n } else { return f(long, n) } }
      let used4: Int?
      guard let used4 else { return }
      """##
    let dead = Self.dead([("A", code)])
    #expect(dead.keys.sorted() == ["Dead5", "dead1", "dead2", "dead3", "dead4"], "\(dead)")
    #expect(dead["dead2"] == ["A:3"] && dead["Dead5"] == ["A:10"])
    // One mention in another file is enough.
    #expect(Self.dead([("A", code), ("B", "x.dead1 + dead4()")]).keys.sorted() == ["Dead5", "dead2", "dead3"])
  }
}

/// Which file of a module mentions a type that another one declares. Only declarations at the left margin count, and private
/// ones do not: nobody else can mention them. Comments and texts do not count either.
struct TypeGraph {
  private(set) var files: [String] = []
  /// For each file those that it depends on, with the types.
  private var edges: [[Int: Set<String>]] = []

  init(_ sources: [(path: String, text: String)]) {
    files = sources.map(\.path)
    let texts = sources.map { Self.code($0.text) }
    let declared = texts.map(Self.declarations)
    var owners: [String: [Int]] = [:]
    for (file, names) in declared.enumerated() { for name in names { owners[name, default: []].append(file) } }
    for (file, text) in texts.enumerated() {
      var found: [Int: Set<String>] = [:]
      for name in Self.names(text) where !declared[file].contains(name) {
        for owner in owners[name] ?? [] { found[owner, default: []].insert(name) }
      }
      edges.append(found)
    }
  }

  // MARK: - Text

  /// `text` without comments and the contents of string literals.
  private static func code(_ text: String) -> String {
    var code = ""
    var rest = Substring(text)
    while let c = rest.first {
      if rest.hasPrefix("//") {
        rest = rest.drop { $0 != "\n" }
      } else if rest.hasPrefix("/*") {
        rest.removeFirst(2)
        while !rest.isEmpty, !rest.hasPrefix("*/") { rest.removeFirst() }
        rest = rest.dropFirst(2)
      } else if c == "\"" {
        let quote = rest.hasPrefix("\"\"\"") ? "\"\"\"" : "\""
        rest.removeFirst(quote.count)
        while !rest.isEmpty, !rest.hasPrefix(quote) { rest = rest.dropFirst(rest.first == "\\" ? 2 : 1) }
        rest = rest.dropFirst(quote.count)
      } else {
        code.append(c)
        rest.removeFirst()
      }
    }
    return code
  }

  /// Words that begin with a capital letter.
  private static func names(_ code: String) -> Set<String> {
    let words = code.split { !($0.isLetter || $0.isNumber || $0 == "_") }
    return Set(words.lazy.filter { $0.first!.isUppercase }.map(String.init))
  }

  /// The types that are declared at the left margin.
  private static func declarations(_ code: String) -> Set<String> {
    let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "actor", "typealias"]
    var names: Set<String> = []
    for line in code.split(separator: "\n") where line.first != " " {
      let words = line.split { !($0.isLetter || $0.isNumber || $0 == "_" || $0 == "@") }
      guard let kind = words.firstIndex(where: { kinds.contains($0) }), kind + 1 < words.count,
        !words[..<kind].contains("private"), !words[..<kind].contains("fileprivate"), !words[..<kind].contains("func")
      else { continue }
      names.insert(String(words[kind + 1]))
    }
    return names
  }

  // MARK: - Circles

  /// Files that reach each other, two at least; by Tarjan's algorithm. The largest come first.
  var circles: [[Int]] {
    var number = [Int?](repeating: nil, count: files.count)
    var low = [Int](repeating: 0, count: files.count)
    var stack: [Int] = []
    var isOnStack = [Bool](repeating: false, count: files.count)
    var next = 0
    var found: [[Int]] = []
    func visit(_ file: Int) {
      (number[file], low[file]) = (next, next)
      next += 1
      stack.append(file)
      isOnStack[file] = true
      for other in edges[file].keys.sorted() {
        if let seen = number[other] {
          if isOnStack[other] { low[file] = min(low[file], seen) }
        } else {
          visit(other)
          low[file] = min(low[file], low[other])
        }
      }
      guard low[file] == number[file] else { return }
      let start = stack.lastIndex(of: file)!
      for member in stack[start...] { isOnStack[member] = false }
      if stack.count - start > 1 { found.append(stack[start...].sorted()) }
      stack.removeSubrange(start...)
    }
    for file in files.indices where number[file] == nil { visit(file) }
    return found.sorted { $0.count > $1.count }
  }

  /// What holds a circle together, a line a file and neighbour.
  func explain(_ circle: [Int]) -> String {
    var lines: [String] = []
    for file in circle {
      for other in edges[file].keys.sorted() where circle.contains(other) {
        lines.append(
          "  \(files[file]) mentions \(edges[file][other]!.sorted().joined(separator: ", ")) of \(files[other])")
      }
    }
    return lines.joined(separator: "\n")
  }
}

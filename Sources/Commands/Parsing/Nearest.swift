/// What somebody probably meant.
package enum Nearest {
  /// The word with the fewest edits from `text`, where these are few for its length; the first of equals.
  package static func word(to text: String, among words: some Sequence<String>) -> String? {
    let limit = max(1, min(3, text.count / 3))
    var best: (word: String, distance: Int)?
    for word in words {
      // A beginning that only one word has is as good as one edit.
      let distance = !text.isEmpty && word.hasPrefix(text) ? 1 : distance(text, word)
      if distance <= limit, distance < best?.distance ?? .max { best = (word, distance) }
    }
    return best?.word
  }

  /// `; did you mean …?`, or nothing.
  package static func hint(_ text: String, among words: some Sequence<String>, prefix: String = "") -> String {
    word(to: text, among: words).map { "; did you mean \(prefix)\($0)?" } ?? ""
  }

  /// Insertions, deletions, substitutions and swaps of neighbours that lead from one word to the other (optimal string
  /// alignment).
  static func distance(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a.utf8), Array(b.utf8))
    var before: [Int] = []
    var last = Array(0...b.count)
    for i in 0..<a.count {
      var row = [i + 1]
      for j in 0..<b.count {
        var cost = min(last[j] + (a[i] == b[j] ? 0 : 1), last[j + 1] + 1, row[j] + 1)
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, before[j - 1] + 1) }
        row.append(cost)
      }
      (before, last) = (last, row)
    }
    return last[b.count]
  }
}

/// Figures as text: a line each for people, one JSON document for programs.
package enum BenchReport {
  /// The line above the figures.
  package static let heading =
    pad("figure", 24, left: true) + pad("median", 12) + "  " + pad("unit", 10, left: true) + pad("least", 12)
    + pad("greatest", 12) + pad("runs", 6)

  /// One figure as a line.
  package static func line(_ figure: Figure) -> String {
    pad("\(figure.benchmark) \(figure.name)", 24, left: true) + pad(text(figure.median), 12) + "  "
      + pad(figure.unit, 10, left: true) + pad(text(figure.least), 12) + pad(text(figure.greatest), 12)
      + pad("\(figure.samples.count)", 6)
  }

  /// All figures as one JSON document (RFC 8259).
  package static func json(_ figures: [Figure]) -> String {
    let items = figures.map { figure in
      let samples = figure.samples.map { "\($0)" }.joined(separator: ",")
      return
        "{\"benchmark\":\"\(figure.benchmark)\",\"name\":\"\(figure.name)\",\"unit\":\"\(figure.unit)\","
        + "\"median\":\(figure.median),\"least\":\(figure.least),\"greatest\":\(figure.greatest),\"samples\":[\(samples)]}"
    }
    return "{\"figures\":[\n  " + items.joined(separator: ",\n  ") + "\n]}"
  }

  /// A value ≥ 0 with four digits that count: `12,345,678`, `1,234`, `12.34`, `0.1235`.
  package static func text(_ value: Double) -> String {
    guard value.isFinite, value < 1e15 else { return "\(value)" }
    let digits = value >= 1000 ? 0 : value >= 100 ? 1 : value >= 10 ? 2 : value >= 1 ? 3 : 4
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let scaled = Int((value * scale).rounded())
    let whole = grouped(scaled / Int(scale))
    if digits == 0 { return whole }
    let fraction = String(scaled % Int(scale))
    return "\(whole)." + String(repeating: "0", count: digits - fraction.count) + fraction
  }

  private static func grouped(_ value: Int) -> String {
    var groups: [String] = []
    var rest = value
    while rest >= 1000 {
      let group = String(rest % 1000)
      groups.insert(String(repeating: "0", count: 3 - group.count) + group, at: 0)
      rest /= 1000
    }
    return ([String(rest)] + groups).joined(separator: ",")
  }

  private static func pad(_ text: String, _ width: Int, left: Bool = false) -> String {
    let space = String(repeating: " ", count: max(0, width - text.count))
    return left ? text + space : space + text
  }
}

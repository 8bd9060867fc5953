/// A page in the text format of Prometheus, read strictly: each family has exactly one HELP and one TYPE, in front of its
/// samples, which stand together; names, labels and values are well formed; no sample comes twice; histograms are whole; and
/// names keep the conventions that `promtool check metrics` looks for.
struct MetricsPage {
  struct Fault: Error, CustomStringConvertible {
    var line: String
    var reason: String
    var description: String { "\(reason): \(line)" }
  }

  /// Value by the sample's name with its labels, as they are written.
  private(set) var samples: [String: Double] = [:]
  private(set) var types: [String: String] = [:]
  private var helps: Set<String> = []
  private var finished: Set<String> = []
  private var current: String?

  subscript(sample: String) -> Double? { samples[sample] }

  /// The sum over all samples of a family.
  func sum(_ family: String) -> Double {
    samples.filter { $0.key == family || $0.key.hasPrefix(family + "{") }.values.reduce(0, +)
  }

  init(_ text: String) throws {
    guard text.hasSuffix("\n") else { throw Fault(line: String(text.suffix(40)), reason: "no line end at the end") }
    for line in text.dropLast().split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
      if line.hasPrefix("# HELP ") {
        try help(line)
      } else if line.hasPrefix("# TYPE ") {
        try type(line)
      } else {
        try sample(line)
      }
    }
    for name in helps where types[name] == nil { throw Fault(line: name, reason: "HELP without TYPE") }
    for (name, type) in types where type == "histogram" { try checkHistogram(name) }
  }

  private mutating func help(_ line: String) throws {
    let parts = line.split(separator: " ", maxSplits: 3)
    guard parts.count == 4, parts[3].hasSuffix(".") else { throw Fault(line: line, reason: "HELP without a sentence") }
    let name = String(parts[2])
    guard helps.insert(name).inserted else { throw Fault(line: line, reason: "a second HELP") }
    if let current { finished.insert(current) }
    current = name
    try checkName(name, line)
  }

  private mutating func type(_ line: String) throws {
    let parts = line.split(separator: " ")
    guard parts.count == 4, ["counter", "gauge", "histogram"].contains(parts[3]) else {
      throw Fault(line: line, reason: "not a TYPE")
    }
    let name = String(parts[2])
    guard current == name, types[name] == nil else { throw Fault(line: line, reason: "TYPE not right after its HELP") }
    types[name] = String(parts[3])
    if (parts[3] == "counter") != name.hasSuffix("_total") {
      throw Fault(line: line, reason: "counters, and nothing else, end in _total")
    }
  }

  /// What `promtool` calls lint: the prefix, no type and no unit but a base unit in the name.
  private func checkName(_ name: String, _ line: String) throws {
    let isPlain = name.utf8.allSatisfy { 0x61...0x7A ~= $0 || 0x30...0x39 ~= $0 || $0 == 0x5F }
    guard isPlain, name.hasPrefix("tally_") else { throw Fault(line: line, reason: "not a name of ours") }
    let forbidden: Set<Substring> = [
      "counter", "gauge", "histogram", "summary", "milliseconds", "microseconds", "nanoseconds", "minutes", "hours",
      "days", "weeks", "kilobytes", "megabytes", "gigabytes", "bits", "ms", "us", "ns", "sec", "kb", "mb", "gb", "s",
      "m",
      "h", "d", "b", "percent", "percents",
    ]
    for part in name.split(separator: "_") where forbidden.contains(part) {
      throw Fault(line: line, reason: "'\(part)' in a name")
    }
  }

  private mutating func sample(_ line: String) throws {
    guard let space = line.lastIndex(of: " "), let value = Double(line[line.index(after: space)...]) else {
      throw Fault(line: line, reason: "not a sample")
    }
    let key = String(line[..<space])
    let name = key.prefix { $0 != "{" }
    guard let family = current, let type = types[family] else {
      throw Fault(line: line, reason: "a sample before TYPE")
    }
    let names = type == "histogram" ? ["_bucket", "_sum", "_count"].map { family + $0 } : [family]
    guard names.contains(String(name)), !finished.contains(family) else {
      throw Fault(line: line, reason: "a sample outside its family")
    }
    try checkLabels(key.dropFirst(name.count), line)
    guard samples.updateValue(value, forKey: key) == nil else { throw Fault(line: line, reason: "a second sample") }
    if type != "gauge", value < 0 { throw Fault(line: line, reason: "a counter below zero") }
  }

  private func checkLabels(_ text: Substring, _ line: String) throws {
    if text.isEmpty { return }
    guard text.hasPrefix("{"), text.hasSuffix("\"}") else { throw Fault(line: line, reason: "not labels") }
    var seen: Set<Substring> = []
    for label in text.dropFirst().dropLast(2).replacing("\",", with: "\n").split(separator: "\n") {
      let parts = label.split(separator: "=\"", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty, !parts[1].contains("\""), seen.insert(parts[0]).inserted else {
        throw Fault(line: line, reason: "a label that is none")
      }
      guard !["ad", "ad_id", "adId"].contains(parts[0]) else { throw Fault(line: line, reason: "a label per ad") }
    }
  }

  private func checkHistogram(_ name: String) throws {
    let shards = Set(samples.keys.filter { $0.hasPrefix(name + "_count") }.map { $0.dropFirst(name.utf8.count + 6) })
    guard !shards.isEmpty else { throw Fault(line: name, reason: "a histogram without samples") }
    for shard in shards {
      let inner = shard.dropFirst().dropLast()
      let buckets = samples.filter { $0.key.hasPrefix("\(name)_bucket{\(inner),le=") }
      let bounds = buckets.map { entry -> (Double, Double) in
        let text = entry.key.split(separator: "le=\"")[1].dropLast(2)
        return (text == "+Inf" ? .infinity : Double(text) ?? -1, entry.value)
      }.sorted { $0.0 < $1.0 }
      guard bounds.last?.0 == .infinity, bounds.last?.1 == samples["\(name)_count\(shard)"],
        samples["\(name)_sum\(shard)"] != nil, zip(bounds, bounds.dropFirst()).allSatisfy({ $0.1 <= $1.1 })
      else { throw Fault(line: "\(name)\(shard)", reason: "buckets do not add up") }
    }
  }
}

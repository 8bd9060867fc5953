// Variables of the environment that begin with TALLY_. A name that nobody knows is an error, in every command: a setting that
// is spelled wrong must not be one that is silently at its default. But Kubernetes gives each pod variables named after the
// services of its namespace, and one of these may be called `tally` or `tally-something`:
//
//   TALLY_SERVICE_HOST=10.0.0.7   TALLY_SERVICE_PORT=8080   TALLY_SERVICE_PORT_HTTP=8080   TALLY_PORT=tcp://10.0.0.7:8080
//   TALLY_PORT_8080_TCP=tcp://…   TALLY_PORT_8080_TCP_PROTO=tcp   …_PORT=8080   …_ADDR=10.0.0.7
//
// These are let be.

/// Which variables of the environment are ours.
package enum EnvironmentNames {
  /// Of the test suite, which starts this program.
  private static let ofTests = ["TALLY_SEED", "TALLY_SEEDS", "TALLY_KILLS", "TALLY_REQUIRE_SERVICES"]

  /// Throws for the first variable that neither a setting nor an option of a command in `table` has.
  package static func check(_ variables: [String: String], _ table: [Command]) throws(UsageError) {
    let ours = variables.keys.filter { $0.hasPrefix("TALLY_") }
    guard !ours.isEmpty else { return }
    let known = Set(
      SettingsTable.all.map(\.variable) + table.flatMap { $0.options.compactMap(\.variable) } + ofTests)
    for name in ours.sorted() where !known.contains(name) && !isServiceLink(name, variables[name] ?? "") {
      throw UsageError("unknown setting: environment variable \(name)\(Nearest.hint(name, among: known.sorted()))")
    }
  }

  /// The variables that are let be, sorted.
  package static func serviceLinks(_ variables: [String: String]) -> [String] {
    variables.keys.filter { $0.hasPrefix("TALLY_") && isServiceLink($0, variables[$0] ?? "") }.sorted()
  }

  /// Whether Kubernetes gives a variable like this to pods beside a service whose name begins with `tally`.
  static func isServiceLink(_ name: String, _ value: String) -> Bool {
    guard !SettingsTable.all.contains(where: { $0.variable == name }) else { return false }
    let words = name.split(separator: "_", omittingEmptySubsequences: false)[...]
    guard words.first == "TALLY", !words.contains("") else { return false }
    let isNumber = !value.isEmpty && value.utf8.allSatisfy { 0x30...0x39 ~= $0 }
    let isURL = ["tcp://", "udp://", "sctp://"].contains { value.hasPrefix($0) }
    let isAddress = !value.isEmpty && value.utf8.allSatisfy { $0 == 0x2E || $0 == 0x3A || isHexDigit($0) }
    // The end of the name decides; what is before it is the service's.
    for start in words.indices.dropFirst() {
      let end = words[start...].map(String.init)
      switch (end.first, end.count) {
      case ("SERVICE", 2) where end[1] == "HOST": if isAddress { return true }
      case ("SERVICE", 2...) where end[1] == "PORT": if isNumber { return true }
      case ("PORT", 1): if isURL { return true }
      case ("PORT", 3...4):
        guard UInt16(end[1]) != nil, ["TCP", "UDP", "SCTP"].contains(end[2]) else { continue }
        if end.count == 3, isURL { return true }
        if end.count == 4, end[3] == "PROTO" || end[3] == "PORT" && isNumber || end[3] == "ADDR" && isAddress {
          return true
        }
      default: continue
      }
    }
    return false
  }

  private static func isHexDigit(_ byte: UInt8) -> Bool {
    0x30...0x39 ~= byte || 0x61...0x66 ~= byte || 0x41...0x46 ~= byte
  }
}

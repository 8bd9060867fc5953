import Platform

/// A schedule as settings give it: `17 3 * * *`, or with a time zone `CRON_TZ=Europe/Berlin 17 3 * * *`; `off` for none.
package struct ScheduleText: Equatable, Sendable {
  package var cron: Cron
  package var zone: String

  /// Reads a text; nil is `off`. Whether the system knows the zone is seen when it is used.
  package static func read(_ text: String) throws(Cron.Fault) -> ScheduleText? {
    if text == "off" { return nil }
    for prefix in ["CRON_TZ=", "TZ="] where text.hasPrefix(prefix) {
      let rest = text.dropFirst(prefix.count)
      let zone = rest.prefix { $0 != " " }
      guard !zone.isEmpty else { throw Cron.Fault(description: "names no time zone behind \(prefix)") }
      return ScheduleText(cron: try Cron(String(rest.dropFirst(zone.count))), zone: String(zone))
    }
    return ScheduleText(cron: try Cron(text), zone: "UTC")
  }

  /// As it is written.
  package var text: String { zone == "UTC" ? cron.description : "CRON_TZ=\(zone) \(cron.description)" }
}

import Commands
import Testing

/// Variables that begin with TALLY_: ours, those of a service that is called tally, and mistakes.
@Suite struct EnvironmentNamesTests {
  /// What Kubernetes gives to a pod beside the services `tally` and `tally-db`, each with a port 8080.
  private static let links = [
    "TALLY_PORT": "tcp://10.0.0.7:8080", "TALLY_SERVICE_HOST": "10.0.0.7", "TALLY_SERVICE_PORT": "8080",
    "TALLY_SERVICE_PORT_HTTP": "8080", "TALLY_SERVICE_PORT_ADMIN_API": "8081",
    "TALLY_PORT_8080_TCP": "tcp://10.0.0.7:8080", "TALLY_PORT_8080_TCP_PROTO": "tcp",
    "TALLY_PORT_8080_TCP_PORT": "8080", "TALLY_PORT_8080_TCP_ADDR": "10.0.0.7",
    "TALLY_PORT_53_UDP": "udp://[fd00::7]:53", "TALLY_PORT_53_UDP_ADDR": "fd00::7",
    "TALLY_DB_PORT": "tcp://10.0.0.8:8080", "TALLY_DB_SERVICE_HOST": "fd00::8", "TALLY_DB_SERVICE_PORT": "5432",
    "TALLY_DB_PORT_5432_TCP": "tcp://10.0.0.8:5432", "TALLY_DB_PORT_5432_TCP_ADDR": "10.0.0.8",
    "TALLY_PORT_SERVICE_HOST": "10.0.0.9",
  ]

  @Test func serviceLinksAreLetBe() throws {
    for (name, value) in Self.links {
      #expect(throws: Never.self, "\(name)") { try EnvironmentNames.check([name: value], CommandTable.all) }
    }
    #expect(EnvironmentNames.serviceLinks(Self.links) == Self.links.keys.sorted())
    let session = try Session()
    for line in ["config check", "version", "ads list --data-dir DATA", "stat --data-dir DATA"] {
      let alone = session.run(line)
      let beside = session.run(line, variables: Self.links)
      #expect(beside.status == alone.status && beside.output == alone.output && beside.talk == alone.talk, "\(line)")
    }
  }

  @Test(arguments: [
    ("TALLY_LISTNE", "x"), ("TALLY_PORT", "8080"), ("TALLY_LISTEN_PORT", "8080"), ("TALLY_SERVICE_HOST", "?"),
    ("TALLY_PORT_X_TCP", "tcp://10.0.0.7:1"), ("TALLY_PORT_8080_TCP_NAME", "x"),
    ("TALLY_", "x"), ("TALLY_HOST", "10.0.0.7"), ("TALLY_TOKEN_FILE", "x"), ("TALLY_PORT", ""),
  ])
  func everyOtherNameIsAnErrorInEveryCommand(_ name: String, _ value: String) throws {
    let session = try Session()
    for line in [
      "config check", "ads list --data-dir DATA", "query 42 --data-dir DATA", "verify --data-dir DATA", "version",
    ] {
      let result = session.run(line, variables: [name: value])
      #expect(
        result.status == .usage && result.talk.contains("environment variable \(name)"), "\(line): \(result.talk)")
    }
    #expect(EnvironmentNames.serviceLinks([name: value]).isEmpty)
    // Help is for whoever is lost.
    #expect(session.run("help", variables: [name: value]).status == .done)
  }

  @Test func aNameNearASettingIsHinted() throws {
    let talk = try Session().run("config check", variables: ["TALLY_LISTNE": "x"]).talk
    #expect(talk.contains("unknown setting: environment variable TALLY_LISTNE; did you mean TALLY_LISTEN?"))
    for name in [
      "TALLY_ADDR", "TALLY_ADMIN_ADDR", "TALLY_TOKEN", "TALLY_DATA_DIR", "TALLY_CONFIG", "TALLY_SEED", "TALLY_KILLS",
      "TALLY_REQUIRE_SERVICES",
    ] {
      #expect(throws: Never.self, "\(name)") { try EnvironmentNames.check([name: "x"], CommandTable.all) }
    }
  }
}

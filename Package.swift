// swift-tools-version: 6.2
import PackageDescription

/// What every Swift target is built with: Swift 6 mode comes with the tools version; `any` is written out, and
/// each unsafe expression is marked where it stands.
let settings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .strictMemorySafety(),
]

/// The modules bottom up: each may import only those above it in this list.
/// `.ci/run` builds with the explicit-import check, so the order cannot be bypassed.
let modules: [(name: String, imports: [String])] = [
  ("Bytes", ["CPlatform"]),
  ("Platform", ["CPlatform", "Bytes"]),
  ("JSON", ["Bytes"]),
  ("HTTP", ["CPlatform", "Bytes", "Platform"]),
  ("Clicks", ["COpenSSL", "Bytes", "Platform"]),
  ("Files", ["Bytes", "Platform"]),
  ("Columns", ["CPlatform", "CLZ4", "Bytes"]),
  ("ClickLog", ["Bytes", "Platform", "Clicks", "Files"]),
  ("Runs", ["Bytes", "Platform", "Files", "Columns"]),
  ("Segments", ["Bytes", "Platform", "Clicks", "Files", "Columns"]),
  ("Corrections", ["Bytes", "Platform", "Clicks", "Files"]),
  ("Dedup", ["CPlatform", "Bytes", "Platform", "Clicks"]),
  ("Minutes", ["CPlatform", "Bytes", "Platform", "Clicks", "Files", "Runs"]),
  ("Reconciliation", ["Bytes", "Platform", "Clicks", "Files", "Columns", "Segments"]),
  (
    "Store",
    [
      "Bytes", "Platform", "Clicks", "Files", "Columns", "ClickLog", "Runs", "Segments", "Corrections", "Dedup",
      "Minutes",
      "Reconciliation",
    ]
  ),
  (
    "Shards",
    ["Bytes", "Platform", "Clicks", "Files", "ClickLog", "Runs", "Segments", "Corrections", "Minutes", "Store"]
  ),
  ("Catalog", ["CSQLite", "Bytes", "Platform", "Clicks"]),
  ("Records", ["CZlib"]),
  ("Importing", ["CPlatform", "Bytes", "Platform", "Clicks", "ClickLog", "Store", "Catalog", "Records"]),
  ("Query", ["Bytes", "Platform", "Clicks", "Minutes", "Store", "Shards"]),
  ("Traffic", ["CPlatform", "Bytes", "Platform", "Clicks"]),
  ("Demo", ["CPlatform", "Bytes", "Platform", "JSON", "HTTP", "Clicks", "Store", "Catalog", "Traffic"]),
  (
    "Bench",
    [
      "CPlatform", "Bytes", "Platform", "HTTP", "Clicks", "Files", "Columns", "ClickLog", "Runs", "Segments", "Dedup",
      "Minutes", "Store", "Shards", "Catalog", "Traffic", "Demo",
    ]
  ),
  ("Dashboard", ["Bytes"]),
  (
    "Service",
    [
      "CPlatform", "Bytes", "Platform", "JSON", "HTTP", "Clicks", "Files", "ClickLog", "Runs", "Segments",
      "Corrections",
      "Minutes", "Reconciliation", "Store", "Shards", "Catalog", "Records", "Query", "Dashboard",
    ]
  ),
  (
    "Commands",
    [
      "CPlatform", "Bytes", "Platform", "JSON", "HTTP", "Clicks", "Files", "Columns", "ClickLog", "Runs", "Segments",
      "Corrections", "Minutes", "Store", "Shards", "Catalog", "Records", "Importing", "Query", "Traffic", "Demo",
      "Bench",
      "Service",
    ]
  ),
]

/// Each module has a test target of the same name with `Tests` appended; these see the simulated machine as well.
/// The service is tested as a whole, with the browsers' links and the real process.
let tests: [(name: String, imports: [String])] = modules.map {
  let more =
    [
      "Query": ["OtherPrograms"], "Service": ["Traffic", "Demo", "OtherPrograms"], "Demo": ["ProcessHarness"],
      "Dashboard": ["Platform"], "Commands": ["OtherPrograms"], "Traffic": ["ReferenceLoad", "HTTP", "JSON"],
    ][$0.name] ?? []
  return ($0.name + "Tests", [$0.name] + $0.imports + more)
}

/// These wait for sockets and processes. Optimising their own code takes longer than it saves.
let waiting: Set<String> = ["CommandsTests", "ServiceTests"]

let package = Package(
  name: "tally",
  products: [.executable(name: "tally", targets: ["tally"])],
  traits: [
    .trait(
      name: "Sabotage",
      description: "Compiles in the sabotages that the test suite must notice. Never for a release.")
  ],
  targets: [
    .target(name: "CPlatform"),
    // From Debian's liblz4-dev, libssl-dev, libsqlite3-dev and zlib1g-dev: headers and libraries stand where the compiler looks.
    .systemLibrary(name: "CLZ4"),
    .systemLibrary(name: "COpenSSL"),
    .systemLibrary(name: "CSQLite"),
    .systemLibrary(name: "CZlib"),
  ]
    + modules.map {
      .target(
        name: $0.name, dependencies: $0.imports.map { .init(stringLiteral: $0) },
        path: $0.name == "Bench" ? "Benchmarks/Bench" : nil,
        // The page's files are in `DashboardFiles.swift`, which `embed` writes.
        exclude: $0.name == "Dashboard" ? ["web", "embed"] : [], swiftSettings: settings)
    }
    + [
      .executableTarget(
        name: "tally", dependencies: ["Commands"], swiftSettings: settings),
      .target(
        name: "Simulation", dependencies: ["Bytes", "Platform"], path: "Tests/Simulation", swiftSettings: settings),
      .target(
        name: "StoreHarness",
        dependencies: [
          "Bytes", "Platform", "Clicks", "Files", "ClickLog", "Runs", "Segments", "Corrections", "Store", "Shards",
          "Simulation",
        ],
        path: "Tests/StoreHarness", swiftSettings: settings),
      // The long runs of `Tests/campaign`.
      .executableTarget(
        name: "campaign", dependencies: ["Bytes", "Platform", "Clicks", "Store", "Simulation", "StoreHarness"],
        path: "Tests/Campaign",
        swiftSettings: settings),
      .target(
        name: "ProcessHarness",
        dependencies: ["CPlatform", "Bytes", "Platform", "HTTP", "Clicks", "Store", "Catalog", "Traffic", "Demo"],
        path: "Tests/ProcessHarness", swiftSettings: settings),
      // The clients of `Tests/soak --reference`.
      .target(
        name: "ReferenceLoad", dependencies: ["Platform", "JSON", "HTTP", "Clicks", "Traffic"],
        path: "Tests/ReferenceLoad", swiftSettings: settings),
      .executableTarget(
        name: "reference", dependencies: ["Platform", "JSON", "Clicks", "Traffic", "ReferenceLoad"],
        path: "Tests/Reference", swiftSettings: settings),
      // What tests need of other programs.
      .target(
        name: "OtherPrograms", dependencies: ["Platform"], path: "Tests/OtherPrograms", swiftSettings: settings),
    ]
    // The fuzzer has no main of its own, so it is there only when `Tests/fuzz` asks for it.
    + (Context.environment["TALLY_FUZZ"] == nil
      ? []
      : [
        .executableTarget(
          name: "fuzz",
          dependencies: [
            "Bytes", "Platform", "Clicks", "Files", "Columns", "ClickLog", "Runs", "Segments", "Store", "Records",
            "Importing", "Service", "Simulation",
          ],
          path: "Tests/Fuzz", swiftSettings: settings)
      ])
    + [.target(name: "CAllocations", path: "Tests/CAllocations")]
    + [
      .testTarget(name: "TidyTests", dependencies: ["Platform"], swiftSettings: settings),
      // The built program beside browsers and gateways.
      .testTarget(
        name: "OutsideTests", dependencies: ["Platform", "HTTP", "Demo", "ProcessHarness", "OtherPrograms", "tally"],
        swiftSettings: settings),
    ]
    + tests.map {
      .testTarget(
        name: $0.name,
        dependencies: $0.imports.map { .init(stringLiteral: $0) } + ["Simulation"]
          + ($0.imports.contains("Store") ? ["StoreHarness"] : [])
          + ($0.name == "BenchTests" ? ["tally", "CAllocations"] : []),
        // Files of earlier versions, which their tests find by themselves.
        exclude: [
          "ClickLogTests", "ColumnsTests", "CorrectionsTests", "FilesTests", "MinutesTests", "RunsTests",
          "SegmentsTests", "ShardsTests",
          "StoreTests",
        ].contains($0.name) ? ["Golden"] : $0.name == "CommandsTests" ? ["Stores"] : [],
        swiftSettings: settings + (waiting.contains($0.name) ? [.unsafeFlags(["-Onone"])] : []))
    }
)

// Whoever works on one module need not wait for the tests of all: with `TALLY_TESTS=StoreTests,RunsTests` there are these and what they need.
if let names = Context.environment["TALLY_TESTS"]?.split(separator: ",").map(String.init) {
  var needed = Set(names)
  var unseen = names
  while let name = unseen.popLast() {
    guard let target = package.targets.first(where: { $0.name == name }) else {
      fatalError("TALLY_TESTS: there is no target \(name)")
    }
    for case .byNameItem(let dependency, _) in target.dependencies where needed.insert(dependency).inserted {
      unseen.append(dependency)
    }
  }
  package.targets.removeAll { !needed.contains($0.name) }
  if !needed.contains("tally") { package.products = [] }
}

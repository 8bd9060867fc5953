import Catalog
import Clicks
import JSON
import Platform
import Service
import Store
import Traffic

/// `tally sign`: click URLs as an ad server would make them.
package enum SignCommand {
  private static let ad = Operand<AdID>(.adID, "the ad's id")
  private static let count = Option<Int64>("count", .count(1...10_000_000), "how many URLs", standard: "1")
  private static let base = Option<String>(
    "base", .text("URL"), "what the URLs begin with; without it the address of whoever serves the data directory")
  private static let kid = Option<AdID>("kid", kidReader, "the key that signs; without it the newest active one")
  private static let secretFile = Option<String>(
    "secret-file", .text("FILE"), "signs with the secret in this file and looks at no data directory")

  private static let kidReader = ValueReader<AdID>("KID") { text throws(ValueFault) in try ValueReader.adID.read(text) }

  package static let command = Command(
    "sign", "prints signed click URLs with fresh impression ids",
    discussion: "Reads the key from the data directory, also while a server runs. Each URL counts once.",
    operands: [ad.declaration],
    options: [
      count.declaration, base.declaration, kid.declaration, secretFile.declaration, Target.dataDirectory.declaration,
      Option<String>.format.declaration,
    ],
    examples: ["curl -i \"$(tally sign 42)\"", "tally sign 42 --count 1000 > urls.txt"]
  ) { arguments, console in
    let directory = arguments[Target.dataDirectory] ?? "."
    let key = try signingKey(arguments, directory, console)
    let prefix =
      try arguments[base].map(trimmed) ?? "http://" + (Target.holder(directory)?["listen"] ?? "127.0.0.1:8080")
    let chance = console.environment.chance
    let minter = LinkMinter(kid: key.kid, secret: key.secret.bytes, time: console.environment.time, seed: chance.next())
    var separator = "{\"links\":["
    for _ in 0..<(arguments[count] ?? 1) {
      let id = ImpressionID.version7(at: console.environment.time.wall(), random: (chance.next(), chance.next()))
      let url = prefix + minter.target(ad: arguments[ad], impression: id)
      switch arguments.format {
      case .table: console.print(url)
      case .json:
        let link = JSONValue.object(["impressionId": .string(id.description), "clickUrl": .string(url)])
        console.print(Array(separator.utf8) + link.encoded())
        separator = ","
      }
    }
    if case .json = arguments.format { console.print("]}") }
    return .done
  }

  /// Without the slashes at its end.
  private static func trimmed(_ base: String) throws -> String {
    if let fault = TargetURL.fault(in: base) { throw UsageError("option --base \(fault)", command: "sign") }
    var base = base
    while base.hasSuffix("/") { base.removeLast() }
    return base
  }

  private static func signingKey(
    _ arguments: Arguments, _ directory: String, _ console: Console
  ) throws -> (kid: String?, secret: Secret) {
    if let path = arguments[secretFile] {
      let bytes = try console.environment.files.open(path, .read).bytes(at: 0, count: Catalog.maximumSecretBytes + 3)
      let secret = Secret(fileContents: bytes)
      guard 1...Catalog.maximumSecretBytes ~= secret.bytes.count else {
        throw Failure("\(path): a secret has 1 to \(Catalog.maximumSecretBytes) bytes", .usage)
      }
      return (arguments[kid]?.text, secret)
    }
    let catalog = try CatalogFile.open(directory, console)
    let keys = try catalog.activeKeys()
    // Without a key nothing is to be asked of the ad.
    let owner = keys.isEmpty ? nil : try catalog.ad(arguments[ad])?.advertiserID
    func fits(_ key: ActiveKey) -> Bool {
      if let kid = arguments[kid] { return key.kid == kid.text }
      return key.advertiserID == nil || key.advertiserID == owner
    }
    guard let key = keys.first(where: fits) else {
      throw Failure(
        arguments[kid].map { "\(directory) has no active signing key \($0)" }
          ?? "\(directory) has no active signing key; `tally keys add` makes one")
    }
    if let owner, let bound = key.advertiserID, bound != owner {
      console.note("key \(key.kid) is bound to another advertiser: the clicks would be answered bad-signature")
    }
    if owner == nil {
      console.note("ad \(arguments[ad]) is not in the catalog: its clicks would be answered unknown-ad")
    }
    return (key.kid, key.secret)
  }
}

/// The catalog of a data directory, read beside whoever writes it.
enum CatalogFile {
  static func open(_ directory: String, _ console: Console) throws -> Catalog {
    let path = "\(directory)/\(StoreFiles.catalog)"
    guard console.environment.files.exists(path) else { throw Failure("\(path): no such catalog") }
    return try Catalog.open(path, .readOnly, in: console.environment)
  }
}

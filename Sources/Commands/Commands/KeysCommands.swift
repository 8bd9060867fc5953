import Catalog
import Clicks
import JSON
import Platform
import Service

/// `tally keys …`: the keys that sign links.
package enum KeysCommands {
  package static let all = [list, add, retire]

  private static let base = ["admin", "v1", "keys"]
  private static let kid = Operand<AdID>(name, "the key's id")
  private static let newKid = Option<AdID>("kid", name, "the new key's id; without it a random one")
  private static let name = ValueReader<AdID>("KID") { text throws(ValueFault) in try ValueReader.adID.read(text) }
  private static let secretFile = Option<String>(
    "secret-file", .text("FILE"),
    "a file whose text, 16 bytes or more without a final newline, is the secret; without it 32 random bytes")

  private static let advertiser = Option<AdID>(
    "advertiser", ValueReader("ID") { text throws(ValueFault) in try ValueReader.adID.read(text) },
    "binds it to one advertiser: it verifies links of that advertiser's ads alone")

  private static let list = Command(
    "keys list", "lists the signing keys, newest first",
    options: [Option<String>.format.declaration] + Target.adminOptions, examples: ["tally keys list"]
  ) { arguments, console in
    let answer = try Target.open(arguments, console).ask(Ask(.get, base)).json()
    switch arguments.format {
    case .json: console.print(answer)
    case .table:
      var table = Table("KEY", "STATUS", "ADVERTISER", "CREATED", "RETIRED")
      for key in answer["keys"]?.elements ?? [] {
        let retired = key.shown("retiredAt")
        table.add([
          key.shown("kid"), retired.isEmpty ? "active" : "retired", key.shown("advertiserId"), key.shown("createdAt"),
          retired,
        ])
      }
      table.lines.forEach { console.print($0) }
    }
    return .done
  }

  private static let add = Command(
    "keys add", "adds a signing key and prints its secret",
    discussion: """
      The secret is shown this once. Links are signed with the newest key; every key that is not retired verifies. \
      The HMAC key is the secret's text as bytes.
      """,
    options: [newKid.declaration, secretFile.declaration, advertiser.declaration, Option<String>.format.declaration]
      + Target.adminOptions,
    examples: ["tally keys add --kid 2026-11", "tally keys add --secret-file /run/secrets/tally-key --advertiser acme"]
  ) { arguments, console in
    var members: [JSONValue.Member] = []
    if let kid = arguments[newKid] { members.append(.init("kid", .string(kid.text))) }
    if let path = arguments[secretFile] { members.append(.init("secret", .string(try secret(path, console)))) }
    if let owner = arguments[advertiser] { members.append(.init("advertiserId", .string(owner.text))) }
    let door = try Target.open(arguments, console, making: true)
    let key = try door.ask(Ask(.post, base, json: .object(members))).json()
    switch arguments.format {
    case .json: console.print(key)
    case .table:
      console.print(key.shown("secret"))
      console.note("signing key \(key.shown("kid")) added; its secret is not shown again")
    }
    return .done
  }

  private static func secret(_ path: String, _ console: Console) throws -> String {
    let bytes = try console.environment.files.open(path, .read).bytes(
      at: 0, count: Catalog.maximumSecretBytes + 3)
    let secret = Secret(fileContents: bytes).bytes
    guard Catalog.minimumSecretBytes...Catalog.maximumSecretBytes ~= secret.count else {
      throw Failure("\(path): a secret \(Catalog.secretRule)", .usage)
    }
    guard let text = String(validating: secret, as: UTF8.self) else {
      throw Failure("\(path): a secret is text; this is not UTF-8. Write random bytes as hex digits", .usage)
    }
    return text
  }

  private static let retire = Command(
    "keys retire", "ends a signing key's time: links signed with it stop counting", operands: [kid.declaration],
    options: Target.adminOptions, examples: ["tally keys retire 2026-10"]
  ) { arguments, console in
    let path = ["admin", "v1", "keys", "\(arguments[kid]):retire"]
    _ = try Target.open(arguments, console).ask(Ask(.post, path))
    console.note("signing key \(arguments[kid]) retired")
    return .done
  }
}

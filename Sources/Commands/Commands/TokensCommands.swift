import Catalog
import Clicks
import JSON
import Service

/// `tally tokens …`: who may use the API.
package enum TokensCommands {
  package static let all = [list, create, revoke]

  private static let base = ["admin", "v1", "tokens"]
  private static let id = Operand<AdID>(name("ID"), "the token's id, the part between the two underscores")
  private static let scopes = Option<Scopes>("scopes", scopeNames, "what it may be used for, between commas")
  private static let advertiser = Option<AdID>("advertiser", name("ID"), "binds it to one advertiser's rows")
  private static let label = Option<String>("label", .text("TEXT"), "a note on what it is for")

  private static let expires = Option<String>("expires", expiry, "until when it works; without it for ever")

  private static let expiry = ValueReader<String>("TIME") { text throws(ValueFault) in
    guard Expiry.read(text, now: 0) != nil || Timestamp.parse(text) != nil else {
      throw ValueFault("is \"\(text)\"; it \(Expiry.rule)")
    }
    return text
  }

  private static func name(_ placeholder: String) -> ValueReader<AdID> {
    ValueReader(placeholder) { text throws(ValueFault) in try ValueReader.adID.read(text) }
  }

  private static let scopeNames = ValueReader<Scopes>(Scopes.named.map(\.name).joined(separator: ",")) {
    text throws(ValueFault) in
    do throws(CatalogError) { return try Scopes(names: text) } catch {
      let known = Scopes.named.map(\.name)
      let wrong = text.split(separator: ",", omittingEmptySubsequences: false).first { !known.contains(String($0)) }
      let hint = Nearest.hint(wrong.map(String.init) ?? "", among: known)
      throw ValueFault("has \"\(wrong ?? "")\", which is none of \(known.joined(separator: ", "))\(hint)")
    }
  }

  private static let list = Command(
    "tokens list", "lists the API tokens, oldest first",
    options: [Option<String>.format.declaration] + Target.adminOptions, examples: ["tally tokens list"]
  ) { arguments, console in
    let answer = try Target.open(arguments, console).ask(Ask(.get, base)).json()
    switch arguments.format {
    case .json: console.print(answer)
    case .table:
      var table = Table("TOKEN", "SCOPES", "ADVERTISER", "LABEL", "CREATED", "EXPIRES", "LAST USED", "REVOKED")
      for token in answer["tokens"]?.elements ?? [] {
        table.add(
          ["id", "scopes", "advertiserId", "label", "createdAt", "expires", "lastUsed", "revokedAt"].map {
            token.shown($0)
          })
      }
      table.lines.forEach { console.print($0) }
    }
    return .done
  }

  private static let create = Command(
    "tokens create", "makes an API token and prints it",
    discussion: """
      The token is shown this once: only a hash of it is kept. --expires takes a moment (RFC 3339) or a time from now, as \
      12h or 90d.
      """,
    options: [
      scopes.declaration, advertiser.declaration, label.declaration, expires.declaration,
      Option<String>.format.declaration,
    ]
      + Target.adminOptions,
    examples: ["tally tokens create --scopes read --advertiser acme --label dashboard --expires 90d"]
  ) { arguments, console in
    guard let wanted = arguments[scopes] else { throw UsageError("--scopes is missing", command: "tokens create") }
    if arguments[advertiser] != nil, wanted.contains(.admin) {
      throw UsageError("--advertiser cannot bind a token with scope admin", command: "tokens create")
    }
    var members = [JSONValue.Member("scopes", .array(wanted.names.map { .string($0) }))]
    if let owner = arguments[advertiser] { members.append(.init("advertiserId", .string(owner.text))) }
    if let expires = arguments[expires] { members.append(.init("expires", .string(expires))) }
    if let label = arguments[label] { members.append(.init("label", .string(label))) }
    let door = try Target.open(arguments, console, making: true)
    let token = try door.ask(Ask(.post, base, json: .object(members))).json()
    switch arguments.format {
    case .json: console.print(token)
    case .table:
      console.print(token.shown("token"))
      console.note("token \(token.shown("id")) made; it is not shown again")
    }
    return .done
  }

  private static let revoke = Command(
    "tokens revoke", "ends a token's time", operands: [id.declaration], options: Target.adminOptions,
    examples: ["tally tokens revoke k3f7q2wxyz"]
  ) { arguments, console in
    _ = try Target.open(arguments, console).ask(Ask(.delete, base + [arguments[id].text]))
    console.note("token \(arguments[id]) revoked")
    return .done
  }
}

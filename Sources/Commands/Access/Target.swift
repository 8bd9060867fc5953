import Catalog
import Platform
import Service
import Store

// Whom a command talks to:
//
//     --addr given              that server; the token from --token, TALLY_TOKEN or --token-file
//     DATA/LOCK is held         the server that holds it, its addresses from the lock, the token from DATA/admin.token
//     otherwise                 the directory itself

/// The options by which a command finds its server or its directory.
package enum Target {
  package static let dataDirectory = Option<String>(
    "data-dir", .text("DIR"), "the data directory", standard: "./data", variable: "TALLY_DATA_DIR")
  package static let address = Option<String>(
    "addr", .address, "a running server; without it, whoever serves the data directory", variable: "TALLY_ADDR")
  package static let adminAddress = Option<String>(
    "admin-addr", .address, "its admin listener, for keys, tokens, jobs and metrics", variable: "TALLY_ADMIN_ADDR")
  package static let token = Option<String>(
    "token", .text("TOKEN"), "the bearer token; without it, the data directory's own", variable: "TALLY_TOKEN")
  package static let tokenFile = Option<String>("token-file", .text("FILE"), "a file that holds the token")

  /// Those of a command that uses the public listener.
  package static let options = [
    dataDirectory.declaration, address.declaration, token.declaration, tokenFile.declaration,
  ]

  /// Those of a command that uses the admin listener too.
  package static let adminOptions = [
    dataDirectory.declaration, address.declaration, adminAddress.declaration, token.declaration,
    tokenFile.declaration,
  ]

  /// The lines of the server that holds the directory; nil where none does.
  package static func holder(_ directory: String) -> [String: String]? {
    DirectoryLock.holder("\(directory)/\(StoreFiles.lock)")
  }

  /// The public address of the server that is meant; nil where the directory is meant.
  package static func server(_ arguments: Arguments) throws -> String? {
    if let address = arguments[address] { return address }
    let directory = arguments[dataDirectory] ?? "."
    guard let lines = holder(directory) else { return nil }
    guard let listen = lines["listen"] else {
      throw Failure("\(directory) is held by process \(lines["pid"] ?? "?"), which does not serve yet", .unavailable)
    }
    return listen
  }

  /// Opens whatever is meant. `making` makes the directory where it is missing: for commands that put something into it.
  package static func open(
    _ arguments: Arguments, _ console: Console, need: DirectoryDoor.Need = .catalog, making: Bool = false
  ) throws -> any Door {
    let directory = arguments[dataDirectory] ?? "."
    let isNamed = arguments[address] != nil || arguments[adminAddress] != nil
    if isNamed {
      // Without --addr the admin listener alone is asked, and the other way round.
      return RemoteDoor(
        address: arguments[address] ?? arguments[adminAddress] ?? "", adminAddress: arguments[adminAddress],
        token: try tokenText(arguments, directory, console))
    }
    if let listen = try server(arguments) {
      let admin = holder(directory)?["admin"]
      return RemoteDoor(
        address: listen, adminAddress: admin, token: try tokenText(arguments, directory, console))
    }
    let files = console.environment.files
    if !files.exists(directory) {
      guard making else { throw Failure("\(directory): no such data directory") }
      try files.createDirectory(directory)
    }
    let isOurs = [StoreFiles.catalog, StoreFiles.store].contains { files.exists("\(directory)/\($0)") }
    guard making || isOurs else { throw NoStore(path: directory) }
    return try DirectoryDoor(directory, need, console)
  }

  private static func tokenText(_ arguments: Arguments, _ directory: String, _ console: Console) throws -> String? {
    let files = console.environment.files
    if let path = arguments[tokenFile] {
      return Secret(fileContents: try files.open(path, .read).bytes(at: 0, count: 4096)).reveal()
    }
    if let token = arguments[token] { return token }
    // The directory's own token is for its own server, not for any that the user names.
    guard arguments[address] == nil, arguments[adminAddress] == nil else { return nil }
    return try AdminToken.read(in: directory, files)?.reveal()
  }
}

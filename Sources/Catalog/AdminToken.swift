import Platform

/// The token in `DATA/admin.token`, by which commands on the same machine reach the server. The file has mode 0600 and
/// holds the token's text and a newline.
package enum AdminToken {
  /// Its name inside the data directory.
  package static let fileName = "admin.token"

  /// On the first start, that is while the catalog has no token at all, makes one with all scopes and writes it to
  /// `directory`; returns the path then, nil on every later start. File and row come together: a crash between them
  /// leaves a file that the next start replaces.
  package static func writeOnFirstStart(
    _ catalog: Catalog, in directory: String
  ) throws(CatalogError) -> String? {
    try catalog.database.transaction(doing: "making the first token") { () throws(CatalogError) in
      guard try !catalog.hasTokens() else { return nil }
      let token = try catalog.createToken(scopes: [.read, .ingest, .mint, .ads, .admin], label: fileName)
      return try write(token.text, in: directory, catalog.environment.files)
    }
  }

  /// Puts a token's text into the file of `directory`, in place of what it held; returns its path.
  @discardableResult
  package static func write(
    _ text: Secret, in directory: String, _ files: any FileSystem
  ) throws(CatalogError) -> String {
    let path = directory + "/" + fileName
    do throws(SystemError) {
      try files.replace(path, with: text.bytes + [0x0A], by: path + ".tmp", in: directory)
    } catch { throw .system(error) }
    return path
  }

  /// The token's text in the file of `directory`; nil where there is no file.
  package static func read(in directory: String, _ files: any FileSystem) throws(CatalogError) -> Secret? {
    let path = directory + "/" + fileName
    guard files.exists(path) else { return nil }
    let contents: [UInt8]
    do throws(SystemError) {
      contents = try files.open(path, .read).bytes(at: 0, count: 256)
    } catch { throw .system(error) }
    let text = Secret(fileContents: contents)
    guard TokenText.id(in: text.reveal()) != nil else {
      throw .damaged(file: path, doing: "reading it", text: "not a token and a newline")
    }
    return text
  }
}

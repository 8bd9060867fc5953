import Bytes
import Catalog
import Clicks
import Platform
import Testing

@Suite struct SigningKeyTests {
  let scratch: Scratch
  let catalog: Catalog

  init() throws {
    scratch = try Scratch()
    catalog = try scratch.open()
  }

  @Test func generatedKeysAreLongAndDifferent() throws {
    let a = try catalog.addKey()
    let b = try catalog.addKey()
    #expect(a.kid != b.kid && a.secret.bytes != b.secret.bytes)
    #expect(AdID(a.kid) != nil)
    #expect(Hex.decode(a.secret.bytes)?.count == 32)
  }

  @Test func activeKeysAreNewestFirstAndSurviveReopening() throws {
    for kid in ["z", "a", "m"] { _ = try catalog.addKey(kid: kid, secret: Secret("the secret that is \(kid)")) }
    #expect(try catalog.retireKey("a"))
    #expect(try !catalog.retireKey("a"))
    #expect(try !catalog.retireKey("nobody"))
    let again = try scratch.open()
    #expect(try again.activeKeys().map(\.kid) == ["m", "z"])
    #expect(try again.activeKeys().map { $0.secret.reveal() } == ["the secret that is m", "the secret that is z"])
    #expect(try again.keys().map(\.kid) == ["m", "a", "z"])
    #expect(try again.keys().map { $0.retiredAt != nil } == [false, true, false])
  }

  @Test func aKidIsUsedOnceOnly() throws {
    _ = try catalog.addKey(kid: "k", secret: Secret("one that is long enough"))
    #expect(failure { _ = try catalog.addKey(kid: "k") } == .keyExists(kid: "k"))
    _ = try catalog.retireKey("k")
    #expect(failure { _ = try catalog.addKey(kid: "k") } == .keyExists(kid: "k"))
  }

  @Test func unusableKeysAreRefused() throws {
    #expect(failure { _ = try catalog.addKey(kid: "a b") } != nil)
    #expect(failure { _ = try catalog.addKey(kid: "") } != nil)
    for length in [0, 1, 15] {
      let error = failure { _ = try catalog.addKey(secret: Secret([UInt8](repeating: 1, count: length))) }
      #expect(error == .invalid([FieldFault("secret", Catalog.secretRule)]))
    }
    _ = try catalog.addKey(secret: Secret([UInt8](repeating: 1, count: 16)))
    _ = try catalog.retireKey(catalog.keys()[0].kid)
    #expect(failure { _ = try catalog.addKey(secret: Secret([UInt8](repeating: 1, count: 4097))) } != nil)
    for _ in 0..<Catalog.maximumActiveKeys { _ = try catalog.addKey() }
    #expect(failure { _ = try catalog.addKey() } == .tooManyKeys(limit: Catalog.maximumActiveKeys))
    #expect(try catalog.retireKey(catalog.keys()[0].kid))
    _ = try catalog.addKey()
  }

  @Test func aSecretIsNeverShown() throws {
    let secret = Secret("hush")
    let token = try catalog.createToken(scopes: [.read])
    var dumped = ""
    dump(ActiveKey(kid: "k", secret: secret), to: &dumped)
    dump(token, to: &dumped)
    let shown = [
      "\(secret)", String(reflecting: secret), "\(ActiveKey(kid: "k", secret: secret))", "\([secret])",
      String(reflecting: ActiveKey(kid: "k", secret: secret)), "\(token)", String(describing: Optional(secret)), dumped,
    ]
    for text in shown {
      #expect(!text.contains("hush") && !text.contains("104") && !text.contains(token.text.reveal()), "\(text)")
    }
    let error = failure { _ = try catalog.addKey(kid: "a b", secret: secret) }
    #expect(error.map { !"\($0)".contains("hush") } == true)
  }

  @Test func aFinalNewlineIsNoPartOfASecret() {
    for (contents, text) in [("s", "s"), ("s\n", "s"), ("s\r\n", "s"), ("s\n\n", "s\n"), ("\n", ""), ("s\r", "s\r")] {
      #expect(Secret(fileContents: Array(contents.utf8)).reveal() == text)
    }
  }
}

@Suite struct KeyRingTests {
  private let ring = KeyRing([
    ActiveKey(kid: "new", secret: Secret("n")), ActiveKey(kid: "old", secret: Secret("o")),
  ])

  private func verify(_ ad: String, _ impression: String, _ signature: String, kid: String? = nil) -> Bool {
    Self.signed(ring, ad, impression, signature, kid: kid).isMade
  }

  private static func signed(
    _ ring: KeyRing, _ ad: String, _ impression: String, _ signature: String, kid: String? = nil
  ) -> Signed {
    let parts = [ad, impression, signature].map { Array($0.utf8) }
    return unsafe parts[0].withUnsafeBytes { ad in
      unsafe parts[1].withUnsafeBytes { impression in
        unsafe parts[2].withUnsafeBytes { signature in
          guard let kid else { return unsafe ring.verify(ad: ad, impression: impression, signature: signature) }
          return unsafe Array(kid.utf8).withUnsafeBytes {
            unsafe ring.verify(ad: ad, impression: impression, signature: signature, kid: $0)
          }
        }
      }
    }
  }

  @Test func everyActiveKeyVerifiesAndAKidPicksOne() {
    #expect(ring.newest?.id == "new")
    for (kid, secret, other) in [("new", "n", "old"), ("old", "o", "new")] {
      let made = SigningKey(id: kid, secret: Array(secret.utf8)).sign(ad: "42", impression: "i").description
      #expect(verify("42", "i", made))
      #expect(verify("42", "i", made.uppercased()))
      #expect(verify("42", "i", made, kid: kid))
      #expect(!verify("42", "i", made, kid: other))
      for unknown in ["", "ne", "newer", "retired"] { #expect(!verify("42", "i", made, kid: unknown)) }
      #expect(!verify("43", "i", made))
      #expect(!verify("42", "j", made))
      #expect(!verify("42", "i", String(made.dropLast())))
      #expect(!verify("42", "i", made + "0"))
      #expect(!verify("42", "i", (made.first == "0" ? "1" : "0") + made.dropFirst()))
    }
    let retired = SigningKey(id: "retired", secret: Array("r".utf8)).sign(ad: "42", impression: "i").description
    #expect(!verify("42", "i", retired))
  }

  @Test func anEmptyRingVerifiesNothing() {
    let empty = KeyRing([])
    #expect(empty.newest == nil)
    let made = SigningKey(id: "x", secret: [1]).sign(ad: "a", impression: "b")
    let (a, b) = (Array("a".utf8), Array("b".utf8))
    let verified = unsafe a.withUnsafeBytes { a in
      unsafe b.withUnsafeBytes { b in unsafe empty.verify(ad: a, impression: b, signature: made) }
    }
    #expect(verified == .byNobody)
  }

  @Test func aBoundKeyIsGoodForItsAdvertiserAlone() {
    let ring = KeyRing([
      ActiveKey(kid: "bound", secret: Secret("b"), advertiserID: "acme"), ActiveKey(kid: "free", secret: Secret("f")),
    ])
    for (secret, signed) in [("b", Signed.forAdvertiser("acme")), ("f", .forAll), ("x", .byNobody)] {
      let made = SigningKey(id: "", secret: Array(secret.utf8)).sign(ad: "42", impression: "i").description
      #expect(Self.signed(ring, "42", "i", made) == signed)
      #expect(Self.signed(ring, "42", "i", made, kid: "bound") == (secret == "b" ? signed : .byNobody))
      #expect(signed.covers("acme") == (secret != "x") && signed.covers("umbra") == (secret == "f"))
    }
  }
}

@Suite struct TokenTests {
  let scratch: Scratch
  let catalog: Catalog

  init() throws {
    scratch = try Scratch()
    catalog = try scratch.open()
  }

  @Test func aTokenGrantsWhatItWasMadeForUntilRevoked() throws {
    let made = try catalog.createToken(scopes: [.read, .mint], advertiserID: "acme", label: "shop")
    let other = try catalog.createToken(scopes: [.admin])
    let text = made.text.reveal()
    #expect(text.wholeMatch(of: #/tally_[a-z2-9]{10}_[A-Za-z0-9_-]{43}/#) != nil)
    let again = try scratch.open()
    let grant = try #require(try again.authenticate(text))
    #expect(grant == Grant(tokenID: made.info.id, scopes: [.read, .mint], advertiserID: "acme"))
    #expect(grant.allows(.read) && grant.allows(.mint) && !grant.allows(.ads) && !grant.allows(.admin))
    #expect(grant.reaches(advertiserID: "acme") && !grant.reaches(advertiserID: "b"))
    #expect(try again.tokens() == [made.info, other.info])
    #expect(try again.revokeToken(made.info.id))
    #expect(try !again.revokeToken(made.info.id))
    #expect(try !again.revokeToken("nobody"))
    #expect(try catalog.authenticate(text) == nil)
    #expect(try again.tokens()[0].revokedAt != nil)
    let admin = try #require(try catalog.authenticate(other.text.reveal()))
    #expect(Scopes.named.allSatisfy { admin.allows($0.scope) } && admin.reaches(advertiserID: "b"))
  }

  @Test func anyOtherTextGrantsNothing() throws {
    let a = try catalog.createToken(scopes: [.read])
    let b = try catalog.createToken(scopes: [.read])
    let text = a.text.reveal()
    let crossed = "tally_\(b.info.id)_\(text.suffix(43))"
    var wrong = ["", "tally_", "tally__", text + "A", String(text.dropLast()), text.uppercased(), crossed, " " + text]
    for index in text.indices {
      var changed = text
      changed.replaceSubrange(index...index, with: text[index] == "A" ? "B" : "A")
      wrong.append(changed)
    }
    for text in wrong { #expect(try catalog.authenticate(text) == nil, "\(text)") }
    #expect(try catalog.authenticate(text) != nil)
  }

  @Test func theTextIsNowhereInTheFiles() throws {
    let token = try catalog.createToken(scopes: [.read])
    let secret = Array(token.text.reveal().utf8.suffix(43))
    var found = false
    for name in try scratch.files.list(scratch.path) {
      let bytes = try scratch.files.contents(scratch.path + "/" + name)
      #expect(!bytes.contains(secret), "\(name)")
      found = found || bytes.contains(Array(token.info.id.utf8))
    }
    #expect(found, "not even the id is there: the wrong files were searched")
  }

  @Test func senselessTokensAreRefused() throws {
    #expect(failure { _ = try catalog.createToken(scopes: []) } != nil)
    #expect(failure { _ = try catalog.createToken(scopes: Scopes(rawValue: 1 << 40)) } != nil)
    #expect(failure { _ = try catalog.createToken(scopes: [.read], advertiserID: "a b") } != nil)
    #expect(failure { _ = try catalog.createToken(scopes: [.read, .admin], advertiserID: "acme") } != nil)
    #expect(failure { _ = try catalog.createToken(scopes: [.read], label: "a\nb") } != nil)
    #expect(failure { _ = try catalog.createToken(scopes: [.read], label: String(repeating: "x", count: 129)) } != nil)
    #expect(try catalog.tokens().isEmpty)
  }

  @Test func scopesAreReadByName() throws {
    #expect(try Scopes(names: "mint,read") == [.read, .mint])
    #expect(try Scopes(names: Scopes.named.map(\.name).joined(separator: ",")).names == Scopes.named.map(\.name))
    for wrong in ["", "read,", "Read", "read, mint", "write"] {
      #expect(throws: CatalogError.self) { try Scopes(names: wrong) }
    }
  }

  @Test func theFirstStartWritesAnAdminToken() throws {
    #expect(try AdminToken.read(in: scratch.path, scratch.files) == nil)
    let path = try #require(try AdminToken.writeOnFirstStart(catalog, in: scratch.path))
    #expect(path == scratch.path + "/admin.token")
    #expect(scratch.mode("admin.token") == 0o600)
    let text = try #require(try AdminToken.read(in: scratch.path, scratch.files))
    #expect(try catalog.authenticate(text.reveal())?.allows(.admin) == true)
    #expect(try AdminToken.writeOnFirstStart(catalog, in: scratch.path) == nil)
    #expect(try AdminToken.read(in: scratch.path, scratch.files)?.bytes == text.bytes)
    #expect(try scratch.files.list(scratch.path).filter { $0.contains("token") } == ["admin.token"])
  }

  @Test func withoutAFileThereIsNoFirstToken() throws {
    #expect(failure { _ = try AdminToken.writeOnFirstStart(catalog, in: scratch.path + "/missing") } != nil)
    #expect(try catalog.tokens().isEmpty)
    // What a crash between file and row leaves is replaced.
    try AdminToken.write(Secret("tally_left_behind"), in: scratch.path, scratch.files)
    #expect(failure { _ = try AdminToken.read(in: scratch.path, scratch.files) } != nil)
    #expect(try AdminToken.writeOnFirstStart(catalog, in: scratch.path) != nil)
    #expect(try AdminToken.read(in: scratch.path, scratch.files) != nil)
  }
}

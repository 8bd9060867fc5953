import Bytes
import COpenSSL

/// SHA-256 (FIPS 180-4) through OpenSSL, with one reused context: fetching the algorithm for each call would cost more
/// than the hash. One instance for each thread.
@safe package final class SHA256 {
  private let context: OpaquePointer
  private let algorithm: OpaquePointer
  private let start = DigestState()

  package init() {
    guard let algorithm = unsafe EVP_MD_fetch(nil, "SHA256", nil), let context = unsafe EVP_MD_CTX_new() else {
      fatalError("OpenSSL has no SHA-256")
    }
    unsafe self.algorithm = algorithm
    unsafe self.context = context
  }

  deinit {
    unsafe EVP_MD_CTX_free(context)
    unsafe EVP_MD_free(algorithm)
  }

  /// The first 64 bits of the digest of `bytes`, as a big-endian number: its first 16 hex digits.
  package func first64(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    if bytes.count <= DigestBlocks.most {
      var blocks = DigestBlocks()
      unsafe blocks.add(bytes)
      return blocks.digest(start).0
    }
    var digest: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    unsafe withUnsafeMutableBytes(of: &digest) { unsafe hash(bytes, into: $0) }
    return UInt64(bigEndian: digest.0)
  }

  /// The first 128 bits of the digest of an array's bytes.
  package func first128(_ bytes: [UInt8]) -> (high: UInt64, low: UInt64) {
    var digest: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    unsafe bytes.withUnsafeBytes { input in
      unsafe withUnsafeMutableBytes(of: &digest) { unsafe hash(input, into: $0) }
    }
    return (UInt64(bigEndian: digest.0), UInt64(bigEndian: digest.1))
  }

  /// The digest of an array's bytes, 32 bytes.
  package func digest(_ bytes: [UInt8]) -> [UInt8] {
    var out = [UInt8](repeating: 0, count: 32)
    unsafe bytes.withUnsafeBytes { input in
      unsafe out.withUnsafeMutableBytes { unsafe hash(input, into: $0) }
    }
    return out
  }

  private func hash(_ bytes: UnsafeRawBufferPointer, into out: UnsafeMutableRawBufferPointer) {
    precondition(out.count == 32)
    let ok =
      unsafe EVP_DigestInit_ex2(context, algorithm, nil) == 1
      && EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1
      && EVP_DigestFinal_ex(context, out.baseAddress?.assumingMemoryBound(to: UInt8.self), nil) == 1
    precondition(ok, "SHA-256 failed")
  }

  // MARK: - In pieces

  /// Begins a digest of bytes that come in pieces. No other digest of this instance may be taken before `finish`.
  package func begin() {
    let ok = unsafe EVP_DigestInit_ex2(context, algorithm, nil) == 1
    precondition(ok, "SHA-256 failed")
  }

  /// The next piece.
  package func add(_ bytes: [UInt8]) {
    let ok = unsafe bytes.withUnsafeBytes { unsafe EVP_DigestUpdate(context, $0.baseAddress, $0.count) == 1 }
    precondition(ok, "SHA-256 failed")
  }

  /// The next piece.
  package func add(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count > 0 else { return }
    let ok = unsafe EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1
    precondition(ok, "SHA-256 failed")
  }

  /// The first 128 bits of the digest of all pieces since `begin`, to which more may come.
  package func first128SoFar() -> (high: UInt64, low: UInt64) {
    guard let copy = unsafe EVP_MD_CTX_new() else { fatalError("OpenSSL has no memory") }
    defer { unsafe EVP_MD_CTX_free(copy) }
    var digest: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    let ok = unsafe withUnsafeMutableBytes(of: &digest) { out in
      unsafe EVP_MD_CTX_copy_ex(copy, context) == 1
        && EVP_DigestFinal_ex(copy, out.baseAddress?.assumingMemoryBound(to: UInt8.self), nil) == 1
    }
    precondition(ok, "SHA-256 failed")
    return (UInt64(bigEndian: digest.0), UInt64(bigEndian: digest.1))
  }

  /// The digest of all pieces since `begin`, 32 bytes.
  package func finish() -> [UInt8] {
    var out = [UInt8](repeating: 0, count: 32)
    let ok = unsafe out.withUnsafeMutableBytes {
      unsafe EVP_DigestFinal_ex(context, $0.baseAddress?.assumingMemoryBound(to: UInt8.self), nil) == 1
    }
    precondition(ok, "SHA-256 failed")
    return out
  }
}

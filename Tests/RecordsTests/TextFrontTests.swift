import Records
import Simulation
import Testing

/// What comes out of the front does not depend on how its bytes come in, and what is no text is called by its name.
@Suite struct TextFrontTests {
  /// `42,T⏎` as gzip, made by gzip(1): header without a name, two members where it is given twice.
  private static let gzip: [UInt8] = [
    0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x33, 0x31, 0xD2, 0x09, 0xE1, 0x02, 0x00, 0xBB, 0x17,
    0xF4,
    0xC7, 0x05, 0x00, 0x00, 0x00,
  ]

  /// The text, or what is wrong, of bytes that come in pieces of `size`.
  private func read(_ bytes: [UInt8], pieces size: Int, limit: UInt64 = .max, mustBeGzip: Bool = false) -> String {
    let front = TextFront(limit: limit, mustBeGzip: mustBeGzip)
    var text: [UInt8] = []
    do {
      for start in stride(from: 0, to: bytes.count, by: size) {
        let piece = Array(bytes[start..<min(start + size, bytes.count)])
        try unsafe piece.withUnsafeBytes { unsafe try front.feed($0) { unsafe text.append(contentsOf: $0) } }
      }
      unsafe try front.finish { unsafe text.append(contentsOf: $0) }
    } catch { return "fault: \(error)" }
    return String(decoding: text, as: UTF8.self)
  }

  /// The same, asked for piece by piece into small buffers.
  private func ask(_ bytes: [UInt8], _ chance: inout SeededGenerator) -> String {
    var at = 0
    var steps = chance
    let source = unsafe TextSource { buffer in
      let count = min(buffer.count, bytes.count - at, 1 + steps.small(in: 0...3_000))
      for i in 0..<count { unsafe buffer[i] = bytes[at + i] }
      at += count
      return count
    }
    var text: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 + chance.small(in: 0...5_000), alignment: 1)
    defer { unsafe buffer.deallocate() }
    do {
      while case let count = unsafe try source.read(into: buffer), count > 0 {
        unsafe text.append(contentsOf: buffer[..<count])
      }
    } catch { return "fault: \(error)" }
    return String(decoding: text, as: UTF8.self)
  }

  private func utf16(_ text: String, isLittle: Bool, mark: Bool) -> [UInt8] {
    ((mark ? [0xFEFF] : []) + Array(text.utf16)).flatMap { unit -> [UInt8] in
      let bytes = [UInt8(unit & 0xFF), UInt8(unit >> 8)]
      return isLittle ? bytes : bytes.reversed()
    }
  }

  /// What a piece brings along behind the first brace decides nothing.
  @Test func anObjectIsTextHoweverItComes() {
    let objects: [[UInt8]] = [
      Array("{\"adId\":\"42\"}\n{\"".utf8) + [0xF0, 0xBC, 0xC0, 0x00], Array("{\n\u{83}\u{83}".utf8) + [0x00, 0x14],
      [0xEF, 0xBB, 0xBF] + Array("{\"a\":1}\n".utf8) + [0x00],
      Array("{\"a\":".utf8) + [UInt8](repeating: 0x20, count: 251) + Array("ustar".utf8),
    ]
    for bytes in objects {
      let whole = read(bytes, pieces: bytes.count)
      #expect(whole.hasPrefix("{"), "\(whole)")
      for size in [1, 2, 3, 4, 5, 7, 16, 100] { #expect(read(bytes, pieces: size) == whole, "in pieces of \(size)") }
    }
  }

  @Test func everyWayOfWritingATextGivesTheText() throws {
    try Seeds.run(60) { seed in
      var chance = seed.generator
      let letters = Array("ab,;\"\r\n 1é€😀\u{FEFF}")
      let text = "adId" + String((0..<chance.small(in: 0...2_000)).map { _ in chance.pick(letters) })
      let size = 1 + chance.small(in: 0...700)
      let ways: [[UInt8]] = [
        Array(text.utf8), [0xEF, 0xBB, 0xBF] + Array(text.utf8), utf16(text, isLittle: true, mark: true),
        utf16(text, isLittle: false, mark: true), utf16(text, isLittle: true, mark: false),
        utf16(text, isLittle: false, mark: false),
      ]
      for (index, bytes) in ways.enumerated() {
        #expect(read(bytes, pieces: size) == text, "\(seed) \(index)")
        #expect(ask(bytes, &chance) == text, "\(seed) \(index)")
      }
    }
    #expect(read([], pieces: 1) == "" && read([0xEF, 0xBB, 0xBF], pieces: 1) == "" && read([0x41], pieces: 1) == "A")
  }

  @Test(arguments: [1, 3, 7, 1_000])
  func gzipIsUnpacked(_ size: Int) {
    #expect(read(Self.gzip, pieces: size) == "42,T\n")
    #expect(read(Self.gzip + Self.gzip + [0, 0, 0], pieces: size, mustBeGzip: true) == "42,T\n42,T\n")
    // Cut anywhere, it is told.
    for count in 1..<Self.gzip.count {
      #expect(
        read(Array(Self.gzip[..<count]), pieces: size).hasPrefix(
          count == 1 ? "\u{1F}" : "fault: is gzip that ends too early"))
    }
    for at in 10..<Self.gzip.count {
      var damaged = Self.gzip
      damaged[at] ^= 0x10
      let said = read(damaged, pieces: size)
      // Behind the last code of the data there are bits that mean nothing.
      #expect(said.hasPrefix("fault: is gzip that") || said == "42,T\n" && at == 16, "\(at): \(said)")
    }
    #expect(read(Self.gzip + [0x41], pieces: size).contains("behind its gzip data"))
    #expect(read(Self.gzip + [0, 0x1F], pieces: size).contains("behind its gzip data"))
    #expect(read(Self.gzip + Self.gzip, pieces: size, limit: 9).contains("more than 9 bytes"))
    #expect(read(Self.gzip + Self.gzip, pieces: size, limit: 10) == "42,T\n42,T\n")
    #expect(read(Array("42,T\n".utf8), pieces: size, mustBeGzip: true).contains("not the gzip"))
  }

  @Test(
    arguments: [
      (Array("PK\u{3}\u{4}".utf8) + [UInt8](repeating: 7, count: 40), "zip archive"),
      (Array("PK\u{3}\u{4}".utf8) + [UInt8](repeating: 7, count: 26) + Array("[Content_Types].xml".utf8), "xlsx"),
      ([0x28, 0xB5, 0x2F, 0xFD, 0x04], "zstd"), ([0xFD] + Array("7zXZ".utf8) + [0], "xz"),
      (Array("BZh9".utf8) + [0x31, 0x41, 0x59, 0x26, 0x53, 0x59], "bzip2"),
      (Array("7z".utf8) + [0xBC, 0xAF, 0x27, 0x1C], "7z"),
      (Array("PAR1".utf8) + [0x15, 0], "Parquet"), (Array("Obj".utf8) + [1, 2], "Avro"),
      (Array("ORC".utf8) + [8, 3], "ORC"),
      (Array("SQLite format 3".utf8) + [0], "SQLite"), ([0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1], "xls"),
      ([0x04, 0x22, 0x4D, 0x18], "lz4"), ([0x1F, 0x9D, 0x90], "compress"), (Array("Rar!".utf8) + [0x1A, 7], "RAR"),
      ([UInt8](repeating: 0x61, count: 257) + Array("ustar".utf8), "tar"),
      ([0xFF, 0xFE, 0, 0, 0x41, 0, 0, 0], "UTF-32"),
      (Array("ARROW1".utf8), "Arrow"), (Array("%PDF-1.7".utf8), "PDF"), (Array("<!DOCTYPE html><p>".utf8), "HTML"),
      (Array("adId,time\n42,".utf8) + [0, 1], "byte 13 is a NUL"), ([0x89] + Array("HDF".utf8), "HDF5"),
      ([0xFF, 0xFE, 0x41], "inside a character"), ([0xFF, 0xFE, 0x00, 0xD8], "inside a character"),
      ([0xFF, 0xFE, 0x00, 0xD8, 0x41, 0x00], "surrogate"), ([0xFE, 0xFF, 0xDC, 0x00], "surrogate"),
    ] as [([UInt8], String)])
  func whatIsNoTextIsNamed(_ bytes: [UInt8], _ name: String) {
    for size in [1, 5, 1_000] {
      let said = read(bytes, pieces: size)
      #expect(said.hasPrefix("fault: ") && said.contains(name), "\(said)")
    }
  }

  /// Text that only looks like something else.
  @Test(arguments: ["BZh9,adId", "ORC,adId", "PK,adId", "Obj,x", "PAR2,x", "a<html", "7zip,adId", "Rar,x", "PARIS1,x"])
  func textIsText(_ text: String) {
    #expect(read(Array(text.utf8), pieces: 2) == text)
  }
}

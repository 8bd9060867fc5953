/// The columns that `Formats/columns.md` shows, and the encoding each is written in.
enum Examples {
  static let columns: [(name: String, values: [UInt64])] = [
    ("constant", [300, 300, 300, 300]),
    ("bitmap", [7, 1007, 7, 7, 1007, 7, 7, 7, 1007, 7]),
    ("sparse", (0..<64).map { $0 == 10 ? 900 : $0 == 40 ? 70 : 5 }),
    ("packed", [10, 12, 15, 11, 14, 17]),
    ("classes", (0..<24).map { $0 % 6 == 5 ? 70_000 + $0 * 900 : $0 % 4 == 0 ? 100 + $0 : $0 % 2 }),
    ("patched", (0..<130).map { $0 == 3 ? 1_000 : $0 == 77 ? 1_030 : $0 > 127 ? 50 : $0 % 4 }),
    ("delta", (0..<12).map { 5_000 + $0 * 40 + $0 % 3 }),
    ("plain", [0xFEDC_BA98_7654_3210, 1 << 63]),
  ]

  /// Ad 5 in bucket 0; ad 6 in buckets 2, 3 and 5; ad 9 in bucket 1.
  static let rows = Rows(codes: [5, 6, 6, 6, 9], buckets: [0, 2, 3, 5, 1], values: [1, 2, 1, 4, 3])

  static let plainText = ["a", "", "xyz"].map { Array($0.utf8) }
  static let compressedText = [String](repeating: "click", count: 6).map { Array($0.utf8) }
}

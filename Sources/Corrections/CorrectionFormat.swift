import Bytes
import Files

// What recounts changed, in an immutable file. See Formats/corrections.md.
//
//   header page           56 u64 rows   64 u64 repeats   72 i64 change of the minute rows in all   80 i64 credits in all
//   section 1, runs       24 bytes each, by number: u64 number, u64 position, i64 time
//   section 2, rows       40 bytes each, by (code, bucket seconds, bucket, run, reason)
//   section 3, repeats    32 bytes each, by position
//
// There are few of them, so the entries have one width: the n-th is found by arithmetic, an ad or a position by halving.

enum CorrectionFormat {
  static let runs: UInt32 = 1
  static let rows: UInt32 = 2
  static let repeats: UInt32 = 3

  static let runBytes = 24
  static let rowBytes = 40
  static let repeatBytes = 32
  static let creditFlag: UInt8 = 1

  /// Appends a run.
  static func append(_ run: CorrectionRun, to writer: inout ByteWriter) {
    writer.append(run.number)
    writer.append(run.position)
    writer.append(run.time)
  }

  /// Appends a row.
  ///
  ///     0 u32 code   4 u32 bucket seconds   8 i64 bucket   16 u64 from   24 u64 to   32 u32 run, from the section's first
  ///     36 u8 reason   37 u8 flags: 1 a credit   38 u16 zero
  static func append(_ row: Correction, run: UInt32, to writer: inout ByteWriter) {
    writer.append(row.code)
    writer.append(row.bucketSeconds)
    writer.append(row.bucket)
    writer.append(row.from)
    writer.append(row.to)
    writer.append(run)
    writer.append(row.reason.rawValue)
    writer.append(row.isCredit ? creditFlag : 0)
    writer.append(UInt16(0))
  }

  /// Appends a repeat.
  ///
  ///     0 u64 position   8 i64 minute   16 u64 run   24 u32 code   28 u32 zero
  static func append(_ found: RecordedRepeat, to writer: inout ByteWriter) {
    writer.append(found.position)
    writer.append(found.minute)
    writer.append(found.run)
    writer.append(found.code)
    writer.append(UInt32(0))
  }

  static func run(_ reader: inout ByteReader) -> CorrectionRun {
    CorrectionRun(number: reader.next()!, position: reader.next()!, time: reader.next()!)
  }

  /// A row whose run is one of `runs`; nil where the bytes are none.
  static func row(_ reader: inout ByteReader, _ runs: [CorrectionRun]) -> Correction? {
    let (code, seconds): (UInt32, UInt32) = (reader.next()!, reader.next()!)
    let bucket: Int64 = reader.next()!
    let (from, to): (UInt64, UInt64) = (reader.next()!, reader.next()!)
    let run: UInt32 = reader.next()!
    let (reason, flags): (UInt8, UInt8) = (reader.next()!, reader.next()!)
    let zero: UInt16 = reader.next()!
    guard Int(run) < runs.count, let reason = CorrectionReason(rawValue: reason), flags & ~creditFlag == 0, zero == 0,
      [60, 3_600, 86_400].contains(seconds), from != to, flags & creditFlag == 0 || seconds == 60
    else { return nil }
    return Correction(
      code: code, bucketSeconds: seconds, bucket: bucket, from: from, to: to, reason: reason,
      isCredit: flags & creditFlag != 0, run: runs[Int(run)])
  }

  /// The repeat at `entry`; nil where the bytes are none. There may be hundreds of thousands, gone through at every opening.
  static func removed(_ entry: UnsafeRawPointer) -> RecordedRepeat? {
    guard unsafe entry.unsafeLoadLE(28, as: UInt32.self) == 0 else { return nil }
    return unsafe RecordedRepeat(
      position: entry.unsafeLoadLE(0), code: entry.unsafeLoadLE(24), minute: entry.unsafeLoadLE(8),
      run: entry.unsafeLoadLE(16))
  }
}

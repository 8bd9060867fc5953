import Clicks
import Platform
import Simulation
import Testing

/// Times as databases, spreadsheets, web servers and programs write them.
@Suite struct TimeReaderTests {
  private static let files = KernelFileSystem()
  /// 2017-11-07T09:30:38Z.
  private static let moment: Int64 = 1_510_047_038_000

  private func read(_ text: String, _ reader: TimeReader = TimeReader()) -> Int64? {
    var text = text
    return text.withUTF8 { bytes in try? unsafe reader.read(UnsafeRawBufferPointer(bytes)) }
  }

  private func fault(_ text: String, _ reader: TimeReader = TimeReader()) -> String? {
    var text = text
    return text.withUTF8 { bytes in
      do throws(TimeFault) { _ = try unsafe reader.read(UnsafeRawBufferPointer(bytes)) } catch { return "\(error)" }
      return nil
    }
  }

  @Test(
    arguments: [
      ("2017-11-07T09:30:38Z", 0), ("2017-11-07t09:30:38z", 0), ("2017-11-07T10:30:38+01:00", 0),
      ("2017-11-07T09:30:38-00:00", 0), ("2017-11-07T09:30:38.5Z", 500), ("2017-11-07T09:30:38.123456789Z", 123),
      ("2017-11-07T09:30:38,250Z", 250), ("2017-11-07 09:30:38Z", 0), ("2017-11-07 09:30:38 UTC", 0),
      ("2017-11-07 09:30:38.0004 UTC", 0), ("2017-11-07 09:30:38 GMT", 0), ("2017-11-07 09:30:38UTC", 0),
      ("2017-11-07 09:30:38+00", 0), ("2017-11-07 10:30:38.75+01", 750), ("2017-11-07 15:15:38+0545", 0),
      ("2017-11-07T09:30:38+0000", 0), ("2017-11-07T04:30:38-0500", 0), ("2017-11-07 09:30:38 +0000", 0),
      ("2017-11-07 09:30:38 +0000 UTC", 0), ("2017/11/07 09:30:38 UTC", 0), ("2017-11-07T09:30Z", -38_000),
      ("2017-11-7 09:30:38 utc", 0), ("20171107T093038Z", 0), ("20171107t103038.5+0100", 500),
      ("07/Nov/2017:09:30:38 +0000", 0), ("[07/Nov/2017:02:30:38 -0700]", 0), ("Tue, 07 Nov 2017 09:30:38 GMT", 0),
      ("7 Nov 2017 09:30:38 +0000", 0), ("Tue 07-Nov-2017 10:30:38 +01:00", 0), ("1510047038", 0),
      ("1510047038.25", 250),
      ("1510047038250", 250), ("1510047038250.7", 250), ("1510047038250999", 250), ("1510047038250999999", 250),
      ("  1510047038\t", 0), (" 2017-11-07 09:30:38 UTC ", 0), ("2017-11-07T09:30:38.Z", nil),
    ] as [(String, Int64?)])
  func whatIsClearIsTaken(_ text: String, _ milliseconds: Int64?) {
    #expect(read(text) == milliseconds.map { Self.moment + $0 }, "\(text)")
  }

  /// Each in a way that says why; none becomes a time.
  @Test(arguments: [
    ("", "no value"), ("   ", "no value"), ("0", "no time between"), ("-1", "no time between"),
    ("-1510047038", "no time between"), ("20171107", "no time between"), ("14102100", "no time between"),
    ("201711070930", "no time between"), ("20171107093038", "no time between"),
    ("20130612000102865", "no time between"), ("43046.39", "no time between"), ("43046", "no time between"),
    ("151004703", "no time between"), ("15100470382", "no time between"), ("151004703825", "no time between"),
    ("946684799", "no time between"), ("4102444800", "no time between"), ("946684799999", "no time between"),
    ("1.51E+09", "no time between"), ("1.51004703825e12", "no time between"), ("01510047038", "no time between"),
    ("1510047038.", "no time between"), ("15100470382509999999", "no time between"),
    ("99999999999999999999999999999999", "no time between"), ("+1510047038", "must be"),
    ("2017-11-07 09:30:38", "no time zone"), ("2017-11-07T09:30:38.123", "no time zone"),
    ("07/Nov/2017:09:30:38", "no time zone"), ("20171107T093038", "no time zone"),
    ("2017-11-07", "must be"), ("07/11/2017 09:30:38", "order"), ("7.11.2017 09:30", "order"), ("11-07-2017", "order"),
    ("2017-02-29 00:00:00Z", "does not exist"), ("2017-13-01T00:00:00Z", "does not exist"),
    ("2017-11-07T24:00:00Z", "does not exist"), ("2017-11-07 09:60:00Z", "does not exist"),
    ("Mon, 07 Nov 2017 09:30:38 GMT", "does not exist"), ("07/Nov/2017:09:30:61 +0000", "does not exist"),
    ("1970-01-01T00:00:00Z", "before the year 2000"), ("0001-01-01T00:00:00Z", "before the year 2000"),
    ("1899-12-30 00:00:00 UTC", "before the year 2000"), ("2017-11-07 09:30:38 CET", "must be"),
    ("2017-11-07 09:30:38 +01:00 UTC", "must be"), ("2017-11-07 09:30:38 +25:00", "must be"),
    ("2017-11-07T09:30:38Zulu", "must be"), ("now", "must be"), ("null", "must be"),
    ("2017-11/07 09:30:38Z", "must be"),
  ])
  func whatIsNotClearIsRefused(_ text: String, _ why: String) {
    #expect(fault(text)?.contains(why) == true, "\(text): \(fault(text) ?? "taken")")
  }

  @Test func aLeapSecondStaysInItsMinute() {
    for text in [
      "2016-12-31T23:59:60Z", "2016-12-31 23:59:60 UTC", "2017-01-01T00:59:60+01:00", "2016-12-31T23:59:60.9Z",
    ] {
      #expect(read(text).map { $0 / 1000 } == 1_483_228_799, "\(text)")
    }
    for text in ["2016-12-31T12:34:60Z", "2016-12-30T23:59:60Z", "2016-12-31T23:59:60+01:00", "2016-12-31T23:59:61Z"] {
      #expect(read(text) == nil, "\(text)")
    }
  }

  @Test(
    arguments: [
      ("s", "1510047038", 0), ("s", "0", -1_510_047_038_000), ("ms", "1510047038250", 250),
      ("us", "1510047038250999", 250),
      ("ns", "1510047038250999999", 250), ("s", "1510047038.5", 500), ("ms", "1", -1_510_047_037_999),
      ("yyMMddHH", "17110709", -1_838_000), ("yyyyMMddHHmmss", "20171107093038", 0),
      ("yyyyMMddHHmmssSSS", "20171107093038865", 865), ("dd.MM.yyyy HH:mm:ss", "07.11.2017 09:30:38", 0),
      ("d/M/yyyy h:mm:ss a", "7/11/2017 9:30:38 AM", 0), ("M/d/yyyy h:mm a", "11/7/2017 12:05 PM", 9_262_000),
      ("yyyy-MM-dd'T'HH:mm:ssX", "2017-11-07T10:30:38+01", 0),
      ("yyyy-MM-ddTHH:mm:ss.SSSZ", "2017-11-07T09:30:38.250+0000", 250),
      ("yyyyMMdd", "20171107", -34_238_000), ("%Y-%m-%d %H:%M:%S", "2017-11-07 09:30:38", 0),
      ("%d/%b/%Y:%H:%M:%S %z", "07/Nov/2017:10:30:38 +0100", 0), ("%F %T.%f", "2017-11-07 09:30:38.1234567", 123),
      ("%y%m%d%H", "17110709", -1_838_000), ("%m/%d/%Y %I:%M:%S %p", "11/07/2017 09:30:38 am", 0),
      ("s", "1.5e9", nil), ("s", "-5", nil), ("ms", "now", nil), ("yyMMddHH", "1711070", nil),
      ("yyMMddHH", "171107099", nil),
      ("yyMMddHH", "17130709", nil), ("%Y-%m-%d", "2017-11-07Z", nil), ("%F %T", "2017-11-07 09:30:60", nil),
      ("h:mm a d.M.yyyy", "13:05 PM 7.11.2017", nil),
    ] as [(String, String, Int64?)])
  func whatIsToldIsTaken(_ format: String, _ text: String, _ milliseconds: Int64?) throws {
    let reader = TimeReader(format: try TimeFormat(format), zone: .fixed(0))
    #expect(read(text, reader) == milliseconds.map { Self.moment + $0 }, "\(format) \(text)")
  }

  @Test(arguments: ["", "x", "HH:mm", "%H", "yyyy-QQ", "%Y %q", "%", "yyyy 'x", "hh yyyy", "yyyy a", "YYYY", "yyy"])
  func whatIsNoFormatIsRefused(_ format: String) {
    #expect(throws: TimeFormat.FormatFault.self) { try TimeFormat(format) }
  }

  @Test func zonesAreToldApart() {
    func offset(_ text: String) -> Int64? {
      guard case .fixed(let seconds)? = WallZone.fixed(text) else { return nil }
      return seconds
    }
    #expect(offset("UTC") == 0 && offset("z") == 0 && offset("+02:00") == 7_200 && offset("-0330") == -12_600)
    #expect(offset("Europe/Berlin") == nil && offset("+2") == nil && offset("") == nil && offset("+02:00x") == nil)
  }

  @Test(.enabled(if: TimeReaderTests.files.exists(ZoneFile.directory)))
  func localTimesAreTakenWhereTheyAreOneMoment() throws {
    let berlin = try #require(WallZone.find("Europe/Berlin", Self.files))
    let reader = TimeReader(zone: berlin)
    #expect(read("2017-11-07 10:30:38", reader) == Self.moment)
    #expect(read("2017-07-01T12:00:00", reader) == 1_498_903_200_000)
    // Its own offset goes first.
    #expect(read("2017-11-07 09:30:38Z", reader) == Self.moment)
    #expect(fault("2017-03-26 02:30:00", reader)?.contains("leave out") == true)
    #expect(fault("2017-10-29 02:30:00", reader)?.contains("twice") == true)
    #expect(read("2017-10-29 02:30:00 +0200", reader) == 1_509_237_000_000)
    #expect(read("2017-10-29 01:59:59", reader) == 1_509_235_199_000)
    #expect(read("2017-10-29 03:00:00", reader) == 1_509_242_400_000)
    #expect(WallZone.find("Europe/Nowhere", Self.files) == nil)
    // Behind the last listed change, and in a zone that jumped over a day.
    #expect(read("2045-07-01 12:00:00", reader) == 2_382_516_000_000)
    let apia = TimeReader(zone: WallZone.find("Pacific/Apia", Self.files))
    #expect(fault("2011-12-30 12:00:00", apia)?.contains("leave out") == true)
  }

  /// A time that was written in any of the ways is read as the same time, and a change of one byte never becomes another
  /// without a plain reading of the text.
  @Test func everyTimeGoesThereAndBack() throws {
    try Seeds.run(20) { seed in
      var chance = seed.generator
      for _ in 0..<500 {
        let time = 946_684_800_000 + Int64(chance.next() % 3_155_760_000_000)
        let text = Timestamp.format(time)
        let digits = text.filter { "0123456789".contains($0) }
        let shown: [(String, TimeReader, Int64)] = [
          (text, TimeReader(), 1), (text.replacing("T", with: " "), TimeReader(), 1), ("\(time)", TimeReader(), 1),
          ("\(time)999", TimeReader(), 1), ("\(time)000001", TimeReader(), 1), ("\(time / 1000)", TimeReader(), 1000),
          (text.replacing("Z", with: " UTC"), TimeReader(), 1),
          (text.replacing("Z", with: ""), TimeReader(zone: .fixed(0)), 1),
          (digits, TimeReader(format: try TimeFormat("yyyyMMddHHmmssSSS"), zone: .fixed(0)), 1),
          ("\(time)", TimeReader(format: try TimeFormat("ms")), 1),
        ]
        for (text, reader, unit) in shown { #expect(read(text, reader) == time / unit * unit, "\(seed): \(text)") }
        let ahead = Int64.random(in: -1439...1439, using: &chance)
        let wall = Timestamp.format(time + ahead * 60_000).dropLast()
        let sign = ahead < 0 ? "-" : "+"
        let (hours, minutes) = (String(100 + abs(ahead) / 60).dropFirst(), String(100 + abs(ahead) % 60).dropFirst())
        #expect(read("\(wall)\(sign)\(hours):\(minutes)") == time && read("\(wall) \(sign)\(hours)\(minutes)") == time)
      }
    }
  }

  /// Of numbers of every length exactly those of the four ranges are times, and no range reaches into another.
  @Test func numbersAreTimesOfOneUnit() throws {
    try Seeds.run(20) { seed in
      var chance = seed.generator
      for _ in 0..<1_000 {
        let length = Int.random(in: 1...19, using: &chance)
        let text = (0..<length).map { i in "\(Int.random(in: i == 0 && length > 1 ? 1...9 : 0...9, using: &chance))" }
          .joined()
        let number = Double(text)!
        let units = [1.0, 1e3, 1e6, 1e9].filter { (946_684_800 * $0..<4_102_444_800 * $0).contains(number) }
        #expect(units.count <= 1)
        let found = read(text)
        #expect((found != nil) == (units.count == 1), "\(seed): \(text)")
        if let found, let unit = units.first {
          #expect(abs(Double(found) / 1e3 - number / unit) < 1, "\(seed): \(text)")
        }
      }
    }
  }

  /// 10 and 13 digits, as most logs have them, are read eight at a time: as slowly, digit by digit.
  @Test func usualNumbersAreReadAsTheirDigitsSay() throws {
    try Seeds.run(2_000) { seed in
      var chance = seed.generator
      let count = chance.pick([10, 13])
      let edges: [UInt64] = [
        946_684_800, 4_102_444_800, 946_684_800_000, 4_102_444_800_000, 999_999_999, 1_000_000_000,
      ]
      var number = chance.oneIn(3) ? chance.pick(edges) &+ chance.next() % 3 &- 1 : chance.next() % 5_000_000_000_000
      if count == 10, chance.oneIn(2) { number %= 5_000_000_000 }
      var digits = Array(String(repeating: "0", count: 20).utf8) + Array("\(number)".utf8)
      digits = Array(digits.suffix(count))
      if chance.oneIn(5) { digits[chance.small(in: 0...(count - 1))] = UInt8(truncatingIfNeeded: chance.next()) }
      let due: Int64? = {
        guard digits.allSatisfy({ 0x30...0x39 ~= $0 }), digits[0] != 0x30 else { return nil }
        let whole = digits.reduce(Int64(0)) { $0 * 10 + Int64($1 - 0x30) }
        let time = count == 10 ? whole * 1_000 : whole
        return 946_684_800_000 <= time && time < 4_102_444_800_000 ? time : nil
      }()
      let found = unsafe digits.withUnsafeBytes { text -> Int64? in
        do throws(TimeFault) { return try unsafe TimeReader().read(text) } catch { return nil }
      }
      // With a sign, blanks or a point in it, other rules say what it is.
      if due != nil || digits.allSatisfy({ 0x30...0x39 ~= $0 }) {
        #expect(found == due, "\(seed): \(String(decoding: digits, as: UTF8.self))")
      }
    }
  }
}

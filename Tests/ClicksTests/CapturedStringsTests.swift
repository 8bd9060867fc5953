import Clicks
import Testing

@Suite struct CapturedStringsTests {
  private func kept(_ text: [UInt8]) -> [UInt8] {
    var strings = ClickStrings()
    unsafe text.withUnsafeBytes { unsafe strings.add($0) }
    return CapturedStrings(.userAgent, of: strings).strings(at: 0)[0]
  }

  @Test func controlCharactersBecomeSpaces() {
    for byte in UInt8.min ... .max {
      let due = byte < 0x20 || byte == 0x7F ? 0x20 : byte
      #expect(kept([65, byte, 66]) == [65, due, 66], "byte \(byte)")
    }
    #expect(kept([]) == [])
  }

  /// What is longer than the limit is cut there, and a character of UTF-8 stays whole or goes.
  @Test(arguments: ["x", "é", "€", "😀"])
  func longStringsAreCutBetweenCharacters(_ character: String) {
    let size = character.utf8.count
    for lead in 0..<8 {
      let text = Array((String(repeating: "-", count: lead) + String(repeating: character, count: 1_100)).utf8)
      for count in [1_023, 1_024, 1_025, text.count] where count <= text.count {
        let found = kept(Array(text[..<count]))
        #expect(found == Array(text[..<found.count]))
        #expect(count <= 1_024 ? found.count == count : (1_025 - size...1_024).contains(found.count))
        if count == text.count { #expect((found.count - lead) % size == 0, "\(character), \(lead)") }
      }
    }
    // What is no UTF-8 is cut at the limit.
    #expect(kept([UInt8](repeating: 0xBF, count: 2_000)).count == 1_024)
  }

  @Test func severalClicksAreReadBack() {
    let clicks = [["a", ""], ["", "https://b"], ["", ""], [String(repeating: "c", count: 1_024), "d"]]
    var all = CapturedStrings(.all)
    for click in clicks { all.append(ClickStrings(click.map { Array($0.utf8) })) }
    all.append(nil)
    let due = clicks.map { $0.map { Array($0.utf8) } } + [[[], []]]
    #expect((0..<all.count).map { all.strings(at: $0) } == due)
    #expect(CapturedStrings(.all, all.bytes, count: 5) == all)
    #expect(all.part(1..<3).strings(at: 0) == due[1] && all.part(1..<3).count == 2)
    for count in [4, 6] { #expect(CapturedStrings(.all, all.bytes, count: count) == nil) }
    for size in 0..<all.bytes.count { #expect(CapturedStrings(.all, Array(all.bytes[..<size]), count: 5) == nil) }
    #expect(CapturedStrings(.referrer, [1, 4] + [UInt8](repeating: 65, count: 1_025), count: 1) == nil)
  }

  @Test func aLineHasThemOnlyWhereTheyAreCaptured() throws {
    func read(_ line: String, _ set: CaptureSet) throws(ClickLineFault) -> [[UInt8]] {
      let reader = ClickLineReader(captures: set)
      var result: Result<[[UInt8]], ClickLineFault> = .success([])
      let bytes = Array(line.utf8)
      unsafe bytes.withUnsafeBytes { raw in
        do throws(ClickLineFault) {
          let click = unsafe try reader.read(raw)
          result = .success(CapturedStrings(set, of: click.strings(set)).strings(at: 0))
        } catch { result = .failure(error) }
      }
      return try result.get()
    }
    let id = #""adId":"42","impressionId":"0123456789abcdef0123456789abcdef","time":1750000000"#
    let both = "{\(id),\"userAgent\":\"a\\u0000\\tb\",\"referrer\":\"https:\\/\\/c\"}"
    #expect(try read(both, .all) == [Array("a  b".utf8), Array("https://c".utf8)])
    // What is not kept costs no click.
    #expect(try read(both, .userAgent) == [Array("a  b".utf8)])
    #expect(try read(both, []) == [])
    #expect(try read("{\(id),\"referrer\":null}", .all) == [[], []])
    #expect(throws: ClickLineFault.self) { try read("{\(id),\"referrer\":7}", .all) }
    #expect(throws: ClickLineFault.self) { try read("{\(id),\"referrer\":\"\",\"referrer\":\"\"}", .all) }
  }
}

import Bytes
import Testing

@Suite struct ControlTextTests {
  @Test(arguments: [
    ("", ""), ("plain, é € 😀\tx\n", "plain, é € 😀\tx\n"),
    ("\u{1B}]0;x\u{7}", "\\x1B]0;x\\x07"), ("a\r\u{0}b", "a\\x0D\\x00b"),
    ("\u{7F}\u{9B}31m", "\\x7F\\x9B31m"), ("\u{202E}cba\u{2066}", "\\u{202E}cba\\u{2066}"), ("£”", "£”"),
  ])
  func controlCharactersAreShown(_ text: String, _ shown: String) {
    #expect(ControlText.escaped(text) == shown)
  }
}

import HTTP
import Testing

/// What is told of addresses beside their text.
@Suite struct SocketAddressTests {
  private func address(_ text: String) throws -> SocketAddress { try SocketAddress.resolve(text) }

  @Test func aNetworkIsAnAddressOrThe64OfOne() throws {
    let same = try address("[2001:db8:1:2::1]:80").network
    #expect(try address("[2001:db8:1:2:ffff::9]:443").network == same && same == 0x2001_0DB8_0001_0002)
    #expect(try address("[2001:db8:1:3::1]:80").network != same)
    #expect(try address("192.0.2.7:80").network == 0xC000_0207 && address("192.0.2.7:81").network == 0xC000_0207)
    #expect(try address("[::ffff:192.0.2.7]:80").network == 0xC000_0207)
    #expect(try address("192.0.2.8:80").network != 0xC000_0207)
  }

  @Test func loopbackIsThisMachine() throws {
    for (text, isLoopback) in [
      ("127.0.0.1:1", true), ("127.9.9.9:1", true), ("[::1]:1", true), ("0.0.0.0:1", false), ("[::]:1", false),
      ("128.0.0.1:1", false), ("[::2]:1", false), ("[fe80::1]:1", false),
    ] {
      #expect(try address(text).isLoopback == isLoopback, "\(text)")
    }
  }
}

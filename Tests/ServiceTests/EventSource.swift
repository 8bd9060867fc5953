import FoundationEssentials
import Glibc
import JSON
import Platform
import Service
import Testing

/// A client of server-sent events: the stream's events as they come.
final class EventSource {
  struct Point: Decodable, Equatable {
    var minute: String
    var clicks: Int
    var status: String
    var adId: String?
    var campaignId: String?
  }

  /// One event as it came.
  struct Event {
    var name: String
    var id: String?
    var data: JSONValue
    /// Monotonic ns.
    var time: Int64
  }

  let descriptor: Int32
  private var bytes: [UInt8] = []
  private var hasHead = false
  private(set) var head = ""
  private(set) var lastID: String?
  private(set) var ended = false
  /// The newest point of each minute; of several groups under the group's name before it.
  private(set) var points: [String: Point] = [:]
  private(set) var events = 0
  private(set) var comments = 0
  /// Every event, those of points too.
  private(set) var all: [Event] = []

  /// Asks as the bearer of `token`, of the service's own without one, or with `cookie` alone.
  init(
    _ service: TestService, _ target: String, token: String? = nil, cookie: String? = nil, lastID: String? = nil,
    receiveBuffer: Int32 = 0
  ) throws {
    let wire = try Wire(service.address, seconds: 1)
    descriptor = dup(wire.descriptor)
    if receiveBuffer > 0 {
      var size = receiveBuffer
      unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4)
    }
    let resume = lastID.map { "Last-Event-ID: \($0)\r\n" } ?? ""
    let who =
      cookie.map { "Cookie: \($0)\r\nSec-Fetch-Site: same-origin" } ?? "Authorization: Bearer \(token ?? service.token)"
    wire.send("GET \(target) HTTP/1.1\r\nHost: t\r\n\(who)\r\n\(resume)\r\n")
  }

  deinit { close(descriptor) }

  /// Takes what comes within `seconds`, or until `condition` holds.
  @discardableResult
  func read(_ seconds: Double = 3, until condition: (EventSource) -> Bool) -> Bool {
    let deadline = KernelTime().monotonic() + Int64(seconds * 1e9)
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while !condition(self) {
      if ended || KernelTime().monotonic() > deadline { return false }
      var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard unsafe poll(&entry, 1, 50) > 0 else { continue }
      let count = unsafe chunk.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) }
      if count <= 0 {
        ended = true
      } else {
        bytes += chunk[..<count]
        parse()
      }
    }
    return true
  }

  /// Reads the head, then whole chunks; each is whole events.
  private func parse() {
    if !hasHead {
      guard let end = end(of: "\r\n\r\n", from: 0) else { return }
      head = String(decoding: bytes[..<end], as: UTF8.self)
      bytes.removeFirst(end)
      hasHead = true
    }
    while let line = end(of: "\r\n", from: 0) {
      guard let size = Int(String(decoding: bytes[..<(line - 2)], as: UTF8.self), radix: 16),
        bytes.count >= line + size + 2
      else { return }
      if size == 0 { ended = true }
      let text = String(decoding: bytes[line..<line + size], as: UTF8.self)
      for block in text.split(separator: "\n\n") { take(block) }
      bytes.removeFirst(line + size + 2)
    }
  }

  private func take(_ block: Substring) {
    var (name, id) = ("message", String?.none)
    for field in block.split(separator: "\n") {
      if field.hasPrefix(":") { comments += 1 }
      if field.hasPrefix("event: ") { name = String(field.dropFirst(7)) }
      if field.hasPrefix("id: ") { id = String(field.dropFirst(4)) }
      guard field.hasPrefix("data: ") else { continue }
      guard let data = try? JSONReader.read(Array(field.dropFirst(6).utf8)) else {
        preconditionFailure("no data: \(field)")
      }
      take(Event(name: name, id: id, data: data, time: KernelTime().monotonic()))
    }
  }

  private func take(_ event: Event) {
    if let id = event.id { lastID = id }
    all.append(event)
    switch event.name {
    case "point": put(event.data)
    case "points":
      guard case .array(let list)? = event.data["points"] else { preconditionFailure("no points: \(event)") }
      list.forEach(put)
    default: break
    }
  }

  private func put(_ data: JSONValue) {
    guard let point = try? JSONDecoder().decode(Point.self, from: Data(data.encoded())) else {
      preconditionFailure("no point: \(data)")
    }
    let group = point.adId ?? point.campaignId
    points[group.map { "\($0) \(point.minute)" } ?? point.minute] = point
    events += 1
  }

  private func end(of text: StaticString, from start: Int) -> Int? {
    let wanted = Array("\(text)".utf8)
    guard bytes.count >= wanted.count else { return nil }
    for i in start...(bytes.count - wanted.count) where bytes[i..<i + wanted.count].elementsEqual(wanted) {
      return i + wanted.count
    }
    return nil
  }

  var total: Int { points.values.reduce(0) { $0 + $1.clicks } }

  /// The events of one name.
  func all(_ name: String) -> [Event] { all.filter { $0.name == name } }

  /// Clicks of one group, over all minutes.
  func total(of group: String) -> Int {
    points.reduce(0) { $0 + ($1.key.hasPrefix(group + " ") ? $1.value.clicks : 0) }
  }
}

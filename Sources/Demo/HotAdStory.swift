import Clicks
import HTTP
import JSON
import Platform
import Traffic

// The viral ad of a long demo: it gets half of all clicks until it is hot and spread over the shards, then nearly none until
// it is cold again, and the traffic ends a while after that. Its impressions go through both borders meanwhile: each counts
// once, wherever it went.
//
//     rush ─ hot, and its interval has begun ─▶ spread ─ ten seconds ─▶ quiet ─ cold, and its interval has ended ─▶ after ─▶ done

/// Steers the viral ad's clicks by what the server says of it.
final class HotAdStory {
  private enum Chapter { case rush, spread, quiet, after, done }

  private let mix: BrowserMix
  private let viral: AdID
  private let token: String
  private let print: (String) -> Void
  private let time = KernelTime()
  private var chapter = Chapter.rush
  private var next: Int64 = 0
  private var turns: Int64 = 0
  /// Whether the ad was seen to turn hot and cold.
  private(set) var hasTurned = (hot: false, cold: false)

  /// Clicks of the viral ad while it is to be hot, and while it is to be cold.
  private static let shares = (hot: 0.5, cold: 0.005)
  /// Seconds after which a chapter that does not come is given up.
  private static let patience: Int64 = 240

  init(_ mix: BrowserMix, viral: AdID, token: String, print: @escaping (String) -> Void) {
    self.mix = mix
    self.viral = viral
    self.token = token
    self.print = print
    turns = time.monotonic()
    mix.setViral(Self.shares.hot)
  }

  var isDone: Bool { chapter == .done }

  /// What the server says of an ad that many click.
  private struct Row {
    var isHot: Bool
    var clicksPerSecond: Int
    /// The borders of its newest hot interval, ms since 1970.
    var from: Int64?
    var to: Int64?
  }

  /// Looks at the server, at most once a second. `admin` is where its operators' interface is.
  func turn(_ admin: String) {
    let now = time.monotonic()
    guard chapter != .done, now >= next else { return }
    next = now + 1_000_000_000
    if chapter != .after, now - turns > Self.patience * 1_000_000_000 {
      print("       \(viral) did not turn within \(Self.patience) s")
      return end()
    }
    guard let row = look(admin) else { return }
    let wall = time.wall()
    switch chapter {
    case .rush:
      guard row.isHot, let from = row.from else { return }
      if !hasTurned.hot {
        print("       \(viral) is hot at \(NumberText.grouped(row.clicksPerSecond)) clicks/s:")
        print("       spread over the shards from \(Timestamp.format(from)) on")
      }
      hasTurned.hot = true
      if wall > from { go(to: .spread, now, "\(viral)'s impressions go to all shards now") }
    case .spread:
      if now - turns > 10_000_000_000 {
        mix.setViral(Self.shares.cold)
        go(to: .quiet, now, "\(viral) is left alone")
      }
    case .quiet:
      guard !row.isHot, let to = row.to else { return }
      if !hasTurned.cold {
        print("       \(viral) is cold:")
        print("       back in one shard from \(Timestamp.format(to)) on")
      }
      hasTurned.cold = true
      if wall > to { go(to: .after, now, "\(viral)'s impressions go to its home again") }
    case .after: if now - turns > 3_000_000_000 { end() }
    case .done: break
    }
  }

  private func go(to chapter: Chapter, _ now: Int64, _ words: String) {
    self.chapter = chapter
    turns = now
    print("       \(words)")
  }

  private func end() {
    chapter = .done
    mix.stopNew()
  }

  /// What the server says of the ad; nil while it does not answer, or has seen too little of it.
  private func look(_ admin: String) -> Row? {
    guard
      let response = try? HTTPClient(admin).request(
        "GET", "/admin/v1/hot-ads", headers: [("Authorization", "Bearer \(token)")]), response.status == 200,
      let answer = try? JSONReader.read(response.body),
      let row = answer["hotAds"]?.elements.first(where: { $0["adId"]?.text == viral.text }),
      let rate = row["clicksPerSecond"]?.integer
    else { return nil }
    let newest = row["intervals"]?.elements.last
    func time(_ name: String) -> Int64? { newest?[name]?.text.flatMap { Timestamp.parse($0) } }
    return Row(isHot: row["hot"] == .bool(true), clicksPerSecond: rate, from: time("from"), to: time("to"))
  }
}

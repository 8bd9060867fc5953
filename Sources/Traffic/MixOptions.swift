import Clicks

/// What the generated browsers do, as shares of all scripted requests.
package struct MixOptions: Sendable {
  /// Scripted requests; retries of what was not answered come on top. `Int.max` goes on until `stopNew`.
  package var total = 20_000
  /// Active ads beside the viral one, spread by Zipf's law.
  package var ads = 200
  package var exponent = 1.0
  /// The viral ad's part of the clicks.
  package var viral = 0.2
  /// Earlier impressions clicked again, sometimes with the id in its other spelling.
  package var repeats = 0.03
  /// New impressions sent two to four times at once, on as many connections.
  package var bursts = 0.005
  /// Signatures with another digit, and by another key (half of the share each); cut signatures; missing parameters.
  package var forged = 0.01
  package var truncated = 0.005
  package var malformed = 0.005
  /// Ads that are not in the catalog, and ads that are paused.
  package var unknownAds = 0.01
  package var pausedAds = 0.01
  /// HEAD requests and prefetches; half of these impressions are clicked right after.
  package var heads = 0.01
  package var prefetches = 0.02
  /// Robots that say so; half of these impressions are clicked right after.
  package var robots = 0.0
  /// Clicks whose impression id carries no minting time.
  package var untimed = 0.02
  /// The part of the unknown impressions that is sent again until it settles. The rest stays unknown.
  package var retries = 1.0
  /// Sends of one unknown impression before it is left alone.
  package var attempts = 200
  /// What ad ids begin with.
  package var prefix = "ad"

  package init() {}
}

/// An ad that the server must know before the traffic starts.
package struct AdEntry: Hashable, Sendable {
  package var id: AdID
  package var isPaused: Bool
  /// The ad's target.
  package var redirectURL: String { "https://example.com/landing/\(id)" }
}

import Clicks
import Query
import Shards

// One selection of ads that streams watch, however many they are: what has changed in it is gathered and read once a round for all of
// them. Only rows that clicks or recounts touched are looked at, whatever the number of ads:
//
//   touched rows ─▶ group of their ad ─▶ fresh (group, minute) ─▶ once a second: read whole values ─▶ one event for all streams
//
//   invariant: each ad of `groups` is in one group, and `numbers` has the number of each group by its name

/// Which ads, and how they are put together: streams that agree in it share a watch.
struct WatchKey: Hashable, Sendable {
  var selection: AdSelection
  var grouping: Grouping
}

/// What all streams over one selection share. Belongs to the publisher's thread.
final class Watch {
  let key: WatchKey
  private(set) var groups: [Group] = []
  private var numbers: [String: Int32] = [:]
  var streams: [WatchStream] = []
  /// Rows that have changed and that nobody was told of.
  var fresh: Set<WatchedRow> = []
  /// Events of recounts for the next round, and how many.
  var corrections: [UInt8] = []
  var correctionCount = 0
  /// Why every stream has to ask for everything anew; nil: none has to.
  var loss: WatchLoss?
  /// When streams were told something last, monotonic ns; nil: never.
  var lastRound: Int64?
  /// How far time is closed and recounted; nil: it has to be looked up.
  var times: WatchTimes?
  /// The same, as streams were told.
  var told: WatchTimes?

  struct Group {
    /// One of its ads, which says what tells the group apart.
    var ad: SelectedAd
    var ads: [AdKey]
    /// As `Grouping.prefix` writes it.
    var prefix: String
  }

  /// Rows that wait to be told; of more than these nobody is told one by one.
  static let freshLimit = 200_000
  /// Events of recounts in a round; of more nobody is told one by one.
  static let correctionLimit = 500

  init(_ key: WatchKey) { self.key = key }

  /// Takes an ad in, which is in no group; the number of its group.
  func add(_ ad: SelectedAd) -> Int32 {
    times = nil
    let name = key.grouping.name(of: ad)
    if let number = numbers[name] {
      groups[Int(number)].ads.append(ad.key)
      return number
    }
    let number = Int32(groups.count)
    numbers[name] = number
    groups.append(Group(ad: ad, ads: [ad.key], prefix: key.grouping.prefix(of: ad)))
    return number
  }

  /// Takes an ad out of its group.
  func remove(_ ad: AdKey, from group: Int32) {
    times = nil
    groups[Int(group)].ads.removeAll { $0 == ad }
  }

  /// Notes that a row has changed.
  func note(_ group: Int32, _ minute: Minute) {
    guard loss == nil else { return }
    fresh.insert(WatchedRow(group: group, minute: minute))
    if fresh.count > Self.freshLimit { lose(.tooMuch) }
  }

  /// From now on every stream has to ask for everything anew.
  func lose(_ loss: WatchLoss) {
    self.loss = self.loss ?? loss
    fresh = []
    corrections = []
    correctionCount = 0
  }
}

/// Why a client has to ask for everything anew: the reason of an event `reset`.
enum WatchLoss: String, Sendable {
  /// What it has seen is too long ago, or of another process.
  case since
  /// A recount, a seal or a repair has changed counts in a way that is not told one by one.
  case recount
  /// Ads with clicks have come into the selection, or left it.
  case selection
  /// It reads too slowly.
  case slow
  /// More has changed, or there is more to begin with, than is told one by one.
  case tooMuch = "too-much"
}

/// How far the time of a selection is closed and recounted.
struct WatchTimes: Equatable, Sendable {
  var completeThrough: Minute
  var reconciledThrough: Minute

  /// Members of a JSON object, `,` behind each.
  var members: String {
    func text(_ minute: Minute) -> String { minute.index > 0 ? "\"\(minute)\"" : "null" }
    return "\"completeThrough\":\(text(completeThrough)),\"reconciledThrough\":\(text(reconciledThrough)),"
  }
}

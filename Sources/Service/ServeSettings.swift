import Clicks
import HTTP
import Store

/// Everything `serve` can be told, as plain values with their defaults. Durations are nanoseconds unless a name says
/// otherwise, sizes bytes. The ranges are checked where users give the values (`SettingsTable`).
package struct ServeSettings: Sendable {
  /// What a click with a wrong signature gets.
  package enum OnBadSignature: String, Sendable, CaseIterable {
    /// 403.
    case reject
    /// The ad's own redirect, uncounted.
    case redirect
  }

  /// What becomes of the process when the log cannot be written any more.
  package enum OnLogFailure: String, Sendable, CaseIterable {
    /// It goes on to redirect, uncounted.
    case redirect
    /// It ends.
    case exit
  }

  /// Whose clicks are redirected and not counted since they say that they are robots.
  package enum Bots: Equatable, Sendable {
    /// Those of the list that Tally comes with.
    case builtin
    /// Those of a file; see `BotList`.
    case file(String)
    /// Nobody's.
    case off
  }

  /// Which listener has the dashboard.
  package enum DashboardPlace: String, Sendable, CaseIterable {
    /// The one of clicks and API.
    case `public`
    /// The one of metrics and administration.
    case admin
    /// None.
    case off
  }

  /// The directory that holds everything; made on the first start.
  package var dataDirectory = "./data"
  /// `HOST:PORT` of clicks and API; port 0 picks a free one.
  package var listen = "127.0.0.1:8080"
  /// `HOST:PORT` of metrics and administration.
  package var adminListen = "127.0.0.1:8081"
  /// Shards of a new store.
  package var shards = 2
  /// Clicks a second from which an ad is spread over all shards; 0: none ever is.
  package var hotThreshold: Int64 = 1_000
  /// Event loops, each a thread.
  package var loops = 1
  /// Least time between two syncs of a shard's log while few clicks come, ns; half of `commitDeadline` at most counts.
  package var commitInterval: Int64 = 3_000_000
  /// A click that waits longer for its sync is answered `unknown`.
  package var commitDeadline: Int64 = 1_000_000_000
  /// Which event and minting times a click may have.
  package var eventTimes = EventTimeLimits()
  /// Strings that are kept with each click.
  package var capture: CaptureSet = []
  package var bots = Bots.builtin
  package var onBadSignature = OnBadSignature.reject
  /// Where clicks on unknown ads are sent, uncounted; nil answers 404.
  package var unknownAdURL: String?
  package var onLogFailure = OnLogFailure.redirect
  /// The longest body of a request.
  package var maxBody = 64 << 20
  /// The longest body of a batch of clicks, which is never in memory whole.
  package var maxBatch = 16 << 30
  /// Batches under way at once; one more is answered 503.
  package var maxBatches = 32
  /// Threads that read batches.
  package var batchWorkers = 1
  /// How long a batch waits for room in the log, or for an answer of it, before it is answered 503.
  package var batchPatience: Int64 = 5_000_000_000
  /// Bytes that requests and answers may hold in memory, of all loops together. One body may have a quarter of it.
  package var maxBuffered = 256 << 20
  /// Connections of the admin listener, which the others do not take away.
  package var maxAdminConnections = 64
  package var dashboard = DashboardPlace.public
  /// Where the chart library is.
  package var dygraphsDirectory = "/usr/share/javascript/dygraphs"
  /// A directory with the dashboard's files, which are read at each request; nil serves those inside the program.
  package var dashboardDirectory: String?
  /// Origins whose pages may read the API with a bearer token, as browsers write them.
  package var corsOrigins: Set<String> = []
  /// What links in answers begin with, without a slash at the end; nil for the host that a request names.
  package var publicURL: String?
  /// Names, in lower case, by which the admin listener is addressed beside addresses and `localhost`.
  package var adminHosts: [String] = []
  /// A click that waits longer for its ad's look-up is answered 503, uncounted.
  package var lookupDeadline: Int64 = 2_000_000_000
  /// Descriptors that the process may have; nil leaves connections to their own bound.
  package var descriptorLimit: Int?
  /// Streams of live points at once; one more is answered 503.
  package var maxStreams = 256
  /// Silence after which a stream says that it is alive.
  package var streamKeepAlive: Int64 = 15_000_000_000
  /// A stream ends after this long, so that a revoked token is noticed when its client comes back.
  package var streamLifetime: Int64 = 900_000_000_000
  /// Between two times at which the uses of tokens are written to the catalog.
  package var tokenUseInterval: Int64 = 60_000_000_000
  /// For requests under way when the server is told to stop.
  package var drainTimeout: Int64 = 10_000_000_000
  /// Whether answers to clicks name their verdict (`X-Tally-Verdict`) and event time (`X-Tally-Time`).
  package var verdictHeader = false
  /// When everything that raw clicks are kept of is recounted; nil for never.
  package var reconcileSchedule = try? ScheduleText.read("17 3 * * *")
  /// The scheduled recount begins up to this much later, ms.
  package var reconcileJitter: Int64 = 60_000
  /// Memory of each loop for ads.
  package var catalogCache = 64 << 20
  /// How fast the rows of the catalog are checked.
  package var catalogPace = CatalogCheckPace()
  /// Log slots, dedup horizon, lateness, retention, disk reserve, the clock; maintenance keeps to a budget.
  package var shardOptions = ServeSettings.servingOptions
  /// Connections, sizes and times of HTTP.
  package var loopSettings = LoopSettings()

  package init() {}

  private static let servingOptions: ShardOptions = {
    var options = ShardOptions()
    options.budget = .serving
    options.mergesWhenIdle = true
    options.keepsVerdicts = true
    return options
  }()
}

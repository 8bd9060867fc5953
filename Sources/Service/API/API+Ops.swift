import Catalog
import Clicks
import HTTP
import JSON
import Shards
import Store

// What the operations page shows, on the public listener too, scope `admin`: it reads and changes nothing, and verbs stay on the
// admin listener. GET /api/v1/ops/summary, and the same once a second from /api/v1/ops/stream.

extension API {
  /// Ads and jobs that are shown.
  private static let shownAds = 10
  private static let shownJobs = 20

  func opsSummary(_ request: APIRequest) throws(Problem) -> APIResponse {
    _ = try request.values()
    return .json(200, try summary())
  }

  func opsStream(_ request: APIRequest, _ grant: Grant) throws(Problem) -> Outcome {
    _ = try request.values()
    _ = try running()
    return .summaries(grant)
  }

  /// Members that nothing is known of are left out.
  func summary() throws(Problem) -> JSONValue {
    let operations = try running()
    let context = operations.context
    let rates = context.operationsBoard?.rates ?? OpsRates([], smoothing: 0)
    let around = context.operationsBoard?.surroundings ?? OpsBoard.Surroundings()
    let reasons = context.unreadiness
    var members: [JSONValue.Member] = [
      .init("ready", .bool(reasons.isEmpty)), .init("reasons", .array(reasons.map { .string($0) })),
      .init("version", .string(tallyVersion)), .init("startedAt", .string(Timestamp.format(context.started))),
      .init("countingSince", .string(Timestamp.format(context.storeCreated))),
      .init("alarms", around.alarms.json),
      .init("clicksPerSecond", .integer(rates.clicks)),
      .init("rates", .array(rates.history.map { .integer($0) })),
    ]
    if let commit = rates.commitP99() { members.append(.init("commitP99Seconds", Self.seconds(commit))) }
    members += [
      .init("commitHistory", .array(rates.commitHistory.map { Self.seconds($0) })),
      .init("balance", Self.balance(context)),
      .init("files", around.files.json),
    ]
    let shards = context.cores.indices.map { shard in
      Self.figures(shard, context, rates)
    }
    let behind = context.cores.map { Self.behind($0) }.max() ?? 0
    members += [
      .init("behindSeconds", Self.seconds(behind * 1_000_000)),
      .init("closesAfterSeconds", .integer(context.settings.shardOptions.allowedLateness / 1_000)),
      .init("shards", .array(shards)),
      .init("jobs", .array(operations.jobs.all.prefix(Self.shownJobs).map { Self.shown($0, now: clock()) })),
      .init("hotAds", .array(try heaviest(operations.hotAds))),
      .init(
        "answers", .object(rates.answers.map { JSONValue.Member($0.verdict.name, .integer($0.rate)) })),
    ]
    if let recount = operations.jobs.all.first(where: { $0.kind == .reconcile && $0.state == .done }),
      let result = recount.result, let finished = recount.finished
    {
      members.append(
        .init(
          "recount",
          .object([
            "ended": .string(Timestamp.format(finished)), "from": result["from"] ?? .null,
            "rows": result["rowsChecked"] ?? .integer(0), "corrected": result["rowsCorrected"] ?? .integer(0),
            "change": .integer(Self.number(result["clicksAdded"]) - Self.number(result["clicksRemoved"])),
          ])))
    }
    return .object(members)
  }

  private static func figures(_ shard: Int, _ context: ServiceContext, _ rates: OpsRates) -> JSONValue {
    let core = context.cores[shard]
    let position = core.live.summary.position
    let disk = context.disks.disks[shard]
    var members: [JSONValue.Member] = [
      .init("shard", .integer(shard)), .init("clicksPerSecond", .integer(rates.clicks(shard))),
      .init("logBytes", .integer((position - min(position, disk?.state.sealed ?? position)) * 40)),
      .init("behindSeconds", seconds(behind(core) * 1_000_000)),
      .init("commitP99Seconds", seconds(rates.commitP99(shard) ?? 0)),
    ]
    if let disk {
      let files = disk.state.files
      members += [
        .init("files", .integer(files.count)),
        .init("bytes", .integer(files.reduce(UInt64(0)) { $0 + UInt64($1.reference.bytes) })),
      ]
    }
    return .object(members)
  }

  /// Double entry of all shards: what was accepted, and by how many clicks the other side differs.
  private static func balance(_ context: ServiceContext) -> JSONValue {
    let books = context.conditions.map(\.maintenance.books)
    return .object([
      "answered": .integer(books.reduce(0) { $0 + $1.accepted }),
      "difference": .integer(books.reduce(0) { $0 + Int64(clamping: $1.drift.magnitude &+ $1.baseDrift.magnitude) }),
    ])
  }

  /// How far event time is behind the clock, ms.
  private static func behind(_ core: ShardCore) -> Int64 {
    let now = core.clock.now()
    let event = core.watermark.value(at: now)
    return event > 0 ? max(0, now - event) : 0
  }

  private static func shown(_ job: Job, now: Int64) -> JSONValue {
    var members: [JSONValue.Member] = [
      .init("id", .string(job.id)), .init("kind", .string(job.kind.rawValue)),
      .init("state", .string(job.state.rawValue)),
    ]
    if let error = job.error { members.append(.init("detail", .string(error))) }
    if let finished = job.finished { members.append(.init("ended", .string(Timestamp.format(finished)))) }
    if job.state == .running, let total = job.total, total > 0 {
      let part = min(1, Double(job.steps) / Double(total))
      members.append(.init("progress", .number("\((part * 1_000).rounded() / 1_000)")))
      if part > 0.01, let started = job.started {
        members.append(.init("secondsLeft", .integer(Int64(Double(now - started) * (1 - part) / part / 1_000))))
      }
    }
    return .object(members)
  }

  private func heaviest(_ hotAds: HotAds) throws(Problem) -> [JSONValue] {
    let table = hotAds.board.table
    let busiest = hotAds.status.rates.sorted { $0.rate > $1.rate }.prefix(Self.shownAds)
    var rows: [JSONValue] = []
    for (ad, rate) in busiest.map({ ($0.ad, $0.rate) }) {
      // A damaged row has no name that could be believed.
      let known = try? catalog.ad(ad, includingDeleted: true)
      rows.append(
        .object([
          "adId": .optional(known?.id.text), "clicksPerSecond": .integer(Int64(rate.rounded())),
          "hot": .bool(table.hot[ad]?.last?.isOpen ?? false),
        ]))
    }
    return rows
  }

  /// Nanoseconds as seconds, to the microsecond.
  private static func seconds(_ nanoseconds: Int64) -> JSONValue {
    .number("\((Double(nanoseconds) / 1e3).rounded() / 1e6)")
  }

  private static func number(_ value: JSONValue?) -> Int64 {
    if case .number(let text)? = value { Int64(text) ?? 0 } else { 0 }
  }
}

import Clicks
import HTTP
import JSON
import Platform
import Service
import Store
import Testing

extension TestService {
  /// Changes rows of an ad by what no click says, while the server is stopped; by minute, as ms since 1970. Minutes that are closed
  /// must have been written before.
  func plant(_ ad: String, _ changes: [Int64: Int64]) throws {
    stop()
    let store = try Store.open(environment, dataDirectory, shards: settings.shards, options: settings.shardOptions)
    for shard in store.shards { try shard.maintenance.settle() }
    let key = AdKey(try #require(AdID(ad)))
    let shard = try #require(store.shards.first { $0.live.hasClicks(key) })
    try shard.maintenance.plant(changes.map { (ad: key, bucket: $0.key / 60_000, change: $0.value) })
    #expect(store.close() == nil)
    try start()
  }

  /// Lets the server do a job, and waits for its end. Returns what came of it.
  @discardableResult
  func job(_ kind: String, _ body: String = "") throws -> JSONValue {
    let asked = try api("POST", "/admin/v1/\(kind)", body, admin: true)
    try #require(asked.status == 202, "\(asked.text)")
    let place = try #require(asked.header("Location"))
    var job = try JSONReader.read(asked.body)
    let isOver = try eventually(20) {
      job = try JSONReader.read(try api("GET", place, admin: true).body)
      return job["state"] == "done" || job["state"] == "failed"
    }
    #expect(isOver && job["state"] == "done", "\(String(decoding: job.encoded(), as: UTF8.self))")
    return job["result"] ?? .null
  }
}

extension OpenAPI {
  /// The operations page.
  static let ops = #"""
    "/api/v1/ops/summary":{
      "get":{"operationId":"opsSummary","tags":["sessions"],"security":[{"token":[]},{"session":[]}],"summary":"How the service is, in one document",
        "description":"Scope admin. It reads; verbs are on the admin listener. What nothing is known of is left out.",
        "responses":{
          "200":{"description":"The summary.","content":{"application/json":{"schema":{"$ref":"#/components/schemas/OpsSummary"}}}},
          "400":{"$ref":"#/components/responses/Problem"},"401":{"$ref":"#/components/responses/Unauthorized"},
          "403":{"$ref":"#/components/responses/Forbidden"}}}},
    "/api/v1/ops/stream":{
      "get":{"operationId":"opsStream","tags":["sessions"],"security":[{"token":[]},{"session":[]}],"summary":"The summary once a second, as server-sent events",
        "description":"Scope admin. Events are called summary. 16 streams at once; one ends with its token or session, after 15 minutes, and when the service stops.",
        "responses":{
          "200":{"description":"Events until the end.","content":{"text/event-stream":{"schema":{"type":"object","description":"Of each event.","required":["event","data"],"properties":{"event":{"const":"summary"},"data":{"type":"string","contentMediaType":"application/json","contentSchema":{"$ref":"#/components/schemas/OpsSummary"}}}}}}},
          "400":{"$ref":"#/components/responses/Problem"},"401":{"$ref":"#/components/responses/Unauthorized"},
          "403":{"$ref":"#/components/responses/Forbidden"},"503":{"$ref":"#/components/responses/Problem"}}}}
    """#

  static let opsSchemas = #"""
    "OpsSummary":{"type":"object","required":["ready","reasons","version","startedAt","countingSince","alarms","commitHistory","balance","files","clicksPerSecond","rates","shards","jobs","hotAds","answers"],"properties":{
      "ready":{"type":"boolean"},"reasons":{"type":"array","items":{"type":"string"},"description":"Why it is not ready."},
      "version":{"type":"string"},"startedAt":{"type":"string","format":"date-time"},
      "countingSince":{"type":"string","format":"date-time","description":"When the store was made."},
      "alarms":{"type":"array","description":"What an operator has to look at.","items":{"type":"object","required":["text","since"],"properties":{"text":{"type":"string"},"since":{"type":"string","format":"date-time"}}}},
      "clicksPerSecond":{"type":"integer","description":"That became durable, over ten seconds."},
      "rates":{"type":"array","items":{"type":"integer"},"description":"The same of each second of the last minute, the oldest first."},
      "commitP99Seconds":{"type":"number","description":"99 of 100 commits of the last minute took no longer; the upper end of a power of two."},
      "commitHistory":{"type":"array","items":{"type":"number"},"description":"The same of each second of the last minute, the oldest first; 0 where there was no commit."},
      "balance":{"type":"object","description":"Double entry, at the last change of files.","required":["answered","difference"],"properties":{
        "answered":{"type":"integer","description":"Clicks that were accepted."},"difference":{"type":"integer","description":"Clicks that the tables have too many or too few; 0 where the books balance."}}},
      "files":{"type":"array","description":"Files by what they hold and how old that is.","items":{"type":"object","required":["kind","age","files","bytes"],"properties":{
        "kind":{"type":"string"},"age":{"enum":["under a day","under a week","under a month","older","every age"]},"files":{"type":"integer"},"bytes":{"type":"integer"}}}},
      "behindSeconds":{"type":"number","description":"How far event time is behind the clock."},
      "closesAfterSeconds":{"type":"integer","description":"A minute closes so long after its end."},
      "shards":{"type":"array","items":{"type":"object","required":["shard","clicksPerSecond","logBytes","behindSeconds","commitP99Seconds"],"properties":{
        "shard":{"type":"integer"},"clicksPerSecond":{"type":"integer"},
        "logBytes":{"type":"integer","description":"Of the clicks that are in the log alone, 40 each."},
        "behindSeconds":{"type":"number"},"commitP99Seconds":{"type":"number"},"files":{"type":"integer"},"bytes":{"type":"integer"}}}},
      "jobs":{"type":"array","description":"Those of this start, the newest first.","items":{"type":"object","required":["id","kind","state"],"properties":{
        "id":{"type":"string"},"kind":{"type":"string"},"state":{"type":"string"},"detail":{"type":"string"},
        "progress":{"type":"number"},"secondsLeft":{"type":"integer"},"ended":{"type":"string","format":"date-time"}}}},
      "hotAds":{"type":"array","description":"The busiest ads.","items":{"type":"object","required":["adId","clicksPerSecond","hot"],"properties":{
        "adId":{"type":["string","null"]},"clicksPerSecond":{"type":"integer"},"hot":{"type":"boolean","description":"It is in all shards."}}}},
      "recount":{"type":"object","description":"The last one of this start.","required":["ended","from","rows","corrected","change"],"properties":{
        "ended":{"type":"string","format":"date-time"},"from":{"type":["string","null"]},"rows":{"type":"integer"},
        "corrected":{"type":"integer"},"change":{"type":"integer","description":"Clicks."}}},
      "answers":{"type":"object","description":"Requests to /click a second, by verdict.","additionalProperties":{"type":"integer"}}}}
    """#
}

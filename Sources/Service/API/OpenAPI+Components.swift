extension OpenAPI {
  static let components = #"""
    {"securitySchemes":{"session":{"type":"apiKey","in":"cookie","name":"tally_session","description":"Set by POST /session; tally_share of a share link."},"token":{"type":"http","scheme":"bearer","description":"Scopes: read, ingest, mint, ads, admin, trusted, history; admin includes the others. trusted lets a token with ingest send clicks without a signature, history clicks older than the maximum lateness."}},
    "headers":{"ETag":{"schema":{"type":"string"},"description":"For If-None-Match. Of a series it is weak: asOf may differ."}},
    "parameters":{\#(sessionParameters),
      "AdId":{"name":"adId","in":"path","required":true,"schema":{"$ref":"#/components/schemas/Name"}},
      "AdvertiserId":{"name":"advertiserId","in":"query","description":"Ads of this advertiser alone. The default of a token that is bound to one.","schema":{"$ref":"#/components/schemas/Name"}},
      "CampaignId":{"name":"campaignId","in":"query","description":"Ads of this campaign alone.","schema":{"$ref":"#/components/schemas/Name"}},
      "AdIds":{"name":"adId","in":"query","description":"These ads alone, with commas between them.","schema":{"type":"string"},"example":"42,43"},
      "Cursor":{"name":"cursor","in":"query","description":"next of the page before; the query must be the same otherwise, but for limit and format.","schema":{"type":"string"}},
      "IfNoneMatch":{"name":"If-None-Match","in":"header","schema":{"type":"string"}}},
    "responses":{
      "NotModified":{"description":"What the client has is still right."},
      "ClickProblem":{"description":"What is wrong, as a short page where Accept prefers text/html.","headers":{"X-Request-Id":{"description":"Names the request; one that came with it is taken over.","schema":{"type":"string"}}},"content":{"application/problem+json":{"schema":{"$ref":"#/components/schemas/Problem"}},"text/html":{"schema":{"type":"string"}}}},
      "Problem":{"description":"What is wrong.","content":{"application/problem+json":{"schema":{"$ref":"#/components/schemas/Problem"}}}},
      "Unauthorized":{"description":"No token, or one that is unknown, revoked or expired.","headers":{"WWW-Authenticate":{"schema":{"type":"string"}}},"content":{"application/problem+json":{"schema":{"$ref":"#/components/schemas/Problem"}}}},
      "Forbidden":{"description":"The token lacks the scope, or is bound to another advertiser.","content":{"application/problem+json":{"schema":{"$ref":"#/components/schemas/Problem"}}}},
      "Job":{"description":"The job, which goes on by itself.","headers":{"Location":{"schema":{"type":"string"}}},"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Job"}}}},
      "Conflict":{"description":"It would contradict what is there.","content":{"application/problem+json":{"schema":{"$ref":"#/components/schemas/Problem"}}}}},
    "schemas":{\#(sessionSchemas),\#(linkSchemas),\#(opsSchemas),
      "Name":{"type":"string","pattern":"^[A-Za-z0-9_.-]{1,64}$"},
      "Scopes":{"type":"array","minItems":1,"items":{"enum":["read","ingest","mint","ads","admin"]}},
      "Problem":{"type":"object","required":["type","title","status","detail","code"],"properties":{
        "type":{"type":"string","format":"uri","description":"urn:tally:problem: and the code."},
        "title":{"type":"string"},"status":{"type":"integer"},"detail":{"type":"string"},"code":{"type":"string"},
        "requestId":{"type":"string"},
        "errors":{"type":"array","items":{"$ref":"#/components/schemas/Fault"}}}},
      "Fault":{"type":"object","required":["parameter","detail"],"properties":{"parameter":{"type":"string"},"detail":{"type":"string"}}},
      "AdInput":{"type":"object","additionalProperties":false,"required":["redirectUrl","advertiserId"],"properties":{
        "adId":{"$ref":"#/components/schemas/Name","description":"May repeat the one in the path."},
        "redirectUrl":{"type":"string","maxLength":2048,"description":"Absolute, http or https. {adId}, {impressionId} (as the link spells it) and {campaignId} in its path, query or fragment are filled in; any other brace is refused."},
        "advertiserId":{"$ref":"#/components/schemas/Name"},
        "campaignId":{"anyOf":[{"$ref":"#/components/schemas/Name"},{"type":"null"}]},
        "status":{"enum":["active","paused",null],"default":"active"},
        "fallbackUrl":{"type":["string","null"],"maxLength":2048,"description":"Where clicks go while the ad is paused; filled in like redirectUrl."},
        "passQuery":{"$ref":"#/components/schemas/PassQuery"},
        "createdAt":{"description":"Accepted, so that an answer can be put back; changes nothing."},
        "updatedAt":{"description":"Accepted, so that an answer can be put back; changes nothing."}}},
      "PassQuery":{"type":["array","null"],"maxItems":32,"items":{"type":"string","pattern":"^[A-Za-z0-9_.~:$\\[\\]-]+\\*?$","maxLength":64},"description":"Parameters of a click's request that are appended to redirectUrl or fallbackUrl, by name or by a prefix with * (never * alone, adId, impressionId, signature, kid). A name that the URL has already is not appended; what would make Location longer than 8192 bytes is left out.","examples":[["gclid","utm_*"]]},
      "Ad":{"type":"object","required":["adId","redirectUrl","advertiserId","campaignId","status","fallbackUrl","passQuery","createdAt","updatedAt"],"properties":{
        "adId":{"$ref":"#/components/schemas/Name"},"redirectUrl":{"type":"string"},
        "advertiserId":{"$ref":"#/components/schemas/Name"},"campaignId":{"type":["string","null"]},
        "status":{"enum":["active","paused"]},"fallbackUrl":{"type":["string","null"]},"passQuery":{"$ref":"#/components/schemas/PassQuery"},
        "createdAt":{"type":"string","format":"date-time"},"updatedAt":{"type":"string","format":"date-time"}}},
      "BatchReport":{"type":"object","required":["accepted","duplicate","rejectedCount","rejected"],"properties":{
        "accepted":{"type":"integer","description":"Clicks that count, on disk."},
        "duplicate":{"type":"integer","description":"Clicks that counted before."},
        "rejectedCount":{"type":"object","description":"All rejected lines by code: malformed, bad-signature, unknown-ad, paused, expired, too-old, in-future, unrecorded.","additionalProperties":{"type":"integer"}},
        "rejected":{"type":"array","maxItems":1000,"items":{"type":"object","required":["line","code","detail"],"properties":{
          "line":{"type":"integer","description":"From 1; blank lines count."},"code":{"type":"string"},"detail":{"type":"string"}}}},
        "ignoredMembers":{"type":"integer","description":"Members that the service does not know or does not keep; absent where there were none."}}},
      "ImportReport":{"type":"object","required":["created","updated","rejectedCount","rejected"],"properties":{
        "created":{"type":"integer"},"updated":{"type":"integer"},
        "rejectedCount":{"type":"object","description":"Rejected rows by code: invalid, key-collision, advertiser-fixed, row-damaged.","additionalProperties":{"type":"integer"}},
        "rejected":{"type":"array","items":{"type":"object","required":["line","code","detail","errors"],"properties":{
          "line":{"type":"integer"},"code":{"type":"string"},"detail":{"type":"string"},
          "errors":{"type":"array","items":{"$ref":"#/components/schemas/Fault"}}}}}}},
      "Series":{"type":"object","required":["adId","from","to","granularity","completeThrough","reconciledThrough","asOf","total","next","series"],"properties":{
        "adId":{"$ref":"#/components/schemas/Name"},
        "from":{"type":"string","format":"date-time","description":"The first minute, after rounding."},
        "to":{"type":"string","format":"date-time","description":"The minute after the last one, after rounding."},
        "granularity":{"enum":["minute","hour","day","week","month"]},
        "completeThrough":{"type":["string","null"],"format":"date-time","description":"Minutes before it are closed; null where none ever was."},
        "reconciledThrough":{"type":["string","null"],"format":"date-time","description":"Minutes before it were recounted from the raw clicks; null where none ever was."},
        "asOf":{"type":"string","description":"The position of each shard that the answer reflects.","examples":["0:8812345,1:8790021"]},
        "total":{"type":"integer","description":"Clicks of the whole range, not of this page alone, with the status that was asked for; without credits."},
        "credits":{"type":"integer","description":"Credits of the same range; left out where they come to 0."},
        "next":{"type":["string","null"],"description":"The cursor of the next page."},
        "series":{"type":"array","items":{"$ref":"#/components/schemas/Point"}}}},
      "Point":{"type":"object","description":"The time is named after the granularity.","required":["clicks","status"],"properties":{
          "minute":{"type":"string","format":"date-time"},"hour":{"type":"string","format":"date-time"},
          "day":{"type":"string","format":"date-time"},"week":{"type":"string","format":"date-time"},
          "month":{"type":"string","format":"date-time"},"clicks":{"type":"integer"},
          "status":{"enum":["provisional","closed","reconciled","sealed"],"description":"The lowest of its minutes. A reconciled point that a later click changes is closed again until the next recount. A sealed one never changes."},
          "credits":{"type":"integer","description":"What counts beside the clicks since the month was sealed, below zero where it takes some away; left out where it is 0."}}},
      "GroupedSeries":{"type":"object","required":["advertiserId","campaignId","groupBy","ads","from","to","granularity","completeThrough","reconciledThrough","asOf","total","next","series"],"properties":{
        "advertiserId":{"type":["string","null"],"description":"As it was asked for, or the token's."},"campaignId":{"type":["string","null"]},
        "groupBy":{"enum":["none","ad","campaign"]},"ads":{"type":"integer","description":"How many ads it is about."},
        "from":{"type":"string","format":"date-time"},"to":{"type":"string","format":"date-time"},
        "granularity":{"enum":["minute","hour","day","week","month"]},
        "completeThrough":{"type":["string","null"],"format":"date-time","description":"Minutes before it are closed, of every ad."},
        "reconciledThrough":{"type":["string","null"],"format":"date-time","description":"Minutes before it were recounted, of every ad."},
        "asOf":{"type":"string","examples":["0:8812345,1:8790021"]},
        "total":{"type":"integer","description":"Clicks of all groups and pages, without credits."},
        "credits":{"type":"integer","description":"Credits of the same; left out where they come to 0."},
        "next":{"type":["string","null"],"description":"The cursor of the next page."},
        "series":{"type":"array","items":{"allOf":[{"$ref":"#/components/schemas/Point"},{"type":"object","description":"adId by ad; advertiserId and campaignId by campaign.","properties":{
          "adId":{"type":["string","null"]},"advertiserId":{"type":["string","null"]},"campaignId":{"type":["string","null"]}}}]}}}},
      "Top":{"type":"object","required":["by","groupBy","advertiserId","campaignId","ads","from","to","completeThrough","reconciledThrough","asOf","total","top"],"properties":{
        "by":{"enum":["clicks"]},"groupBy":{"enum":["ad","campaign"]},
        "advertiserId":{"type":["string","null"]},"campaignId":{"type":["string","null"]},"ads":{"type":"integer","description":"How many ads it is about."},
        "from":{"type":"string","format":"date-time"},"to":{"type":"string","format":"date-time"},
        "completeThrough":{"type":["string","null"],"format":"date-time"},"reconciledThrough":{"type":["string","null"],"format":"date-time"},
        "asOf":{"type":"string","examples":["0:8812345,1:8790021"]},
        "total":{"type":"integer","description":"Clicks of all ads that were asked for, without credits."},
        "credits":{"type":"integer","description":"Credits of the same; left out where they come to 0."},
        "top":{"type":"array","items":{"type":"object","required":["advertiserId","campaignId","clicks"],"properties":{
          "adId":{"type":["string","null"],"description":"Where ads are told; null for one that the catalog does not know."},
          "adKey":{"type":"string","description":"The beginning of the SHA-256 of adId."},
          "advertiserId":{"type":["string","null"]},"campaignId":{"type":["string","null"]},
          "clicks":{"type":"integer"},"credits":{"type":"integer","description":"Left out where it is 0."}}}}}},
      "Statement":{"type":"object","required":["month","advertiserId","sealedAt","clicks","credits","total","digest","ads"],"properties":{
        "month":{"type":"string"},"advertiserId":{"type":["string","null"],"description":"null: ads that the catalog does not know."},
        "sealedAt":{"type":"string","format":"date-time"},"clicks":{"type":"integer","description":"As they were sealed."},
        "credits":{"type":"integer","description":"What came since."},"total":{"type":"integer","description":"Both together."},
        "digest":{"type":"string","description":"SHA-256 of the sealed clicks, 64 hex digits."},
        "ads":{"type":"array","items":{"type":"object","required":["adId","adKey","clicks","credits","total","days"],"properties":{
          "adId":{"type":["string","null"]},"adKey":{"type":"string","description":"The first 16 hex digits of the SHA-256 of the id."},
          "clicks":{"type":"integer"},"credits":{"type":"integer"},"total":{"type":"integer"},
          "days":{"type":"array","items":{"type":"object","required":["day","clicks","credits","total"],"properties":{
            "day":{"type":"string","format":"date"},"clicks":{"type":"integer"},"credits":{"type":"integer"},"total":{"type":"integer"}}}}}}}}},
      "StatementList":{"type":"object","required":["month","sealedAt","digest","clicks","credits","total","advertisers"],"properties":{
        "month":{"type":"string"},"sealedAt":{"type":"string","format":"date-time"},"digest":{"type":"string","description":"That of the seal."},
        "clicks":{"type":"integer"},"credits":{"type":"integer"},"total":{"type":"integer"},
        "advertisers":{"type":"array","items":{"type":"object","required":["advertiserId","ads","clicks","credits","total","digest"],"properties":{
          "advertiserId":{"type":["string","null"]},"ads":{"type":"integer"},"clicks":{"type":"integer"},
          "credits":{"type":"integer"},"total":{"type":"integer"},"digest":{"type":"string"}}}}}},
      "Key":{"type":"object","required":["kid","createdAt","retiredAt","advertiserId"],"properties":{
        "kid":{"$ref":"#/components/schemas/Name"},"createdAt":{"type":"string","format":"date-time"},
        "retiredAt":{"type":["string","null"],"format":"date-time"},
        "advertiserId":{"type":["string","null"],"description":"The advertiser whose ads alone it verifies; null for all."}}},
      "Token":{"type":"object","required":["id","scopes","advertiserId","label","createdAt","revokedAt","expires","lastUsed"],"properties":{
        "id":{"$ref":"#/components/schemas/Name"},"scopes":{"$ref":"#/components/schemas/Scopes"},
        "advertiserId":{"type":["string","null"]},"label":{"type":["string","null"]},
        "createdAt":{"type":"string","format":"date-time"},"revokedAt":{"type":["string","null"],"format":"date-time"},
        "expires":{"type":["string","null"],"format":"date-time","description":"From then on it is answered as a revoked one; null for never."},
        "lastUsed":{"type":["string","null"],"format":"date-time","description":"A crash may lose the last minute of it; null for never since version 0.4."}}},
      "CatalogRow":{"type":"object","required":["kind","id","row","damaged","columns","original","token"],"properties":{
        "kind":{"enum":["ad","key","token","job","schedule","share"]},"id":{"type":"string","description":"As it stands, which may be damaged too."},
        "row":{"type":"string","description":"The row's number."},"damaged":{"type":"boolean"},
        "columns":{"type":"object","description":"What stands there; secrets are not shown.","additionalProperties":{"type":["string","null"]}},
        "original":{"description":"The column in which one bit flipped, and what it held; null where that cannot be told.","anyOf":[{"type":"object","required":["column","value"],"properties":{"column":{"type":"string"},"value":{"type":["string","null"]}}},{"type":"null"}]},
        "token":{"type":"string","description":"Names the row as it stands."}}},
      "Shard":{"type":"object","required":["shard","position","clicks","ads","minutes","closedThrough"],"properties":{
        "shard":{"type":"integer"},"position":{"type":"integer"},"clicks":{"type":"integer"},"ads":{"type":"integer"},
        "minutes":{"type":"integer","description":"In memory alone."},"liveRows":{"type":"integer","description":"Rows in memory alone."},
        "closedThrough":{"type":["string","null"],"format":"date-time"},
        "watermark":{"type":"string","format":"date-time","description":"How far event time has come."},
        "floorReceived":{"type":["string","null"],"format":"date-time","description":"When the oldest click came that a restart reads again."},
        "applied":{"type":"integer","description":"The tables on disk hold every click of a closed minute below this position."},
        "sealed":{"type":"integer","description":"Clicks below are in segments, or retired."},
        "retired":{"type":"integer","description":"Raw clicks below are gone."},
        "floor":{"type":"integer","description":"Where replay starts."},
        "rolledUp":{"type":["string","null"],"format":"date-time","description":"Days before have hour and day rows."},
        "minutesFrom":{"type":["string","null"],"format":"date-time","description":"Minute rows before are gone."},
        "sealedMonths":{"type":"array","items":{"type":"string"}},
        "files":{"$ref":"#/components/schemas/FileSums"}}},
      "HotAds":{"type":"object","required":["threshold","shards","version","hotAds"],"properties":{
        "threshold":{"type":"integer","description":"Clicks a second."},"shards":{"type":"integer"},
        "version":{"type":"integer","description":"Goes up with each change of the routes."},
        "hotAds":{"type":"array","items":{"type":"object","required":["adId","adKey","hot","clicksPerSecond","home","intervals"],"properties":{
          "adId":{"type":["string","null"]},"adKey":{"type":"string"},"hot":{"type":"boolean"},"clicksPerSecond":{"type":"integer"},
          "home":{"type":"integer","description":"The shard of its other impressions."},
          "intervals":{"type":"array","items":{"type":"object","required":["from","to"],"properties":{
            "from":{"type":"string","format":"date-time"},"to":{"type":["string","null"],"format":"date-time"}}}}}}}}},
      "FileSums":{"type":"object","description":"Files of each kind.","additionalProperties":{"type":"object","properties":{"files":{"type":"integer"},"bytes":{"type":"integer"}}}},
      "File":{"type":"object","required":["shard","kind","number","path","bytes"],"properties":{
        "shard":{"type":"integer"},"kind":{"enum":["segment","run","base","dictionary","external","corrections"]},
        "number":{"type":"integer"},"path":{"type":"string"},"bytes":{"type":"integer"},
        "run":{"type":"object","properties":{
          "table":{"type":"integer"},"bucketSeconds":{"type":"integer"},"from":{"type":["string","null"],"format":"date-time"},
          "to":{"type":["string","null"],"format":"date-time"},"kind":{"enum":["base","patch"]},"sequence":{"type":"integer"},
          "position":{"type":"integer"},"rows":{"type":"integer"},"total":{"type":"integer"}}},
        "segment":{"type":"object","properties":{
          "firstPosition":{"type":"integer"},"endPosition":{"type":"integer"},"rows":{"type":"integer"},
          "eventTimes":{"$ref":"#/components/schemas/Times"},"receiveTimes":{"$ref":"#/components/schemas/Times"}}}}},
      "Correction":{"type":"object","required":["minute","granularity","from","to","change","reason","credit","run","position","time"],"properties":{
        "minute":{"type":"string","format":"date-time","description":"The beginning of the row's minute, hour or day."},
        "granularity":{"enum":["minute","hour","day","week","month"]},"from":{"type":"integer"},"to":{"type":"integer"},
        "change":{"type":"integer"},"reason":{"enum":["missing","phantom","damage","late-repeat","late"]},
        "credit":{"type":"boolean","description":"It stands beside a row of a sealed month, which stays as it is."},"run":{"type":"integer"},"position":{"type":"integer"},
        "time":{"type":"string","format":"date-time"}}},
      "Schedule":{"type":"object","required":["kind","cron","timeZone","next","last"],"properties":{
        "kind":{"type":"string"},"cron":{"type":"string"},"timeZone":{"type":"string"},
        "next":{"type":"string","format":"date-time"},"last":{"type":["string","null"],"format":"date-time"}}},
      "Times":{"type":"array","description":"Least and greatest.","items":{"type":["string","null"],"format":"date-time"}},
      "Job":{"type":"object","required":["id","kind","state","scheduled","queued","started","finished","steps","total","result","error"],"properties":{
        "id":{"type":"string"},"kind":{"enum":["flush","seal-log","compact","retain","verify","reconcile","seal"]},
        "state":{"enum":["queued","running","done","failed"]},
        "scheduled":{"type":["string","null"],"format":"date-time","description":"The time of the schedule that it was begun for; null where somebody asked for it."},"queued":{"type":"string","format":"date-time"},
        "started":{"type":["string","null"],"format":"date-time"},"finished":{"type":["string","null"],"format":"date-time"},
        "steps":{"type":"integer","description":"Merges done, or files or clicks read."},
        "total":{"type":["integer","null"],"description":"Of how many, where that is known."},
        "result":{"type":["object","null"],"description":"What was done. Of verify: sound, files, bytes, damage, and recount where it is deep. Of reconcile: complete, dryRun, from, to, rawClicks, rowsChecked, clicks, rowsCorrected, corrected by reason, clicksAdded, clicksRemoved, repeatsRemoved, rowsCredited, repeatsOfRetired (which stay repeats though their earlier copies have retired), unprovenRepeats (segments in which more or fewer repeats have no earlier copy than that: a deep check is not sound then), sealedMonthsLeft (those whose rows are not what was sealed, with shard, month, rows and detail; where there are some the job is failed, and the rest of it is done), and the first corrections as samples. Of seal: month, sealed, already, dryRun, sealedAt, clicks, rows, ads and advertisers of a dry run, digest, and the same of each shard; of one that was refused, which is failed: refused, reasons, possibleAt. Of the others: counts, bytes written, and the files of each kind before and after.",
          "properties":{"before":{"$ref":"#/components/schemas/FileSums"},"after":{"$ref":"#/components/schemas/FileSums"}}},
        "error":{"type":["string","null"]}}}}}
    """#
}

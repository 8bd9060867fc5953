// The specification, written by hand and held to the routes by a test: what is in `Route` and in `served` is here, and
// nothing else. Three files, one JSON document:
//
//   OpenAPI.swift  head, /click, operations      OpenAPI+Paths.swift  the API      OpenAPI+Components.swift  shapes

/// The specification in `/openapi.json`.
package enum OpenAPI {
  /// OpenAPI 3.1, JSON.
  package static let document = Array("\(head),\"paths\":{\(served),\(paths)},\"components\":\(components)}\n".utf8)

  /// The paths that are served outside `Route`, each with GET alone.
  package static let servedElsewhere = ["/click", "/-/healthy", "/-/ready", "/metrics"]

  private static let head = #"""
    {"openapi":"3.1.0",
    "info":{"title":"Tally","version":"1",
      "description":"Counts ad clicks exactly. Times are UTC, ranges half-open. Errors are RFC 9457 problem documents. Operations tagged admin are on the admin listener alone; HEAD is answered wherever GET is, /click without counting.",
      "license":{"name":"Apache-2.0","identifier":"Apache-2.0"}},
    "security":[{"token":[]}],
    "tags":[
      {"name":"clicks","description":"Click capture, public."},
      {"name":"ads","description":"The ad catalog, scope ads. A token bound to an advertiser sees and touches its ads alone."},
      {"name":"query","description":"Counts, scope read. A token bound to an advertiser reads its ads alone."},
      {"name":"admin","description":"On the admin listener alone, scope admin."},
      {"name":"operations","description":"Health and metrics, without a token."}]
    """#

  private static let served = #"""
    "/click":{"get":{"operationId":"click","tags":["clicks"],"security":[],
      "summary":"Count a click and redirect to the ad's target",
      "description":"The pair of ad and impression counts once. The answer to a click that counts leaves after the click is on disk. The target comes from the catalog alone.",
      "parameters":[
        {"name":"adId","in":"query","required":true,"schema":{"$ref":"#/components/schemas/Name"}},
        {"name":"impressionId","in":"query","required":true,"description":"128 bits as 32 hex digits or as a UUID; a UUID of version 7 carries its minting time.","schema":{"type":"string","pattern":"^([0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})$"}},
        {"name":"signature","in":"query","required":true,"description":"hex(HMAC-SHA256(key, adId + \":\" + impressionId)) over the texts as they stand in the query after decoding.","schema":{"type":"string","pattern":"^[0-9A-Fa-f]{64}$"}},
        {"name":"kid","in":"query","description":"The signing key; without it every active one is tried.","schema":{"$ref":"#/components/schemas/Name"}}],
      "responses":{
        "302":{"description":"To the ad's target, or to the fallback of a paused ad; counted, or a repeat, or expired.","headers":{"Location":{"schema":{"type":"string","format":"uri"}},"X-Tally-Verdict":{"description":"How the click was judged, where the service is told to say so.","schema":{"type":"string"}}}},
        "400":{"$ref":"#/components/responses/Problem"},
        "403":{"description":"The signature is not one of an active key's.","content":{"application/problem+json":{"schema":{"$ref":"#/components/schemas/Problem"}}}},
        "404":{"$ref":"#/components/responses/Problem"},
        "410":{"description":"The ad is paused and has no fallback.","content":{"application/problem+json":{"schema":{"$ref":"#/components/schemas/Problem"}}}},
        "503":{"description":"A prefetch or preview, not counted: come back with a real navigation."}}}},
    "/-/healthy":{"get":{"operationId":"healthy","tags":["operations"],"security":[],"summary":"Whether the process runs",
      "responses":{"200":{"description":"It does."}}}},
    "/-/ready":{"get":{"operationId":"ready","tags":["operations"],"security":[],"summary":"Whether clicks are recorded",
      "responses":{"200":{"description":"They are."},"503":{"description":"They are not; the body says why."}}}},
    "/metrics":{"get":{"operationId":"metrics","tags":["operations"],"security":[],
      "summary":"Metrics, on the admin listener alone",
      "responses":{"200":{"description":"Prometheus text.","content":{"text/plain":{"schema":{"type":"string"}}}}}}}
    """#
}

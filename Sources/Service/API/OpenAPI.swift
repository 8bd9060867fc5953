// The specification, written by hand and held to the routes by a test: what is in `Route` and in `served` is here, and
// nothing else. Several files, one JSON document:
//
//   OpenAPI.swift  head, /click, operations      OpenAPI+Paths.swift  the API      OpenAPI+Components.swift  shapes
//   OpenAPI+Sessions.swift  sessions and share links   OpenAPI+Links.swift  minting and checking links
//   OpenAPI+Ops.swift  the operations page

/// The specification in `/openapi.json`.
package enum OpenAPI {
  /// OpenAPI 3.1, JSON.
  package static let document = Array(
    "\(head),\"paths\":{\(served),\(paths),\(sessions),\(links),\(ops)},\"components\":\(components)}\n".utf8)

  private static let head = #"""
    {"openapi":"3.1.0",
    "info":{"title":"Tally","version":"1",
      "description":"Counts ad clicks exactly. Times are UTC, ranges half-open. Errors are RFC 9457 problem documents. Operations tagged admin are on the admin listener alone; HEAD is answered wherever GET is, /click without counting.",
      "license":{"name":"Apache-2.0","identifier":"Apache-2.0"}},
    "security":[{"token":[]}],
    "tags":[
      {"name":"clicks","description":"Click capture, public."},
      {"name":"ads","description":"The ad catalog, scope ads; scope read may look. A token bound to an advertiser sees and touches its ads alone."},
      {"name":"query","description":"Counts, scope read. A token bound to an advertiser reads its ads alone."},
      {"name":"sessions","description":"Browsers. What reads counts, and what is tagged sessions, takes the cookie of a session in the place of a token; whatever changes something repeats the session's csrfToken in X-Tally-CSRF then."},
      {"name":"admin","description":"On the admin listener alone, scope admin."},
      {"name":"operations","description":"Health and metrics, without a token."}]
    """#

  private static let served = #"""
    "/click":{
      "get":{"operationId":"click","tags":["clicks"],"security":[],
      "parameters":[{"$ref":"#/components/parameters/ClickAd"},{"$ref":"#/components/parameters/ClickImpression"},{"$ref":"#/components/parameters/ClickSignature"},{"$ref":"#/components/parameters/ClickKey"}],
      "summary":"Count a click and redirect to the ad's target",
      "description":"The pair of ad and impression counts once. The answer to a click that counts leaves after the click is on disk. The target comes from the catalog alone. Every request ends in one verdict, the first that applies: malformed, preflight, prefetch, bad-signature, unknown-ad, paused, head, bot, expired, then duplicate, valid, unrecorded or unknown. A body is read over, up to 64 KiB. A link is read as leniently as its signature allows: references of HTML and too much percent-encoding, blanks and punctuation around values, blank or equal parameters twice.",
      "responses":{
        "302":{"description":"To the ad's target, or to the fallback of a paused ad; counted, or a repeat, or expired, or asked for by a robot.","headers":{"Location":{"schema":{"type":"string","format":"uri"}},"X-Tally-Verdict":{"description":"How the click was judged, where the service is told to say so.","schema":{"type":"string"}}}},
        "400":{"$ref":"#/components/responses/ClickProblem"},
        "403":{"description":"The signature is not one of an active key's.","content":{"application/problem+json":{"schema":{"$ref":"#/components/schemas/Problem"}}}},
        "404":{"$ref":"#/components/responses/ClickProblem"},
        "410":{"description":"The ad is paused and has no fallback.","content":{"application/problem+json":{"schema":{"$ref":"#/components/schemas/Problem"}}}},
        "413":{"$ref":"#/components/responses/ClickProblem"},
        "503":{"description":"Not counted: a prefetch or preview, which comes back with a real navigation, or an ad that the catalog cannot tell of now, with Retry-After."}}},
      "post":{"operationId":"clickByBeacon","tags":["clicks"],"security":[],
      "parameters":[{"$ref":"#/components/parameters/ClickAd"},{"$ref":"#/components/parameters/ClickImpression"},{"$ref":"#/components/parameters/ClickSignature"},{"$ref":"#/components/parameters/ClickKey"}],
      "summary":"Count a click of a beacon or ping",
      "description":"As by GET, with 204 wherever that answers 302. The body means nothing and is read over, up to 64 KiB.",
      "responses":{
        "204":{"description":"Judged as by GET.","headers":{"Access-Control-Allow-Origin":{"description":"The request's Origin.","schema":{"type":"string"}},"X-Tally-Verdict":{"description":"How the click was judged, where the service is told to say so.","schema":{"type":"string"}}}},
        "400":{"$ref":"#/components/responses/ClickProblem"},"403":{"$ref":"#/components/responses/ClickProblem"},
        "404":{"$ref":"#/components/responses/ClickProblem"},"410":{"$ref":"#/components/responses/ClickProblem"},
        "413":{"$ref":"#/components/responses/ClickProblem"},"503":{"description":"Not counted: a prefetch or preview, or an ad that the catalog cannot tell of now, with Retry-After."}}},
      "options":{"operationId":"clickPreflight","tags":["clicks"],"security":[],
      "parameters":[{"$ref":"#/components/parameters/ClickAd"},{"$ref":"#/components/parameters/ClickImpression"},{"$ref":"#/components/parameters/AnySignature"},{"$ref":"#/components/parameters/ClickKey"}],
      "summary":"Whether a page may send a click by POST",
      "responses":{
        "204":{"description":"It may: the request's Origin, with credentials, the methods GET, HEAD and POST, and the headers it asks for.","headers":{"Access-Control-Allow-Origin":{"schema":{"type":"string"}},"Access-Control-Allow-Methods":{"schema":{"type":"string"}},"Access-Control-Allow-Headers":{"schema":{"type":"string"}}}},
        "400":{"$ref":"#/components/responses/ClickProblem"}}}},
    "/-/healthy":{"get":{"operationId":"healthy","tags":["operations"],"security":[],"summary":"Whether the process runs",
      "responses":{"200":{"description":"It does."}}}},
    "/-/ready":{"get":{"operationId":"ready","tags":["operations"],"security":[],"summary":"Whether clicks are recorded",
      "responses":{"200":{"description":"They are."},"503":{"description":"They are not; the body says why."}}}},
    "/metrics":{"get":{"operationId":"metrics","tags":["operations"],"security":[],
      "summary":"Metrics, on the admin listener alone",
      "responses":{"200":{"description":"Prometheus text.","content":{"text/plain":{"schema":{"type":"string"}}}}}}}
    """#

  /// What a link says.
  static let clickParameters = #"""
    "ClickAd":{"name":"adId","in":"query","required":true,"schema":{"$ref":"#/components/schemas/Name"}},
    "ClickImpression":{"name":"impressionId","in":"query","required":true,"description":"Any 128 bits, as 32 hex digits or as a UUID with hyphens. Only with hyphens a UUID of version 7 whose time lies between 2020 and a day ahead is timed, and can be expired.","schema":{"type":"string","pattern":"^([0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})$"}},
    "ClickSignature":{"name":"signature","in":"query","required":true,"description":"hex(HMAC-SHA256(key, adId + \":\" + impressionId)) over the texts as they stand in the query after decoding.","schema":{"type":"string","pattern":"^[0-9A-Fa-f]{64}$"}},
    "ClickKey":{"name":"kid","in":"query","description":"The signing key; without it every active one is tried.","schema":{"$ref":"#/components/schemas/Name"}},
    "AnySignature":{"name":"signature","in":"query","required":true,"description":"Not verified: a preflight counts nothing.","schema":{"type":"string"}}
    """#
}

extension OpenAPI {
  /// Sessions of browsers, and share links.
  static let sessions = #"""
    "/session":{
      "post":{"operationId":"signIn","tags":["sessions"],"security":[],"summary":"Sign a browser in",
        "description":"With a token, or with the secret of a share link, the text behind # in its URL. The answer sets the cookie tally_session, or tally_share: HttpOnly, SameSite=Strict, for 7 days at most, or until it was unused for 12 hours, and never longer than the token or the link. An address that fails 10 times waits 6 seconds for each further try. Taken from pages of this origin alone, where the browser says whence a request comes.",
        "requestBody":{"required":true,"content":{"application/json":{"schema":{"type":"object","additionalProperties":false,"properties":{
          "token":{"type":["string","null"]},"share":{"type":["string","null"]}},
          "oneOf":[{"required":["token"],"properties":{"token":{"type":"string"},"share":{"type":"null"}}},{"required":["share"],"properties":{"share":{"type":"string"},"token":{"type":"null"}}}]}}}},
        "responses":{
          "200":{"description":"Signed in.","headers":{"Set-Cookie":{"schema":{"type":"string"}}},"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Session"}}}},
          "400":{"$ref":"#/components/responses/Problem"},"401":{"$ref":"#/components/responses/Problem"},
          "403":{"$ref":"#/components/responses/Problem"},"413":{"$ref":"#/components/responses/Problem"},
          "415":{"$ref":"#/components/responses/Problem"},
          "429":{"description":"The address has failed too often.","headers":{"Retry-After":{"schema":{"type":"integer"}}},"content":{"application/problem+json":{"schema":{"$ref":"#/components/schemas/Problem"}}}},
          "503":{"$ref":"#/components/responses/Problem"}}},
      "get":{"operationId":"session","tags":["sessions"],"security":[],"summary":"Who is signed in",
        "description":"By the cookie alone. With X-Tally-Share, the id of a share link, the cookie tally_share speaks; without it tally_session, else tally_share.",
        "parameters":[{"$ref":"#/components/parameters/ShareOfPage"}],
        "responses":{
          "200":{"description":"The session.","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Session"}}}},
          "400":{"$ref":"#/components/responses/Problem"},"401":{"$ref":"#/components/responses/Problem"}}},
      "delete":{"operationId":"signOut","tags":["sessions"],"security":[],"summary":"Sign the browser out",
        "description":"The session ends, with its streams.",
        "parameters":[{"$ref":"#/components/parameters/ShareOfPage"},{"$ref":"#/components/parameters/CSRF"}],
        "responses":{"204":{"description":"Signed out; the cookie is taken away.","headers":{"Set-Cookie":{"schema":{"type":"string"}}}},
          "400":{"$ref":"#/components/responses/Problem"},"401":{"$ref":"#/components/responses/Problem"},
          "403":{"$ref":"#/components/responses/Problem"}}}},
    "/api/v1/shares":{
      "get":{"operationId":"listShares","tags":["sessions"],"security":[{"token":[]},{"session":[]}],"summary":"Share links, oldest first, without their secrets",
        "description":"Scope read. Those of the token's advertiser.",
        "responses":{
          "200":{"description":"The links, those that have ended among them.","content":{"application/json":{"schema":{"type":"object","required":["shares"],"properties":{"shares":{"type":"array","items":{"$ref":"#/components/schemas/Share"}}}}}}},
          "400":{"$ref":"#/components/responses/Problem"},"401":{"$ref":"#/components/responses/Unauthorized"},
          "403":{"$ref":"#/components/responses/Forbidden"}}},
      "post":{"operationId":"createShare","tags":["sessions"],"security":[{"token":[]},{"session":[]}],"summary":"Make a link that shows a campaign, or all of an advertiser",
        "description":"Scope read. The URL is shown this once; its secret stands behind #, which browsers send to nobody. Whoever opens it sees counts, and changes nothing. It ends when it expires, when it is revoked, and with the token that made it.",
        "parameters":[{"$ref":"#/components/parameters/CSRF"}],
        "requestBody":{"content":{"application/json":{"schema":{"type":"object","additionalProperties":false,"properties":{
          "advertiserId":{"anyOf":[{"$ref":"#/components/schemas/Name"},{"type":"null"}],"description":"Needed from a token for all advertisers."},
          "campaignId":{"anyOf":[{"$ref":"#/components/schemas/Name"},{"type":"null"}],"description":"Without it all campaigns are shown."},
          "expires":{"anyOf":[{"$ref":"#/components/schemas/Expiry"},{"type":"null"}],"default":"90d"}}}}}},
        "responses":{
          "201":{"description":"Made.","content":{"application/json":{"schema":{"allOf":[{"$ref":"#/components/schemas/Share"},{"type":"object","required":["url"],"properties":{"url":{"type":"string","format":"uri"}}}]}}}},
          "400":{"$ref":"#/components/responses/Problem"},"401":{"$ref":"#/components/responses/Unauthorized"},
          "403":{"$ref":"#/components/responses/Forbidden"},"409":{"$ref":"#/components/responses/Conflict"},
          "413":{"$ref":"#/components/responses/Problem"},"415":{"$ref":"#/components/responses/Problem"}}}},
    "/api/v1/shares/{id}":{"parameters":[{"name":"id","in":"path","required":true,"schema":{"$ref":"#/components/schemas/Name"}}],
      "delete":{"operationId":"revokeShare","tags":["sessions"],"security":[{"token":[]},{"session":[]}],"summary":"End a share link","description":"Scope read. Its sessions and their streams end.",
        "parameters":[{"$ref":"#/components/parameters/CSRF"}],
        "responses":{"204":{"description":"Ended."},
          "400":{"$ref":"#/components/responses/Problem"},"401":{"$ref":"#/components/responses/Unauthorized"},
          "403":{"$ref":"#/components/responses/Forbidden"},"404":{"$ref":"#/components/responses/Problem"}}}}
    """#

  static let sessionParameters = #"""
    "ShareOfPage":{"name":"X-Tally-Share","in":"header","description":"The id of the share link whose page asks.","schema":{"$ref":"#/components/schemas/Name"}},
    "CSRF":{"name":"X-Tally-CSRF","in":"header","description":"csrfToken of the session; needed where a cookie signs the request in.","schema":{"type":"string"}}
    """#

  static let sessionSchemas = #"""
    "Session":{"type":"object","required":["advertiserId","scopes","expires","csrfToken","serverTime","version","share"],"properties":{
      "advertiserId":{"type":["string","null"],"description":"null: all."},
      "scopes":{"type":"array","items":{"type":"string"}},
      "expires":{"type":"string","format":"date-time"},"csrfToken":{"type":"string"},
      "serverTime":{"type":"string","format":"date-time"},"version":{"type":"string"},
      "share":{"description":"What a share link shows; null in the session of a token.","anyOf":[{"type":"object","required":["id","advertiserId","campaignId","expires"],"properties":{
        "id":{"$ref":"#/components/schemas/Name"},"advertiserId":{"type":["string","null"]},
        "campaignId":{"type":["string","null"]},"expires":{"type":["string","null"],"format":"date-time"}}},{"type":"null"}]}}},
    "Share":{"type":"object","required":["id","advertiserId","campaignId","tokenId","createdAt","expires","revokedAt"],"properties":{
      "id":{"$ref":"#/components/schemas/Name"},"advertiserId":{"$ref":"#/components/schemas/Name"},
      "campaignId":{"type":["string","null"]},"tokenId":{"type":"string","description":"The token that made it."},
      "createdAt":{"type":"string","format":"date-time"},"expires":{"type":"string","format":"date-time"},
      "revokedAt":{"type":["string","null"],"format":"date-time"}}}
    """#
}

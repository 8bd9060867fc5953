extension OpenAPI {
  /// Links: made, and looked at.
  static let links = #"""
    "/api/v1/ads/{adId}/impressions":{"parameters":[{"$ref":"#/components/parameters/AdId"}],
      "post":{"operationId":"mint","tags":["clicks"],"summary":"Mint impressions: signed links that count once",
        "description":"Scope mint. The newest key signs that is for the ad's advertiser or for all. With count the answer holds them in impressions.",
        "parameters":[{"name":"count","in":"query","schema":{"type":"integer","minimum":1,"maximum":10000}}],
        "responses":{
          "201":{"description":"One impression, or those of a batch.","content":{"application/json":{"schema":{"anyOf":[{"$ref":"#/components/schemas/Impression"},{"type":"object","required":["impressions"],"properties":{"impressions":{"type":"array","items":{"$ref":"#/components/schemas/Impression"}}}}]}}}},
          "400":{"$ref":"#/components/responses/Problem"},"401":{"$ref":"#/components/responses/Unauthorized"},
          "403":{"$ref":"#/components/responses/Forbidden"},"404":{"$ref":"#/components/responses/Problem"},
          "409":{"$ref":"#/components/responses/Conflict"}}}},
    "/api/v1/check":{
      "get":{"operationId":"check","tags":["clicks"],"summary":"What /click would say to a link, without counting it",
        "description":"Scope read, ads or mint. The steps of /click in their order. What depends on who clicks is left out. Whether the impression has counted already is told as far as /click would know it.",
        "parameters":[{"name":"url","in":"query","required":true,"description":"The link, as a browser would ask for it.","schema":{"type":"string","pattern":"click\\?"}}],
        "responses":{
          "200":{"description":"The verdict.","content":{"application/json":{"schema":{"type":"object","required":["verdict","detail","adId","impressionId","location"],"properties":{
            "verdict":{"enum":["malformed","bad-signature","unknown-ad","paused","expired","duplicate","valid"]},"detail":{"type":"string"},
            "adId":{"type":["string","null"],"description":"As the link says it."},"impressionId":{"type":["string","null"]},
            "location":{"type":["string","null"],"description":"Where it leads, without passQuery's parameters."}}}}}},
          "400":{"$ref":"#/components/responses/Problem"},"401":{"$ref":"#/components/responses/Unauthorized"},
          "403":{"$ref":"#/components/responses/Forbidden"}}}}
    """#

  static let linkSchemas = #"""
    "Impression":{"type":"object","required":["impressionId","signature","clickUrl","expires"],"properties":{
      "impressionId":{"type":"string"},"signature":{"type":"string"},"clickUrl":{"type":"string","format":"uri"},
      "expires":{"type":"string","format":"date-time","description":"A click from then on is redirected and not counted."}}}
    """#
}

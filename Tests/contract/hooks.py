"""What schemathesis has to be told: bodies of lines, links that verify, and which refusals a schema cannot foresee."""
import hashlib
import hmac
import json
import os
import random

import schemathesis
from hypothesis import strategies as st

SECRET = os.environ.get("CONTRACT_SECRET", "").encode()
# A token that works, the ids of those that the run itself needs, and a month that is sealed.
TOKEN, OWN, MONTH = (os.environ.get(f"CONTRACT_{name}", "") for name in ("TOKEN", "OWN", "MONTH"))

# A request that is well formed may still be refused for what stands in these parameters. The schema says their form; beyond it:
BEYOND = {
    "from": "a moment that no calendar has, or that is not before `to`, or is too far from it",
    "to": "the same",
    "tz": "a zone that this system does not have",
    "cursor": "a text that no answer gave as `next`, or for another query",
    "since": "a position that no answer of this store gave",
    "url": "a text with `click?` in it that is no link",
    "redirectUrl": "a URL whose host, port or braces are wrong",
    "fallbackUrl": "the same",
    "passQuery": "a name that is reserved, or twice in the list",
    "expires": "a moment that no calendar has, or further away than ten years",
    "advertiserId": "needed from a token for all advertisers, and not to be given by one that is bound",
    "campaignId": "not to be given by a token that is bound to an advertiser",
    "adId": "names another ad than the path",
    "month": "the year 0, or a month that is not over",
    "history": "needs a scope",
    "sealed": "needs a scope",
    "changes": "not together with a range",
    "row": "names no row that is damaged",
    "token": "names no state of the row",
    "label": "more than 128 bytes of UTF-8 in fewer characters",
}
# Bodies of lines and tables have a form that OpenAPI 3.1 has no words for.
BODIES = {"text/csv", "application/x-ndjson"}


def line(draw):
    return json.dumps({
        "adId": draw(st.sampled_from(["42", "ad-001", "nobody"])), "impressionId": f"{draw(st.integers(0, 2**128 - 1)):032x}",
        "time": draw(st.sampled_from(["2026-11-30T10:00:00Z", 1_700_000_000, "now"])), "more": draw(st.none() | st.integers())})


@st.composite
def lines(draw):
    return "".join(line(draw) + "\n" for _ in range(draw(st.integers(0, 5)))).encode() + draw(st.sampled_from([b"", b"{", b"\xff\n"]))


schemathesis.openapi.media_type("application/x-ndjson", lines())


def signed(ad, impression):
    return hmac.new(SECRET, f"{ad}:{impression}".encode(), hashlib.sha256).hexdigest()


@schemathesis.hook
def before_call(context, case, kwargs):
    """Keeps what the run itself needs, and gives two of three well-formed requests what makes them go through."""
    if case.operation.label == "DELETE /admin/v1/tokens/{id}" and case.path_parameters["id"] in OWN.split(","):
        case.path_parameters["id"] = "another"
    if case.operation.label == "POST /admin/v1/keys/{kid}:retire" and case.path_parameters["kid"] == "contract":
        case.path_parameters["kid"] = "another"
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    chance = random.Random(repr((case.query, case.body)))
    if chance.random() > 0.67:
        return
    ad, impression = chance.choice(["42", "ad-001", "paused"]), f"{chance.getrandbits(128):032x}"
    match case.operation.label:
        case "GET /click" | "POST /click":
            case.query |= {"adId": ad, "signature": signed(ad, case.query["impressionId"])}
            case.query.pop("kid", None)
        case "GET /api/v1/check":
            case.query["url"] = f"/click?adId={ad}&impressionId={impression}&signature={signed(ad, impression)}"
        case "POST /session":
            case.body = {"token": TOKEN}
        case "GET /api/v1/statements/{month}":
            case.path_parameters["month"] = MONTH
        case "PUT /api/v1/ads/{adId}":
            case.body |= {"redirectUrl": "https://shop.example/{adId}?c={impressionId}", "fallbackUrl": None, "advertiserId": "acme"}
            case.body.pop("adId", None)
            case.body.pop("passQuery", None)
        case "POST /api/v1/shares":
            case.body = (case.body if isinstance(case.body, dict) else {}) | {"advertiserId": "acme", "expires": "1d"}
        case "GET /api/v1/ads/{adId}/aggregates" | "GET /api/v1/aggregates" | "GET /api/v1/top" | "GET /api/v1/ads/{adId}/corrections":
            for name in ("cursor", "to", "tz"):
                case.query.pop(name, None)
            case.query["from"] = chance.choice(["-1h", "-30m", "today", "now-2h"])


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Lets a refusal of a well-formed request be only where it is for what no schema can say."""
    # A cookie says who somebody is: without a bearer token, which the operation wants, they are known and may not.
    if type(failure).__name__ == "MissingHeaderNotRejected" and response.status_code == 403:
        return "Cookie" not in response.request.headers
    if type(failure).__name__ != "RejectedPositiveData":
        return True
    # An ad that is paused and leads nowhere is a state, not a mistake.
    if response.status_code == 410 and case.operation.path == "/click":
        return False
    if response.status_code != 400:
        return True
    problem = response.json()
    if problem["code"] == "malformed-body" and case.media_type in BODIES:
        return False
    faults = [fault["parameter"] for fault in problem.get("errors", [])]
    # A preflight takes whatever /click can read, so its schema says nothing of a signature; that may be too long.
    beyond = set(BEYOND) | ({"signature"} if case.operation.label == "OPTIONS /click" else set())
    return not faults or not set(faults) <= beyond

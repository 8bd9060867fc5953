"""What schemathesis has to be told: bodies of lines, links that verify, and which refusals a schema cannot foresee."""
import hashlib
import hmac
import json
import os
import random

import schemathesis
from hypothesis import strategies as st

SECRET = os.environ.get("CONTRACT_SECRET", "").encode()
TOKEN = os.environ.get("CONTRACT_TOKEN", "")

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
    "row": "names no row that is damaged",
    "token": "names no state of the row",
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


@schemathesis.hook
def before_call(context, case, kwargs):
    """Two of three well-formed links are signed, and some sign-ins have a token that works."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    chance = random.Random(repr((case.query, case.body)))
    if case.path == "/click" and case.query and chance.random() < 0.67:
        case.query["adId"] = chance.choice(["42", "ad-001", "paused"])
        text = f"{case.query['adId']}:{case.query['impressionId']}".encode()
        case.query["signature"] = hmac.new(SECRET, text, hashlib.sha256).hexdigest()
        case.query.pop("kid", None)
    if case.operation.label == "POST /session" and chance.random() < 0.5:
        case.body = {"token": TOKEN}


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Lets a refusal of a well-formed request be only where it is for what no schema can say."""
    if type(failure).__name__ != "RejectedPositiveData" or response.status_code != 400:
        return True
    problem = response.json()
    if problem["code"] == "malformed-body" and case.media_type in BODIES:
        return False
    faults = [fault["parameter"] for fault in problem.get("errors", [])]
    return not faults or not set(faults) <= set(BEYOND)

"""Operations: everything that a summary may say is shown, what it leaves out is left out, and whoever may not look is told why."""
import json

FULL = {
    "ready": True, "reasons": [], "version": "9.8.7", "startedAt": "2026-11-30T10:00:00Z", "countingSince": "2026-11-16T10:00:00Z",
    "alarms": [{"text": "Free disk falls below 20 % in about 9 days at the present rate", "since": "2026-11-30T14:02:00Z"}],
    "clicksPerSecond": 8412, "rates": [8300 + i % 7 * 30 for i in range(60)], "commitP99Seconds": 0.0024,
    "commitHistory": [0.002 + i % 5 * 0.0002 for i in range(60)], "behindSeconds": 0.4, "closesAfterSeconds": 130,
    "balance": {"answered": 912345678, "difference": 0},
    "shards": [{"shard": i, "clicksPerSecond": 4230 - i * 48, "logBytes": 536870912, "behindSeconds": 0.3, "commitP99Seconds": 0.0023,
                "files": 214, "bytes": 19756849561} for i in range(2)],
    "jobs": [{"id": "1", "kind": "reconcile", "state": "running", "detail": "24–30 Nov, 258,000 of 412,230 rows", "progress": 0.62, "secondsLeft": 130},
             {"id": "2", "kind": "compact", "state": "done", "detail": "31 files became 4, 1.2 GiB freed", "ended": "2026-11-30T15:20:00Z"},
             {"id": "3", "kind": "verify", "state": "failed", "detail": "1 file is damaged", "ended": "2026-11-30T02:40:00Z"}],
    "hotAds": [{"adId": "42", "clicksPerSecond": 1240, "hot": True}, {"adId": "brand-video-0611", "clicksPerSecond": 402, "hot": False}],
    "recount": {"ended": "2026-11-30T03:17:00Z", "from": "2026-11-23T00:00:00Z", "rows": 412230, "corrected": 5, "change": -20},
    "answers": {"valid": 7480, "duplicate": 521, "bot": 262, "expired": 91, "prefetch": 38, "bad-signature": 14, "limited": 4},
    "files": [{"kind": "raw clicks", "age": "today", "files": 12, "bytes": 3221225472}, {"kind": "raw clicks", "age": "1–7 days", "files": 84, "bytes": 19327352832},
              {"kind": "minutes", "age": "older", "files": 118, "bytes": 1073741824}],
}


def summaries(context, summary):
    context.route("**/ops/summary", lambda route: route.fulfill(status=200, content_type="application/json", body=json.dumps(summary)))
    context.route("**/ops/stream", lambda route: route.fulfill(status=404))


def whole(browser, results):
    for dark in (False, True):
        context = browser.context(dark=dark, height=1200)
        summaries(context, FULL)
        page = browser.page("/ops", context=context)
        text = page.inner_text("main")
        for words in ("Running for", ", counting for", "; version 9.8.7", "Free disk falls below", "since", "8,412", "2.4 ms", "under 5 ms", "in time",
                      "Minutes close 2 min 10 s after they end", "912,345,678 answered and counted", "balanced", "18.4 GiB", "62 %, 2 min 10 s left",
                      "over all shards", "one shard", "5 of 412,230 rows corrected, −20 clicks.", "bad-signature", "Files by age", "raw clicks", "1–7 days"):
            results.check(words in text, f"it says {words}")
        results.equal(page.locator(".gauge .spark").count(), 2, "lines of clicks and of commits")
        results.equal(page.locator("main button").all_inner_texts(), ["Copy"] * 4, "no button acts: the commands are to be copied")
        browser.picture(page, f"ops-whole-{'dark' if dark else 'light'}")


def parts(browser, results):
    context = browser.context()
    summaries(context, {"ready": False, "reasons": ["the log is read again", "shard 1 is missing"], "version": "1"})
    page = browser.page("/ops", context=context)
    results.check("Not ready. the log is read again; shard 1 is missing" in page.inner_text(".final"), page.inner_text(".final"))
    results.equal(page.locator(".gauge, table").count(), 0, "what is not told is not shown")
    context = browser.context(height=500)
    summaries(context, FULL)
    page = browser.page("/ops#recount", context=context)
    page.wait_for_timeout(200)
    box = page.locator("#recount").bounding_box()
    results.check(0 <= box["y"] < 500, f"an address names a panel: it is at {box['y']:.0f}")


def strangers(browser, results):
    import os
    other = os.environ.get("TALLY_OTHER_TOKEN")
    if not other:
        return results.skip("another advertiser (TALLY_OTHER_TOKEN)")
    page = browser.page("/ops", context=browser.context(token=other), ready=False)
    page.wait_for_selector(".empty")
    results.check("scope admin" in page.inner_text(".empty"), "without the scope it says which is needed")
    results.check(page.locator(".pages a[data-page=ops]").is_hidden(), "and the menu has no such page")


def body(browser, results):
    whole(browser, results)
    parts(browser, results)
    strangers(browser, results)


GROUP = ("operations", body)

"""What others' words can do: nothing. They are text wherever they come in, and the browser refuses markup that is made of text."""
import json

from browser import settle

EVIL = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
RTL = "\u202eright to left \u05e9\u05dc\u05d5\u05dd"
LONG = "x" * 200


def trusted_types(browser, results):
    # The browser says on the console what it refuses: that is wanted here.
    page = browser.context().new_page()
    page.goto(f"{browser.base}/ads/{browser.ad}?range=24h")
    settle(page)
    answer = page.request.get(f"{browser.base}/")
    policy = answer.headers["content-security-policy"]
    for part in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "require-trusted-types-for 'script'", "trusted-types default"):
        results.check(part in policy, f"the policy has {part}: {policy}")
    refused = """(text) => {
      try {
        document.createElement('div').innerHTML = text;
        return false;
      } catch (error) {
        return error.name === 'TypeError';
      }
    }"""
    for text in (EVIL, "<i>x</i>", "<b onclick=x>1</b>", "a<b", "&amp;", "<b>1</b><b>2</b>"):
        results.check(page.evaluate(refused, text), f"markup of text is refused: {text}")
    for text in ("30 Nov", "<b>30 Nov</b>", "10:00", "12.4k", "1,500", ""):
        results.check(not page.evaluate(refused, text), f"a label of an axis passes: {text!r}")


def rewrite(context, pattern, change):
    """Answers pass through `change`, so that the page meets words that the server of today does not let in."""
    def handle(route):
        answer = route.fetch()
        document = answer.json()
        change(document)
        route.fulfill(response=answer, body=json.dumps(document))
    context.route(pattern, handle)


def hostile(browser, results):
    context = browser.context()
    words = [EVIL, RTL, LONG]

    def ads(document):
        for i, ad in enumerate(document["ads"]):
            ad["campaignId"] = words[i % 3]

    def corrections(document):
        document["corrections"] = [
            {"minute": "2026-11-01T10:00:00Z", "granularity": "minute", "from": 5, "to": 3, "change": -2, "reason": word, "detail": word,
             "credit": False, "run": 1, "position": 1, "time": "2026-11-02T10:00:00Z"} for word in words]

    def about(document):
        document["campaignId"] = EVIL

    def top(document):
        for row in document["top"]:
            row["campaignId"] = words[len(row["adId"]) % 3]

    def summary(document):
        document["alarms"] = [{"text": word, "since": "2026-11-02T10:00:00Z"} for word in words]
        document["jobs"] = [{"id": "1", "kind": "verify", "state": "failed", "detail": word} for word in words]
        document["hotAds"] = [{"adId": LONG[:64], "clicksPerSecond": 5, "hot": False}]

    rewrite(context, "**/api/v1/ads?*", ads)
    rewrite(context, "**/api/v1/top?*", top)
    rewrite(context, "**/corrections?*", corrections)
    rewrite(context, f"**/api/v1/ads/{browser.ad}", about)
    rewrite(context, "**/ops/summary", summary)
    # No campaign has these names: their small lines are missing.
    context.route("**/api/v1/aggregates?campaignId=*", lambda route: route.fulfill(status=404))
    context.route("**/ops/stream", lambda route: route.fulfill(status=404))
    context.route("**/api/v1/ads/broken/**", lambda route: route.fulfill(
        status=500, content_type="application/problem+json",
        body=json.dumps({"title": EVIL, "detail": RTL + LONG, "requestId": EVIL})))
    for width in (320, 1280):
        for path, place, count in (("/", ".rows a", 2), ("/campaigns", ".rows a", 1), (f"/ads/{browser.ad}", ".corrections", 1), ("/ops", ".alarms", 1),
                                   ("/ads/broken", ".problem", 1)):
            page = browser.page(path, context=context, ready=False)
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_selector(place)
            page.wait_for_timeout(300)
            text = page.inner_text("main")
            results.check(text.count("<img src=x") >= count, f"{path}: the words stand as text")
            results.equal(page.locator("main img, main script").count(), 0, f"{path}: elements that words became")
            results.check("taken" not in page.title(), f"{path}: words that acted")
            wide = page.evaluate("document.documentElement.scrollWidth")
            results.check(wide <= width, f"{path} at {width}: {wide} pixels wide")
            browser.picture(page, f"hostile-{path.strip('/').replace('/', '-') or 'ads'}-{width}")
            page.close()


def body(browser, results):
    trusted_types(browser, results)
    hostile(browser, results)


GROUP = ("policy", body)

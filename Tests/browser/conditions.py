"""Every state that a page can be in, with its words: loading, empty, without clicks, refused, failed, starting. None scrolls sideways,
at the narrowest width and the usual one, by day and by night."""
import json

from browser import number, settle

PROBLEM = {"title": "The query took too long", "detail": "it was given up after 10 s", "requestId": "r-4711", "status": 500}
QUIET = "from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z"


def answering(status, document, headers=None):
    return lambda route: route.fulfill(
        status=status, headers=headers or {}, body=json.dumps(document),
        content_type="application/problem+json" if status >= 400 else "application/json")


def loading(browser, results, context):
    page = context.new_page()
    held = []
    is_held = True
    context.route("**/aggregates?*", lambda route: held.append(route) if is_held else route.continue_())
    page.goto(f"{browser.base}/ads/{browser.ad}")
    page.wait_for_selector(".loading")
    results.equal(page.locator(".page").get_attribute("aria-busy"), "true", "who waits is told so")
    box = page.locator(".plot").bounding_box()
    yield "loading", page
    is_held = False
    for route in held:
        route.continue_()
    settle(page)
    results.equal(page.locator(".loading").count(), 0, "then nothing is grey")
    after = page.locator(".plot").bounding_box()
    # The reading line may take a second line on phones.
    results.check(abs(after["y"] - box["y"]) <= 30, f"nothing jumps: {box['y']} and {after['y']}")


def nothing(browser, results, context):
    context.route("**/api/v1/ads?*", answering(200, {"ads": [], "next": None}))

    def top(route):
        answer = route.fetch()
        route.fulfill(response=answer, body=json.dumps(answer.json() | {"top": [], "total": 0, "metrics": {"gross": 0}}))
    context.route("**/api/v1/top?*", top)
    page = browser.page("/", context=context)
    results.check("No ads yet" in page.inner_text("main") and "tally ads put" in page.inner_text("main"), "an empty account says how to add an ad")
    yield "nothing", page
    page = browser.page("/campaigns", context=context)
    results.check("No campaigns yet" in page.inner_text("main"), "and how a campaign comes about")
    yield "no campaigns", page


def without_clicks(browser, results, context):
    page = browser.page(f"/ads/{browser.ad}?{QUIET}", context=context)
    results.check("No clicks in this time. The ad is known and its log is complete: the number is 0, not missing." in page.inner_text(".reading"),
                  "no clicks are said to be none")
    yield "no clicks", page
    page = browser.page("/?q=nobody-is-called-so", context=context)
    page.wait_for_selector(".empty")
    results.check("No ad matches “nobody-is-called-so”" in page.inner_text(".empty"), "no match")
    yield "no match", page


def failing(browser, results, context):
    context.route("**/aggregates?*", answering(500, PROBLEM))
    page = browser.page(f"/ads/{browser.ad}", context=context, ready=False)
    page.wait_for_selector(".problem")
    text = page.inner_text(".problem")
    results.check("The query took too long" in text and "given up after 10 s" in text and "r-4711" in text, f"an error says what it is: {text}")
    results.equal(page.locator("h1").count(), 1, "a title stands there too")
    yield "failed", page
    context.unroute("**/aggregates?*")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector(".chart[data-painted]")
    results.equal(page.locator(".problem").count(), 0, "Try again does")
    before = number(page.inner_text(".fall.sum .number >> nth=0"))
    context.route("**/aggregates?*", answering(500, PROBLEM))
    page.get_by_role("button", name="7 days").click()
    page.wait_for_selector(".problem")
    # Those of the range before: they may have grown since.
    after = number(page.inner_text(".fall.sum .number >> nth=0"))
    results.check(before * 0.9 <= after <= before * 1.1, f"later the numbers stay: {before}, {after}")
    yield "failed later", page


def starting(browser, results, context):
    reasons = {"title": "Not ready", "detail": "the log is read again: 40 % done"}
    context.route("**/aggregates?*", answering(503, reasons, {"Retry-After": "1"}))
    page = browser.page(f"/ads/{browser.ad}", context=context, ready=False)
    page.wait_for_selector(".empty")
    text = page.inner_text(".empty")
    results.check("The server is starting: it reads its log again." in text and "40 % done" in text, f"a server that starts says so: {text}")
    yield "starting", page
    context.unroute("**/aggregates?*")
    page.wait_for_selector(".chart[data-painted]", timeout=15_000)
    results.check(True, "and the page comes by itself")


def nobody(browser, results, context):
    page = context.new_page()
    page.goto(f"{browser.base}/ads/{browser.ad}")
    page.wait_for_selector(".sign-in")
    page.click(".sign-in summary")
    results.check("tally tokens create" in page.inner_text(".sign-in"), "who has no token is told where there are some")
    yield "sign-in", page


def absent(browser, results, context):
    page = browser.page("/ads/nobody-has-this-one", context=context, ready=False)
    page.wait_for_selector(".empty")
    results.check("There is no such thing here" in page.inner_text(".empty"), "what is missing is said to be")
    yield "missing", page


def renewed(browser, results, context):
    """The program was replaced: the parts of the page that is open are gone, so it starts anew where the reader wanted to go."""
    page = browser.page("/", context=context)
    page.wait_for_selector(".rows a")
    context.route("**/assets/*/ad.js", lambda route: route.fulfill(status=404))
    asked = []
    page.on("request", lambda request: asked.append(request.url) if request.is_navigation_request() else None)
    # The server's page names other assets now.
    context.route(lambda url: "/ads/" in url and "/api/" not in url,
                  lambda route: route.fulfill(status=200, content_type="text/html", body="<h1>newer</h1>"))
    page.locator(".rows a").first.click()
    page.wait_for_function("() => document.querySelector('h1')?.textContent === 'newer'")
    results.check(len(asked) == 1 and "/ads/" in asked[0], f"the page starts anew: {asked}")
    yield "renewed", page


def body(browser, results):
    for part in (loading, nothing, without_clicks, failing, starting, nobody, absent, renewed):
        for width, dark in ((320, True), (1280, False)):
            context = browser.context(width=width, dark=dark, token=None if part is nobody else "")
            for name, page in part(browser, results, context):
                found = page.evaluate("document.documentElement.scrollWidth")
                results.check(found <= width, f"{name} at {width}: {found} pixels wide")
                browser.picture(page, f"{name.replace(' ', '-')}-{width}")
            context.unroute_all(behavior="ignoreErrors")


GROUP = ("conditions", body)

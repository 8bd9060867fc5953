"""Every view at every width, light and dark: nothing scrolls sideways; paper has a chart."""


# The page's width with the longest of the words that say whether it is live.
WIDEST = """() => {
  const words = document.querySelector(".live:not([hidden]) span");
  const own = words?.textContent;
  if (words) words.textContent = "Every 15 s";
  const found = document.documentElement.scrollWidth;
  if (words) words.textContent = own;
  return found;
}"""


def views(browser):
    yield "ads", "/"
    yield "campaigns", "/campaigns"
    yield "ad", f"/ads/{browser.ad}"
    yield "hour", f"/ads/{browser.ad}?range=1h&cmp=prev"
    yield "long", f"/ads/{browser.ad}?range=400d&m=duplicate,bot,expired"
    yield "zoomed", f"/ads/{browser.ad}?from=2026-11-01T00:00:00Z&to=2026-11-03T00:00:00Z&cmp=week"
    yield "table", f"/ads/{browser.ad}?range=7d&view=table"
    campaign = browser.api(f"/api/v1/ads/{browser.ad}", browser.context())["campaignId"]
    if campaign:
        yield "campaign", f"/campaigns/{campaign}"
    yield "ops", "/ops"
    yield "method", "/method"
    yield "missing", "/ads/there-is-no-such-ad-at-all-in-this-place"


def sideways(browser, results):
    for width in (320, 390, 700, 1000, 1200, 1280, 1920):
        # Those between are looked at by day alone.
        for dark in (False, True) if width in (320, 390, 1280, 1920) else (False,):
            context = browser.context(width=width, height=900, dark=dark)
            for name, path in views(browser):
                page = browser.page(path, context=context)
                page.wait_for_timeout(200)
                found = page.evaluate(WIDEST)
                results.check(found <= width, f"{name} at {width}: {found} pixels wide")
                browser.picture(page, f"{name}-{width}-{'dark' if dark else 'light'}")
                page.close()
            context.close()


def paper(browser, results):
    page = browser.page(f"/ads/{browser.ad}?range=7d", dark=True)
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    results.equal(page.locator(".paper .drawing").count(), 1, "paper has a drawing")
    results.equal(page.evaluate("getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)", "paper is light")
    results.check(page.locator(".tools").is_hidden() and page.locator(".printed").last.is_visible(), "no controls, but the time of printing")
    browser.picture(page, "paper")


def without_library(browser, results):
    """The chart library does not come: the same chart as SVG, and nothing is said to the reader."""
    context = browser.context()
    context.route("**/dygraph.min.js", lambda route: route.fulfill(status=200, content_type="text/javascript", body=""))
    page = context.new_page()
    page.goto(f"{browser.base}/ads/{browser.ad}?range=7d")
    page.wait_for_selector(".chart[data-painted]")
    results.check(page.locator(".host .drawing path").count() > 0, "the line is drawn as SVG")
    browser.picture(page, "without-library")


def body(browser, results):
    sideways(browser, results)
    paper(browser, results)
    without_library(browser, results)


GROUP = ("widths", body)

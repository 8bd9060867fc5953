"""Readers who have no JavaScript, no gzip, no motion, forced colours, or paper."""
import re
import urllib.request
import zlib

from browser import settle


def without_script(browser, results):
    page = browser.page("/", ready=False, token=None, java_script_enabled=False)
    results.check("needs JavaScript" in page.inner_text("main"), "it says what it needs")
    results.equal(page.locator("main noscript a, main a").first.get_attribute("href"), "/openapi.json", "and where the numbers are besides")


def plain(browser, results):
    """Every file comes as it is to whom takes no gzip, and packed the same to whom does."""
    def get(path, encoding):
        request = urllib.request.Request(browser.base + path, headers={"Accept-Encoding": encoding})
        with urllib.request.urlopen(request) as answer:
            return answer.headers.get("Content-Encoding"), answer.read()

    page = browser.page("/method", ready=False)
    page.wait_for_selector("h2")
    names = page.evaluate("performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname)")
    files = sorted({name for name in names if name.startswith("/assets/")} | {"/", "/ads/42"})
    results.check(len(files) > 10, f"{len(files)} files")
    for path in files:
        encoding, whole = get(path, "identity")
        packing, packed = get(path, "gzip")
        results.check(encoding is None and packing == "gzip", f"{path}: {encoding}, {packing}")
        results.check(zlib.decompress(packed, 31) == whole, f"{path}: the same bytes")
    context = browser.context(extra_http_headers={"Accept-Encoding": "identity"})
    page = browser.page(f"/ads/{browser.ad}", context=context)
    results.equal(page.inner_text("h1"), browser.ad, "the page without gzip")


def forced(browser, results):
    page = browser.page(f"/ads/{browser.ad}?range=24h&cmp=prev", forced_colors="active")
    found = page.evaluate("""() => {
      const style = (selector, name) => getComputedStyle(document.querySelector(selector))[name];
      return {
        pressed: style('[aria-pressed=true]', 'outlineStyle'), ribbon: style('.ribbon', 'forcedColorAdjust'),
        bar: style('.bar i', 'forcedColorAdjust'), mode: matchMedia('(forced-colors: active)').matches,
      };
    }""")
    results.equal(found, {"pressed": "solid", "ribbon": "none", "bar": "none", "mode": True}, "what is chosen has an edge, data keep their colours")
    browser.picture(page, "forced-colours")


def still(browser, results):
    page = browser.page(f"/ads/{browser.ad}?range=1h", reduced_motion="reduce")
    page.wait_for_selector(".live[data-state=live]")
    moving = page.evaluate("document.getAnimations().map((animation) => animation.animationName ?? animation.transitionProperty)")
    results.equal(moving, [], "nothing moves where less motion is wanted")
    page = browser.page(f"/ads/{browser.ad}?range=1h")
    page.wait_for_selector(".live[data-state=live]")
    moving = page.evaluate("document.getAnimations().map((animation) => animation.animationName)")
    results.equal(moving, ["breathe"], "else the live dot alone")


def paper(browser, results):
    """One page of A4, light, with the chart as a drawing, whatever the screen shows."""
    for path in (f"/ads/{browser.ad}?range=7d", f"/ads/{browser.ad}?range=24h&cmp=prev&m=duplicate", "/?range=24h"):
        page = browser.page(path, dark=True)
        page.wait_for_timeout(300)
        whole = page.pdf(prefer_css_page_size=True, print_background=True)
        pages = len(re.findall(rb"/Type\s*/Page\b(?!s)", whole))
        if path.startswith("/ads"):
            results.equal(pages, 1, f"{path}: pages")
        else:
            results.check(1 <= pages <= 9, f"{path}: {pages} pages")
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        results.equal(page.evaluate("getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)", "paper is light")
        results.equal(page.evaluate("getComputedStyle(document.querySelector('.page')).color"), "rgb(21, 26, 33)", "and its text dark")
        if path.startswith("/ads"):
            results.check(page.locator(".paper .drawing path").count() > 1, f"{path}: the chart is a drawing")
            results.check(page.locator(".paper .ribbon").is_visible(), f"{path}: with its ribbon")
            for text in ("Printed", "CE"):
                results.check(text in page.inner_text(".foot"), f"{path}: {text} stands below")
        results.check("Final until" in page.inner_text(".final") or "final" in page.inner_text(".final"), "how sure it is")
        results.check(page.locator(".tools").is_hidden(), "no controls")
        browser.picture(page, f"paper-{path.split('?')[0].strip('/').replace('/', '-') or 'list'}")
        page.evaluate("dispatchEvent(new Event('afterprint'))")


def enlarged(browser, results):
    """200 %: half as many pixels, twice as large."""
    page = browser.page(f"/ads/{browser.ad}?range=24h", width=640, device_scale_factor=2)
    settle(page)
    results.check(page.evaluate("document.documentElement.scrollWidth") <= 640, "at 200 % nothing scrolls sideways")


def body(browser, results):
    without_script(browser, results)
    plain(browser, results)
    forced(browser, results)
    still(browser, results)
    paper(browser, results)
    enlarged(browser, results)


GROUP = ("readers", body)

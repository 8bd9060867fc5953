"""Everything that is shown stands in the address, and an address shows everything."""
import hashlib
import urllib.parse
from datetime import datetime, timedelta, timezone

from browser import settle

ADDRESSES = [
    "range=1h", "range=7d", "range=30d&g=day", "range=400d", "range=7d&g=minute", "cmp=prev", "range=7d&cmp=week",
    "m=duplicate,bot", "view=table", "range=30d&g=week&view=table",
]


def pressed(page):
    return page.locator(".tools [aria-pressed=true]").all_inner_texts()


def query(page):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlparse(page.url).query))


def restored(browser, results):
    """Reload, and a reader in another zone who is mailed the link, see the same."""
    context, other = browser.context(), browser.context(zone="America/New_York")
    for address in ADDRESSES:
        page = browser.page(f"/ads/{browser.ad}?{address}", context=context)
        wanted = dict(urllib.parse.parse_qsl(address)) | {"tz": "Europe/Berlin"}
        results.equal(query(page), wanted, "the address")
        before = pressed(page)
        page.reload()
        settle(page)
        results.equal(pressed(page), before, f"{address} after a reload")
        mailed = browser.page(page.url.removeprefix(browser.base), context=other)
        results.equal(pressed(mailed), before, f"{address} mailed to New York")
        results.check("Berlin" in mailed.inner_text("#zone"), f"{address}: the link's zone holds")
        page.close()
        mailed.close()


def mailed(browser, results):
    """A link to a time that is over: the same sums and the same picture for readers in three zones."""
    end = datetime.now(timezone.utc).replace(second=0, microsecond=0) - timedelta(hours=3)
    where = f"from={end - timedelta(days=3):%Y-%m-%dT%H:%M:00Z}&to={end:%Y-%m-%dT%H:%M:00Z}&tz=Europe/Berlin&cmp=prev&g=hour"
    seen = []
    for zone in ("Europe/Berlin", "America/New_York", "Asia/Kolkata"):
        page = browser.page(f"/ads/{browser.ad}?{where}", context=browser.context(zone=zone))
        page.wait_for_timeout(200)
        canvas = page.evaluate("[...document.querySelectorAll('.host canvas')].map((canvas) => canvas.toDataURL()).join()")
        seen.append([page.inner_text(".reading"), page.locator("figcaption").text_content(), page.inner_text(".waterfall"),
                     hashlib.sha256(canvas.encode()).hexdigest(), page.locator(".ribbon").evaluate("(node) => node.outerHTML")])
    results.check(len(seen[0][0]) > 0 and seen[1] == seen[0] and seen[2] == seen[0], f"the same everywhere: {[entry[:1] + entry[3:4] for entry in seen]}")


def listed(browser, results):
    page = browser.page("/")
    page.wait_for_selector(".rows a")
    campaign = browser.api(f"/api/v1/ads/{browser.ad}", page.context)["campaignId"]
    page.get_by_role("button", name="Not counted").click()
    page.wait_for_function("() => location.search.includes('sort=-notCounted')")
    page.goto(f"{browser.base}/?campaign={campaign}&sort=adId&range=7d")
    settle(page)
    page.wait_for_selector(".rows a")
    results.equal(query(page), {"campaign": campaign, "sort": "adId", "range": "7d", "tz": "Europe/Berlin"}, "a list's address")
    results.equal(set(page.locator(".rows .under").all_inner_texts()), {campaign}, "one campaign's ads alone")
    found = page.inner_text(".found")
    page.reload()
    settle(page)
    page.wait_for_selector(".rows a")
    results.equal(page.inner_text(".found"), found, "after a reload")
    page.locator(".chip").click()
    page.wait_for_function("() => !location.search.includes('campaign')")
    results.check(page.inner_text(".found") != found, "without the filter there are more")
    page.go_back()
    page.wait_for_function("() => location.search.includes('campaign')")
    results.equal(page.inner_text(".found"), found, "back")


def back(browser, results):
    page = browser.page(f"/ads/{browser.ad}")
    for name in ("Hour", "7 days"):
        page.get_by_role("group", name="Range").get_by_role("button", name=name, exact=True).click()
        settle(page)
    page.get_by_role("button", name="Table").click()
    page.wait_for_selector(".points table")
    results.equal(query(page), {"range": "7d", "view": "table", "tz": "Europe/Berlin"}, "after three choices")
    for wanted in ({"range": "7d"}, {"range": "1h"}, {}):
        page.go_back()
        settle(page)
        results.equal(query(page), wanted | {"tz": "Europe/Berlin"}, "back")
    page.go_forward()
    settle(page)
    results.check("Hour" in pressed(page), f"forward: {pressed(page)}")


def corrected(browser, results):
    page = browser.page(f"/ads/{browser.ad}?range=9y&g=second&tz=Mars/Base&cmp=x&m=evil,bot&view=film&from=1&at=never")
    results.equal(query(page), {"m": "bot", "tz": "Europe/Berlin"}, "what is unknown falls back")


def zoomed(browser, results):
    page = browser.page(f"/ads/{browser.ad}?range=24h")
    box = page.locator(".slider").bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.5, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, y, steps=5)
    page.mouse.up()
    page.wait_for_function("() => location.search.includes('from=')")
    settle(page)
    results.check({"from", "to"} <= set(query(page)), f"dragging zooms: {page.url}")
    page.locator(".slider").dblclick(position={"x": 300, "y": 150})
    page.wait_for_function("() => !location.search.includes('from=')")
    settle(page)
    results.check("24 hours" in pressed(page), f"a double click goes back: {pressed(page)}")


def body(browser, results):
    restored(browser, results)
    mailed(browser, results)
    listed(browser, results)
    back(browser, results)
    corrected(browser, results)
    zoomed(browser, results)


GROUP = ("state", body)

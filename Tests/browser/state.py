"""Everything that is shown stands in the address, and an address shows everything."""
import urllib.parse

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
    back(browser, results)
    corrected(browser, results)
    zoomed(browser, results)


GROUP = ("state", body)

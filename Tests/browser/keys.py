"""By keys alone: find an ad, open it, read points, zoom, go back, open a correction; and what a screen reader is told."""
import re

from browser import settle


def journey(browser, results):
    page = browser.page("/")
    page.wait_for_selector(".rows a")
    page.keyboard.press("/")
    results.equal(page.evaluate("document.activeElement.type"), "search", "the slash finds the field")
    page.keyboard.type(browser.ad)
    page.wait_for_function("name => document.querySelector('.rows a')?.textContent === name", arg=browser.ad)
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == browser.ad:
            break
    page.keyboard.press("Enter")
    page.wait_for_function("id => location.pathname === `/ads/${id}`", arg=browser.ad)
    settle(page)
    results.equal(page.evaluate("document.activeElement.tagName"), "H1", "the focus is at the title of the new page")
    page.keyboard.press("1")
    page.wait_for_function("() => location.search.includes('range=1h')")
    settle(page)
    page.locator(".slider").focus()
    texts = []
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
        texts.append(page.locator(".slider").get_attribute("aria-valuetext"))
    results.equal(len(set(texts)), 10, "ten points are read")
    results.check(all("click" in text and text.count(",") >= 2 for text in texts), f"each with time, count, certainty: {texts[0]}")
    results.check(texts[-1].split(", ")[0] in page.inner_text(".reading"), f"the line reads the same: {texts[-1]}")
    page.keyboard.press("Home")
    first = page.locator(".slider").get_attribute("aria-valuenow")
    results.equal(first, "0", "Home is the first point")
    page.keyboard.press("+")
    page.wait_for_function("() => location.search.includes('from=')")
    settle(page)
    page.locator(".slider").focus()
    page.keyboard.press("Escape")
    page.wait_for_function("() => !location.search.includes('from=')")
    settle(page)
    page.locator(".slider").blur()
    for letter, wanted in (("t", "view=table"), ("c", "cmp=prev")):
        page.keyboard.press(letter)
        page.wait_for_function("text => location.search.includes(text)", arg=wanted)
        page.keyboard.press(letter)
        page.wait_for_function("text => !location.search.includes(text)", arg=wanted)
    page.keyboard.press("2")
    page.wait_for_function("() => !location.search.includes('range')")
    page.keyboard.press("g")
    page.keyboard.press("h")
    page.wait_for_function("() => location.search.includes('g=hour')")
    page.keyboard.press("?")
    page.wait_for_selector("dialog.keys[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog.keys", state="detached")
    results.check(True, "the list of keys closes")


def marks(browser, results):
    page = browser.page(f"/ads/{browser.ad}?range=30d")
    page.wait_for_timeout(300)
    if page.locator(".mark").count() == 0:
        return results.skip("marks: the ad has no corrections in 30 days")
    page.locator(".mark").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".corrections [aria-current]")
    results.check(page.evaluate("document.activeElement.matches('.corrections [aria-current]')"), "the entry has the focus")
    results.check("at=" in page.url, f"it stands in the address: {page.url}")


def spoken(browser, results):
    """What the accessibility tree says of the chart, and a file by keys alone."""
    page = browser.page(f"/ads/{browser.ad}?range=1h")
    page.locator(".slider").focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    sliders = [node for node in nodes if node.get("role", {}).get("value") == "slider"]
    results.equal(len(sliders), 1, "sliders in the accessibility tree")
    results.equal(sliders[0]["name"]["value"], "Points of the chart", "its name")
    # Chromium's tree leaves the text of the value empty; its readers take it from the attribute.
    text = page.locator(".slider").get_attribute("aria-valuetext")
    results.check(re.match(r"\w{3} \d+ \w{3} \d{4}, \d\d:\d\d [\w+:−]+, [\d,]+ clicks?, ", str(text)) is not None, f"its value is the point: {text}")
    snapshot = page.locator(".chart").aria_snapshot()
    results.check(re.match(r'- figure "Clicks of ad .* points by minute, from .* to .* in all; the highest is ', snapshot) is not None,
                  f"the figure has its summary: {snapshot[:200]}")
    for _ in range(40):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.textContent") == "CSV":
            break
    with page.expect_download() as file:
        page.keyboard.press("Enter")
    results.check(file.value.suggested_filename.startswith(browser.ad), f"the file by keys: {file.value.suggested_filename}")


def rows(browser, results):
    page = browser.page("/?range=7d")
    page.wait_for_selector(".rows a")
    page.locator(".rows a").first.focus()
    seen = []
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "PageDown", "Home"):
        page.keyboard.press(key)
        page.wait_for_timeout(60)
        seen.append(page.evaluate("Number(document.activeElement.closest('.row')?.getAttribute('aria-rowindex')) - 2"))
    count = int(page.locator(".list").get_attribute("aria-rowcount")) - 1
    results.check(seen[:3] == [1, 2, 1] and (count < 12 or seen[3] > 3) and seen[4] == 0, f"arrows and pages move the focus: {seen}")
    box = page.evaluate("getComputedStyle(document.activeElement, '::after').outlineStyle")
    results.equal(box, "solid", "the row with the focus has an edge")


def switched_off(browser, results):
    page = browser.page(f"/ads/{browser.ad}")
    page.keyboard.press("?")
    page.locator("dialog.keys input").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    page.wait_for_timeout(200)
    results.check("view=table" not in page.url, "letters that are switched off do nothing")


def body(browser, results):
    journey(browser, results)
    marks(browser, results)
    spoken(browser, results)
    rows(browser, results)
    switched_off(browser, results)


GROUP = ("keys", body)

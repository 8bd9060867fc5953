"""By keys alone: find an ad, open it, read points, zoom, go back, open a correction; and what a screen reader is told."""
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
    switched_off(browser, results)


GROUP = ("keys", body)

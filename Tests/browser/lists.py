"""The lists: order, finding, the length that is told, rows that keep their focus."""
from browser import number, settle


def order(browser, results):
    page = browser.page("/?range=7d")
    page.wait_for_selector(".rows .row")
    clicks = [number(text) for text in page.locator(".rows .clicks").all_inner_texts()]
    results.equal(clicks, sorted(clicks, reverse=True), "the heaviest first")
    page.get_by_role("button", name="Ad", exact=True).click()
    page.wait_for_function("() => location.search.includes('sort=adId')")
    names = page.locator(".rows a").all_inner_texts()
    results.equal(names, sorted(names), "by name")
    count = int(page.locator(".list").get_attribute("aria-rowcount")) - 1
    results.check(f"{count:,} ad" in page.inner_text(".found"), "the true length is told")
    results.check(page.locator(".rows .row").count() <= 60, f"{page.locator('.rows .row').count()} rows are in the document")
    if count > 60:
        page.locator(".rows a").first.focus()
        page.keyboard.press("End")
        page.wait_for_timeout(300)
        last = page.evaluate("Number(document.activeElement.closest('.row').getAttribute('aria-rowindex'))")
        results.equal(last, count + 1, "End goes to the last row")


def finding(browser, results):
    page = browser.page("/")
    page.fill(".find", browser.ad)
    page.wait_for_function("() => location.search.includes('q=')")
    results.check(browser.ad in page.locator(".rows a").all_inner_texts(), "the ad is found")
    page.fill(".find", "nothing has this name")
    page.wait_for_selector(".empty")
    results.check("nothing has this name" in page.inner_text(".empty"), "no match is said")
    page.click(".empty button")
    page.wait_for_selector(".rows a")


def lines(browser, results):
    page = browser.page("/")
    page.fill(".find", browser.ad)
    page.wait_for_selector(".rows .spark")
    page.goto(f"{browser.base}/campaigns")
    settle(page)
    results.equal(page.inner_text("h1"), "Campaigns", "campaigns")


def body(browser, results):
    order(browser, results)
    finding(browser, results)
    lines(browser, results)


GROUP = ("lists", body)

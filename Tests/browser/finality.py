"""What happens to counts while somebody watches: a click is seen within a second; its minute is closed, recounted and corrected; a
month that has ended is sealed and credited. The line, the ribbon, the pill, the words and what is to be paid follow."""
import time

from browser import number, settle
from sample import AD, CAMPAIGNS


def body(browser, results):
    sample = browser.sample
    if sample is None:
        return results.skip("counts that move on (a server of its own)")
    sample.stop_traffic()
    minute(browser, results, sample)
    month(browser, results, sample)


def total(page):
    return number(page.inner_text(".reading b"))


def until(page, what, results, test, argument=None, seconds=100):
    try:
        page.wait_for_function(test, arg=argument, timeout=seconds * 1_000)
        return results.check(True, what)
    except Exception as error:
        return results.check(False, f"{what}: {str(error).splitlines()[0]}")


def minute(browser, results, sample):
    # A recount of everything, so that what follows is told from the beginning.
    sample.tally("reconcile")
    page = browser.page(f"/ads/{AD}?range=1h")
    page.wait_for_selector(".live[data-state=live]")
    # From the beginning of a minute on, so that all of it falls into one.
    time.sleep(60 - time.time() % 60 + 0.5)
    page.wait_for_timeout(1_500)
    before = total(page)
    began = time.monotonic()
    sample.click()
    if until(page, "a click is seen", results, "n => parseInt(document.querySelector('.reading b').textContent.replaceAll(',', '')) === n", before + 1, 5):
        print(f"  a click was seen after {time.monotonic() - began:.2f} s", flush=True)
    # Repeats that the live check has forgotten: they count until a recount.
    sample.repeats(4)
    until(page, "repeats count at first", results, "n => parseInt(document.querySelector('.reading b').textContent.replaceAll(',', '')) === n", before + 9, 5)
    page.locator(".slider").focus()
    page.keyboard.press("ArrowLeft")
    point = page.locator(".slider").get_attribute("aria-valuetext")
    results.check(point.endswith("9 clicks, still counting"), f"its minute is still counting: {point}")
    results.check("still counting" in page.inner_text(".reading .pill"), "the pill says so")
    when = ",".join(point.split(",")[:2])
    hatched = page.locator(".ribbon rect[fill='url(#hatch)']").count()
    results.equal(hatched, 1, "and the ribbon is hatched there")

    def at_minute(words):
        """Whether the minute that was clicked in says these words; the cursor goes to it."""
        page.locator(".slider").focus()
        page.keyboard.press("End")
        for _ in range(6):
            text = page.locator(".slider").get_attribute("aria-valuetext")
            if text.startswith(when):
                return text.endswith(words), text
            page.keyboard.press("ArrowLeft")
        return False, "it is not there"

    def becomes(words, what, seconds):
        for _ in range(seconds * 2):
            holds, text = at_minute(words)
            if holds:
                break
            page.wait_for_timeout(500)
        results.check(holds, f"{what}: {text}")

    becomes("9 clicks, closed", "it is closed when late clicks were waited for", 90)
    sample.tally("reconcile")
    becomes("5 clicks, recounted", "and recounted, without the repeats", 30)
    page.locator(".slider").blur()
    until(page, "the correction has a mark", results, "() => document.querySelector('.mark')?.textContent === '−4'", None, 20)
    row = page.locator(".fall", has_text="Corrected by recounts")
    until(page, "and a row of its own", results,
          "() => [...document.querySelectorAll('.fall')].some((row) => row.textContent.includes('Corrected by recounts') && row.textContent.includes('−4'))", None, 30)
    results.check(row.count() == 1, "one row")
    page.locator(".mark").first.click()
    page.wait_for_selector(".corrections [aria-current]")
    results.check("Repeat found" in page.inner_text(".corrections [aria-current]"), "it opens by mouse, with its reason")
    page.keyboard.press("Enter")
    page.wait_for_function("() => !document.querySelector('.corrections [aria-current]')")
    page.locator(".slider").focus()
    page.keyboard.press("Home")
    page.keyboard.press("n")
    page.keyboard.press("Enter")
    page.wait_for_selector(".corrections [aria-current]")
    results.check("at=" in page.url, "and by key")
    sums(browser, results, page)


def sums(browser, results, page):
    """gross = clicks − corrected + verdicts without unknown, to the click, in the API and on the page."""
    names = ["duplicate", "bot", "expired", "prefetch", "bad-signature", "head", "paused", "unrecorded"]
    context = browser.context()
    answer = browser.api(f"/api/v1/ads/{AD}/aggregates?from=-2h&to=now&granularity=hour&metrics=clicks,corrected,unknown,gross,{','.join(names)}", context)
    metrics = answer["metrics"]
    results.check(metrics["corrected"] != 0, f"there are corrections: {metrics}")
    results.equal(metrics["gross"], answer["total"] - metrics["corrected"] + sum(metrics[name] for name in names), "gross of the API")


def month(browser, results, sample):
    page = browser.page(f"/ads/{AD}?range=400d")
    page.wait_for_selector(".live[data-state=live]")
    results.equal(page.locator(".ribbon rect[fill='var(--seal)']").count(), 0, "nothing is sealed at first")
    sample.tally("reconcile")
    sample.sealing()
    sample.tally("reconcile")
    # What tells the page is a recount that has come further.
    for _ in range(3):
        sample.click()
    # Until a minute that was open before is closed.
    time.sleep(68 - time.time() % 60)
    sample.tally("reconcile")
    until(page, "the ribbon shows the sealed month", results, "() => document.querySelectorAll(\".ribbon rect[fill='var(--seal)']\").length === 1", None, 100)
    until(page, "the credit has a mark", results, "() => [...document.querySelectorAll('.mark')].some((mark) => mark.textContent === 'C')", None, 40)
    until(page, "what is to be paid is told", results, "() => document.querySelector('.waterfall')?.textContent.includes('To pay')", None, 40)
    rows = {row.locator(".name").inner_text(): number(row.locator(".number").inner_text()) for row in page.locator(".fall").all()}
    results.equal(rows.get("Credits after sealing"), 14, "the credits")
    results.equal(rows.get("To pay"), rows["Clicks"] + 14, "to pay")
    results.check("sealed, so the count stays" in page.inner_text(".corrections"), "the credit says what it is")
    end = sample.ended_month()
    page = browser.page(f"/ads/{AD}?from={end:%Y-%m}-01T00:00:00Z&to={end:%Y-%m}-08T00:00:00Z&view=table&tz=UTC")
    pills = set(page.locator(".points .pill").all_inner_texts())
    results.check(all("sealed" in text for text in pills), f"points of the month are sealed: {pills}")
    results.check("Everything shown is final." in page.inner_text(".final"), "and everything is final")
    settle(page)
    page = browser.page(f"/campaigns/{CAMPAIGNS[0]}?range=400d")
    page.wait_for_timeout(1_000)
    if "cannot be told" in page.inner_text(".panels"):
        return results.skip("corrections of a campaign: the server has no such route")
    results.check("To pay" in page.inner_text(".waterfall"), "a campaign says what is to be paid")
    results.check(page.locator(".corrections li").count() >= 2, "and lists corrections and credits of its ads")


GROUP = ("finality", body)

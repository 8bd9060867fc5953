"""The line, the table, the file and the query have the same numbers, at every granularity; the waterfall adds up."""
import csv
import io
import re
from datetime import datetime, timedelta, timezone

from browser import number, settle


def instants(days=0, hours=0, ago=180):
    """A range that has ended, so that no click comes in between: its parameters."""
    end = datetime.now(timezone.utc).replace(second=0, microsecond=0) - timedelta(minutes=ago)
    start = end - timedelta(days=days, hours=hours)
    return "&".join(f"{name}={moment:%Y-%m-%dT%H:%M:00Z}" for name, moment in (("from", start), ("to", end)))


def same(browser, results):
    context = browser.context()
    for span, granularities in (
            ({"hours": 5}, ("minute", "hour")), ({"days": 9}, ("minute", "hour", "day", "week")), ({"days": 70}, ("hour", "day", "week", "month"))):
        where = instants(**span)
        for granularity in granularities:
            name = f"{span} by {granularity}"
            page = browser.page(f"/ads/{browser.ad}?{where}&g={granularity}", context=context)
            drawn = number(page.inner_text(".reading b"))
            said = page.locator(".chart figcaption").text_content()
            answer = browser.api(
                f"/api/v1/ads/{browser.ad}/aggregates?{where}&granularity={granularity}&tz=Europe/Berlin&limit=100000", context)
            results.equal(drawn, answer["total"], f"{name}: the reading line and the query's total")
            results.equal(sum(point["clicks"] for point in answer["series"]), drawn, f"{name}: the query's points")
            results.check(f"{drawn:,} click" in said, f"{name}: the summary says {said}")
            with page.expect_download() as file:
                page.get_by_role("button", name="CSV").click()
            with open(file.value.path(), newline="") as text:
                rows = list(csv.DictReader(io.StringIO(text.read())))
            results.equal(sum(int(row["clicks"]) for row in rows), drawn, f"{name}: the file")
            page.get_by_role("button", name="Table").click()
            page.wait_for_selector(".points table")
            results.equal(number(page.inner_text(".points caption").split(", ", 1)[1]), drawn, f"{name}: the table's caption")
            if len(rows) <= 500:
                cells = page.locator(".points tbody td:nth-child(2)").all_inner_texts()
                results.equal(sum(map(number, cells)), drawn, f"{name}: the table's rows")
            page.close()


# The rows of the waterfall, and the reading line as the chart's own sum: of one moment, as clicks come in meanwhile.
SUMS = """() => ({
  rows: Object.fromEntries([...document.querySelectorAll('.fall')].map((row) =>
    [row.querySelector('.name').innerText, row.querySelector('.number').innerText])),
  reading: document.querySelector('.reading b').innerText,
})"""


def waterfall(browser, results):
    for range_ in ("1h", "7d", "400d"):
        page = browser.page(f"/ads/{browser.ad}?range={range_}")
        # What the stream tells the chart and what the page asks for the waterfall come one after the other; they meet soon.
        for _ in range(40):
            sums = page.evaluate(SUMS)
            rows, drawn = {name: number(value) for name, value in sums["rows"].items()}, number(sums["reading"])
            if rows.get("Clicks") == drawn:
                break
            page.wait_for_timeout(250)
        clicks, gross = rows["Clicks"], rows["All requests"]
        to_pay, credits = rows.get("To pay"), rows.get("Credits after sealing", 0)
        between = sum(value for name, value in rows.items()
                      if name not in ("Clicks", "All requests", "To pay", "Credits after sealing"))
        results.equal(gross + between, clicks, f"{range_}: from all requests down to the clicks")
        results.equal(drawn, clicks, f"{range_}: the chart and the waterfall")
        if to_pay is not None:
            results.equal(clicks + credits, to_pay, f"{range_}: to pay")
        page.close()


def certainty(browser, results):
    page = browser.page(f"/ads/{browser.ad}?range=1h&view=table")
    pills = page.locator(".points .pill").all_inner_texts()
    results.check("still counting" in pills[0], f"the newest minute: {pills[0]!r}")
    final = page.inner_text(".final")
    results.check(re.search(r"Final until \d\d:\d\d", final) is not None, f"it says how far it is final: {final!r}")
    page.get_by_role("button", name="Chart").click()
    settle(page)
    patterns = page.locator(".ribbon rect[fill='url(#hatch)']").count()
    results.equal(patterns, 1, "one hatched strip")


def verdicts(browser, results):
    page = browser.page(f"/ads/{browser.ad}?range=24h")
    page.get_by_role("checkbox", name="Robots").check(force=True)
    page.wait_for_function("() => location.search.includes('m=bot')")
    settle(page)
    results.check("robots" in page.inner_text(".reading"), "its series joins the chart")
    results.equal(page.locator(".line-label").all_text_contents(), ["Robots"], "its name at its end")


def body(browser, results):
    same(browser, results)
    waterfall(browser, results)
    certainty(browser, results)
    verdicts(browser, results)


GROUP = ("counts", body)

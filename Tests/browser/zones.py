"""Zones: the page's own arithmetic against Python's zoneinfo, and the nights in which clocks change."""
import random
import time
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

NAMES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns",
         "Pacific/Apia", "Europe/Lisbon", "Asia/Tehran", "America/Sao_Paulo", "UTC"]

CHANGES = """async ([assets, names, from, to]) => {
  const { zone } = await import(`${assets}/zone.js`);
  return names.map((name) => zone(name).changesIn(from, to).map(({ at, minutes }) => [at, minutes]));
}"""
OFFSETS = """async ([assets, name, times]) => {
  const { zone } = await import(`${assets}/zone.js`);
  return times.map((time) => zone(name).offset(time) / 1000);
}"""
TICKS = """async ([assets, name, from, to]) => {
  const { zone } = await import(`${assets}/zone.js`);
  const { timeTicks } = await import(`${assets}/ticks.js`);
  return timeTicks(from, to, 1200, zone(name)).map(({ at, label }) => [at, label]);
}"""


def offset(name, milliseconds):
    moment = datetime.fromtimestamp(milliseconds / 1000, timezone.utc).astimezone(ZoneInfo(name))
    return moment.utcoffset().total_seconds()


def arithmetic(browser, results):
    page = browser.page("/method", ready=False)
    page.wait_for_selector("h2")
    assets = page.evaluate("document.documentElement.dataset.assets")
    seed = time.time_ns() % 1_000_000
    chance = random.Random(seed)
    begin, end = (int(datetime(year, 1, 1, tzinfo=timezone.utc).timestamp() * 1000) for year in (2020, 2027))
    found = page.evaluate(CHANGES, [assets, NAMES, begin, end])
    for name, changes in zip(NAMES, found):
        times = [chance.randrange(begin, end, 60_000) for _ in range(200)]
        times += [at + step for at, _ in changes for step in (-60_000, -1_000, 0, 60_000)]
        wrong = [(at, mine) for at, mine in zip(times, page.evaluate(OFFSETS, [assets, name, times])) if mine != offset(name, at)]
        results.check(not wrong, f"{name}, seed {seed}: {len(wrong)} of {len(times)} offsets, {wrong[:3]}")


def labels(browser, results):
    page = browser.page("/method", ready=False)
    page.wait_for_selector("h2")
    assets = page.evaluate("document.documentElement.dataset.assets")
    for name, day, wanted in [
            ("Europe/Berlin", datetime(2026, 10, 25), ["02:00", "02:00"]), ("Europe/Berlin", datetime(2026, 3, 29), []),
            ("America/New_York", datetime(2026, 11, 1), ["02:00"]), ("America/New_York", datetime(2026, 3, 8), []),
            ("Australia/Lord_Howe", datetime(2026, 4, 5), ["02:00"]), ("Australia/Lord_Howe", datetime(2026, 10, 4), []),
            ("Asia/Kolkata", datetime(2026, 10, 25), ["02:00"]), ("Asia/Kolkata", datetime(2026, 3, 29), ["02:00"])]:
        start = int(day.replace(tzinfo=ZoneInfo(name)).timestamp() * 1000)
        ticks = page.evaluate(TICKS, [assets, name, start, start + 6 * 3_600_000])
        results.equal([label for _, label in ticks if label == "02:00"], wanted, f"{name}, {day:%d %b}: labels at two")
        for at, label in ticks:
            local = datetime.fromtimestamp(at / 1000, ZoneInfo(name))
            results.check(label in (f"{local:%H:%M}", f"{local.day} {local:%b}"), f"{name}: {label} stands at {local}")


# Days on which clocks change, and the length of each in hours.
DAYS = [("Europe/Berlin", datetime(2026, 3, 29), 23), ("Europe/Berlin", datetime(2026, 10, 25), 25), ("America/New_York", datetime(2026, 3, 8), 23),
        ("America/New_York", datetime(2026, 11, 1), 25), ("Australia/Lord_Howe", datetime(2026, 10, 4), 23.5),
        ("Australia/Lord_Howe", datetime(2026, 4, 5), 24.5), ("Asia/Kolkata", datetime(2026, 3, 29), 24), ("Asia/Kolkata", datetime(2026, 10, 25), 24)]


def days(browser, results):
    """Days of 23 and 25 hours: their length on the page, and the table's clicks against the hours of the query."""
    page = browser.page("/method", ready=False)
    page.wait_for_selector("h2")
    assets = page.evaluate("document.documentElement.dataset.assets")
    context = browser.context()
    for name, day, hours in DAYS:
        start = day.replace(tzinfo=ZoneInfo(name))
        end = (day + timedelta(days=1)).replace(tzinfo=ZoneInfo(name))
        moments = [int(moment.timestamp() * 1000) for moment in (start, end)]
        found = page.evaluate("""async ([assets, name, time]) => {
          const { zone } = await import(`${assets}/zone.js`);
          return [zone(name).floor(time, 'day'), zone(name).next(time, 'day')];
        }""", [assets, name, moments[0] + 12 * 3_600_000])
        results.equal(found, moments, f"{name}, {day:%d %b}: the day's bounds")
        results.equal((found[1] - found[0]) / 3_600_000, hours, f"{name}, {day:%d %b}: its hours")
        if hours != int(hours) or name == "Asia/Kolkata":
            continue
        # Both times of the hour that stands twice have a row, with its abbreviation.
        where = f"from={start.astimezone(timezone.utc):%Y-%m-%dT%H:%M:00Z}&to={end.astimezone(timezone.utc):%Y-%m-%dT%H:%M:00Z}&tz={name}"
        table = browser.page(f"/ads/{browser.ad}?{where}&g=hour&view=table", context=context)
        heads = table.locator(".points tbody th").all_inner_texts()
        wanted = [f"{(start.astimezone(timezone.utc) + timedelta(hours=i)).astimezone(ZoneInfo(name)):%a %-d %b %Y, %H:%M %Z}" for i in range(int(hours))]
        results.equal(heads, wanted[::-1], f"{name}, {day:%d %b}: the table's rows")
        clicks = sum(int(text.replace(",", "")) for text in table.locator(".points tbody td:nth-child(2)").all_inner_texts())
        answer = browser.api(f"/api/v1/ads/{browser.ad}/aggregates?{where}&granularity=day", context)
        results.equal(clicks, answer["total"], f"{name}, {day:%d %b}: hours and the day")
        table.close()


def shown(browser, results):
    page = browser.page(f"/ads/{browser.ad}?range=24h&g=hour&view=table&tz=Asia/Kolkata")
    heads = page.locator(".points tbody th").all_inner_texts()
    results.check(all(":30 IST" in head or ":30 UTC" in head for head in heads), f"hours in Kolkata start at :30: {heads[0]}")
    results.check("Kolkata" in page.inner_text("#zone") and "Kolkata" in page.inner_text(".points thead"), "the zone is said")
    page.click("#zone")
    page.fill(".zones input", "new york")
    page.keyboard.press("Enter")
    page.wait_for_function("() => location.search.includes('tz=America/New_York')")
    page.wait_for_function("() => document.querySelector('.points thead')?.textContent.includes('New York')")
    page.goto(f"{browser.base}/")
    page.wait_for_selector("h1")
    results.check("New York" in page.inner_text("#zone"), "the choice is remembered")


def body(browser, results):
    arithmetic(browser, results)
    labels(browser, results)
    days(browser, results)
    shown(browser, results)


GROUP = ("zones", body)

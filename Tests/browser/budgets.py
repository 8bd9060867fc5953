"""How large the page is and how long it takes, printed; sizes are held, times are not: they are another machine's."""
import gzip
import statistics
import urllib.request

from browser import settle

# Bytes of the page's own HTML, CSS and JavaScript as they come, packed.
FIRST_LIST = 40 * 1024
LARGEST_FILE = 15 * 1024
LEAK = 5 << 20


def own_files(page):
    """Path and packed size of the page's own files that it has loaded."""
    names = page.evaluate("performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname)")
    return sorted({name for name in names if name.startswith("/assets/") and "/lib/" not in name} | {"/"})


def packed(browser, path):
    request = urllib.request.Request(browser.base + path, headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request) as answer:
        return len(answer.read())


def sizes(browser, results):
    for name, path, limit in (("the list", "/", FIRST_LIST), ("an ad", f"/ads/{browser.ad}", None), ("operations", "/ops", None), ("how we count", "/method", None)):
        page = browser.page(path)
        page.wait_for_timeout(500)
        files = own_files(page)
        sum_ = sum(packed(browser, file) for file in files)
        print(f"  {name}: {len(files)} files, {sum_ / 1024:.1f} KiB", flush=True)
        if limit:
            results.check(sum_ <= limit, f"{name}: {sum_} bytes, at most {limit}")
        for file in files:
            size = len(urllib.request.urlopen(browser.base + file).read())
            results.check(size <= LARGEST_FILE, f"{file}: {size} bytes")
        page.close()


def answers(browser, results):
    """What a list of so many ads brings over the wire."""
    context = browser.context()
    total = 0
    page = context.new_page()

    def note(response):
        nonlocal total
        if "/api/" in response.url:
            total += len(gzip.compress(response.body(), 6))
    page.on("response", note)
    page.goto(browser.base + "/")
    settle(page)
    page.wait_for_timeout(500)
    print(f"  the list's answers: {total / 1024:.0f} KiB, about", flush=True)


def paints(browser, results):
    first, drawn = [], []
    for _ in range(5):
        context = browser.context()
        page = context.new_page()
        page.goto(browser.base + "/")
        page.wait_for_selector(".rows a")
        first.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"))
        drawn.append(page.evaluate("performance.now()"))
        settle(page)
        rows = page.locator(".rows .row").count()
        nodes = page.evaluate("document.querySelectorAll('main *').length")
        context.close()
        browser.contexts.remove(context)
    print(f"  the list: first paint {statistics.median(first):.0f} ms, first rows {statistics.median(drawn):.0f} ms (medians of 5); "
          f"{rows} rows, {nodes} nodes", flush=True)
    results.check(rows <= 60, f"{rows} rows are in the document")
    results.check(nodes <= 1_000, f"{nodes} nodes")


CLICK = """(label) => new Promise((resolve) => {
  const chart = document.querySelector('.chart');
  delete chart.dataset.painted;
  const began = performance.now();
  new MutationObserver((_, observer) => {
    if (!chart.dataset.painted) return;
    observer.disconnect();
    resolve(performance.now() - began);
  }).observe(chart, { attributes: true });
  [...document.querySelectorAll('[aria-label=Range] button')].find((button) => button.textContent === label).click();
})"""


def charts(browser, results):
    page = browser.page(f"/ads/{browser.ad}?range=1h")
    times = {label: page.evaluate(CLICK, label) for label in ("24 hours", "7 days", "30 days", "400 days")}
    again = page.evaluate(CLICK, "Hour"), page.evaluate(CLICK, "400 days")
    words = ", ".join(f"{label} {time:.0f}" for label, time in times.items())
    print(f"  click to drawn, ms: {words}; back to the hour {again[0]:.0f}, 400 days again {again[1]:.0f}", flush=True)
    import datetime
    end = datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0)
    for points in (9_600, 44_640, 100_000):
        start = end - datetime.timedelta(minutes=points)
        page = browser.page(f"/ads/{browser.ad}?from={start:%Y-%m-%dT%H:%M:00Z}&to={end:%Y-%m-%dT%H:%M:00Z}&g=minute")
        drawn = page.evaluate("""() => new Promise((resolve) => {
          const began = performance.now();
          dispatchEvent(new Event('tally:theme'));
          requestAnimationFrame(() => resolve(performance.now() - began));
        })""")
        found = int(page.locator(".slider").get_attribute("aria-valuemax")) + 1
        results.equal(found, points, "points that are drawn")
        page.locator(".slider").focus()
        step = page.evaluate("""() => {
          const slider = document.querySelector('.slider');
          const began = performance.now();
          for (let i = 0; i < 20; i += 1) slider.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowLeft', bubbles: true }));
          return (performance.now() - began) / 20;
        }""")
        print(f"  {points} points: drawn again in {drawn:.0f} ms, a key {step:.1f} ms, heap {heap(page) / 1e6:.1f} MB", flush=True)
        page.close()


def heap(page):
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.enable")
    for _ in range(3):
        session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    metrics = {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    return metrics["JSHeapUsedSize"]


def leaks(browser, results):
    """A hundred changes of page leave nothing behind."""
    page = browser.page("/campaigns?range=1h")

    def turn(times):
        for i in range(times):
            page.evaluate("path => document.querySelector(`.pages a[data-page=${path}]`).click()", ("ads", "campaigns", "ops")[i % 3])
            page.wait_for_timeout(60)
            if i % 3 == 0:
                page.evaluate("document.querySelector('.rows a')?.click()")
                page.wait_for_timeout(120)
    turn(12)
    page.wait_for_timeout(1_500)
    before = heap(page)
    turn(76)
    page.evaluate("document.querySelector('.pages a[data-page=ops]').click()")
    page.wait_for_timeout(1_500)
    after = heap(page)
    print(f"  heap before and after 100 changes of page: {before / 1e6:.1f}, {after / 1e6:.1f} MB", flush=True)
    results.check(after - before <= LEAK, f"{after - before} bytes are left behind")
    results.equal(page.locator("main > *").count(), 1, "pages in the document")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")


def body(browser, results):
    sizes(browser, results)
    answers(browser, results)
    paints(browser, results)
    charts(browser, results)
    leaks(browser, results)


GROUP = ("budgets", body)

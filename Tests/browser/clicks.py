"""Links in a real browser, from another site and from its own: speculation, back and forward, double clicks, pings, beacons.
Every impression that somebody clicked counts exactly once; what nobody clicked counts nothing."""
import json
import time
import urllib.request

from publisher import Publisher

AD = "links"


class Links:
    """Fresh links to one ad, pages that carry them, and what became of each."""

    def __init__(self, browser, results):
        self.browser, self.results = browser, results
        self.publisher = Publisher(browser.base.removeprefix("http://"))
        self.ad = f"{AD}-{time.time_ns()}"
        self.clicked, self.pages = [], 0
        self.context = browser.context(token=None)
        self.ask(f"/api/v1/ads/{self.ad}", "PUT", {
            "redirectUrl": f"{self.publisher.site}/landing/{{impressionId}}", "advertiserId": "publisher"})

    def ask(self, path, method="GET", body=None):
        request = urllib.request.Request(
            self.browser.base + path, method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.browser.token}", "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())

    def mint(self):
        """The path and query of a fresh link."""
        url = self.ask(f"/api/v1/ads/{self.ad}/impressions", "POST")["clickUrl"]
        return "/click?" + url.partition("/click?")[2]

    def open(self, body, own=False):
        """A page with this body, of the publisher's site or (`own`) of the links' origin."""
        self.pages += 1
        path = f"/pages/{self.pages}"
        self.publisher.pages[path] = f"<!doctype html><title>page</title><p>words</p>{body}"
        page = self.context.new_page()
        page.goto((self.publisher.gateway if own else self.publisher.site) + path)
        return page

    def anchor(self, link, more=""):
        return f'<a id="link" href="{self.url(link)}" {more}>an ad</a>'

    def url(self, link):
        return (self.publisher.gateway + link).replace("&", "&amp;")

    def wait(self, link, count, what):
        """The requests for a link, once there are so many."""
        end = time.monotonic() + 20
        while len(self.publisher.of(link)) < count and time.monotonic() < end:
            self.breathe()
        found = self.publisher.of(link)
        self.results.check(len(found) >= count, f"{what}: {found}, wanted {count} requests")
        return found

    def breathe(self):
        """Lets the browser go on, which acts only while somebody waits for it."""
        self.context.pages[-1].wait_for_timeout(50)

    def click(self, page, link, what):
        """A reader clicks and is at the target."""
        with page.expect_navigation(url="**/landing/**"):
            page.click("#link")
        self.counts(link, what)

    def arrive(self, page):
        """Waits until the page is at the target, however many navigations were given up before."""
        end = time.monotonic() + 20
        while "/landing/" not in page.url and time.monotonic() < end:
            page.wait_for_timeout(50)
        self.results.check("/landing/" in page.url, f"{page.url} is the target")

    def counts(self, link, what):
        """The impression is somebody's click: of all its requests exactly one counted, and no redirect may be stored."""
        self.clicked.append(link)
        self.once(link, what)

    def once(self, link, what):
        found = self.publisher.of(link)
        self.results.equal([request.verdict for request in found].count("valid"), 1, f"{what}: clicks of {found}")
        self.results.check(all(request.cache == "no-store" for request in found), f"{what}: no answer may be stored")

    def total(self):
        return self.ask(f"/api/v1/ads/{self.ad}/aggregates?from=-1h&to=now&granularity=hour")["total"]


def speculation(links):
    """What a browser asks for before anybody clicks is answered 503, and asked for again by the click."""
    rules = '<script type="speculationrules">{"%s":[{"source":"list","urls":["%s"],"eagerness":"immediate"}]}</script>'
    ways = [("prefetch", False, "prefetch"), ("prefetch", True, "prefetch"), ("prerender", True, "prefetch;prerender")]
    asked = 0
    for way, own, purpose in ways:
        what = f"{way} from {'its own origin' if own else 'another site'}"
        link = links.mint()
        page = links.open(links.anchor(link) + rules % (way, links.publisher.gateway + link), own)
        found = links.wait(link, 1, what)
        asked += len(found)
        for request in found:
            links.results.equal((request.purpose, request.status, request.verdict, request.cache),
                                (purpose, 503, "prefetch", "no-store"), what)
        links.click(page, link, what)
        page.close()
    for own in (False, True):
        what = f"<link rel=prefetch> from {'its own origin' if own else 'another site'}"
        link = links.mint()
        page = links.open(f'<link rel="prefetch" href="{links.url(link)}">' + links.anchor(link), own)
        found = links.wait(link, 1, what)
        asked += len(found)
        links.results.equal([request.verdict for request in found], ["prefetch"], what)
        links.click(page, link, what)
        page.close()
    # What nobody clicks.
    link = links.mint()
    links.open(rules % ("prefetch", links.publisher.gateway + link)).wait_for_timeout(300)
    found = links.wait(link, 1, "prefetched and left")
    links.results.check(all(request.verdict == "prefetch" for request in found), f"prefetched and left: {found}")
    return asked + len(found)


def history(links):
    """Back, forward and reload ask for nothing; the same link clicked again is a repeat that reaches the server."""
    link = links.mint()
    page = links.open(links.anchor(link))
    links.click(page, link, "a click")
    landing = page.url
    page.go_back()
    page.wait_for_selector("#link")
    page.go_forward()
    links.results.equal(page.url, landing, "forward")
    page.reload()
    links.results.equal(page.url, landing, "reload")
    links.results.equal(len(links.publisher.of(link)), 1, "requests by back, forward and reload")
    page.go_back()
    with page.expect_navigation(url="**/landing/**"):
        page.click("#link")
    found = links.wait(link, 2, "clicked again")
    links.results.equal([request.verdict for request in found], ["valid", "duplicate"], "no cache answers for the server")
    links.once(link, "clicked again")
    page.close()
    # A reader who reloads the link itself, as from a mail.
    link = links.mint()
    page = links.context.new_page()
    for _ in range(3):
        page.goto(links.publisher.gateway + link)
    links.results.equal([request.verdict for request in links.publisher.of(link)], ["valid", "duplicate", "duplicate"], "typed three times")
    links.counts(link, "typed three times")
    page.close()


def presses(links):
    """A double click, impatient ones, a new tab."""
    link = links.mint()
    page = links.open(links.anchor(link))
    page.locator("#link").dblclick(no_wait_after=True)
    links.arrive(page)
    links.counts(link, "a double click")
    page.close()
    link = links.mint()
    page = links.open(links.anchor(link))
    page.evaluate("for (let i = 0; i < 10; i++) document.getElementById('link').click()")
    links.arrive(page)
    links.counts(link, "ten impatient clicks")
    page.close()
    for what, more, press in (("a new window", 'target="_blank" rel="noopener"', {}), ("a new tab", "", {"modifiers": ["Control"]}),
                              ("the middle button", "", {"button": "middle"})):
        link = links.mint()
        page = links.open(links.anchor(link, more))
        with links.context.expect_page() as opened:
            page.click("#link", **press)
        links.arrive(opened.value)
        links.counts(link, what)
        opened.value.close()
        page.close()


def pings(links):
    link = links.mint()
    target = f"{links.publisher.site}/landing/ping"
    page = links.open(f'<a id="link" href="{target}" ping="{links.url(link)}">an ad</a>')
    with page.expect_navigation(url="**/landing/**"):
        page.click("#link")
    found = links.wait(link, 1, "a ping")
    links.results.equal([(request.method, request.status) for request in found], [("POST", 204)], "a ping")
    links.results.equal(found[0].fields["Content-Type"] if found else None, "text/ping", "a ping's type")
    links.counts(link, "a ping")
    page.close()


def beacons(links):
    """From another site: with text as it is, with JSON after a preflight; a fetch that outlives its page."""
    json_blob = "new Blob(['{}'], { type: 'application/json' })"
    simple, asked = [("POST", 204)], [("OPTIONS", 204), ("POST", 204)]
    for what, script, wanted in [
            ("a beacon with nothing", "url => navigator.sendBeacon(url)", simple),
            ("a beacon with text", "url => navigator.sendBeacon(url, 'words')", simple),
            ("a beacon with JSON", f"url => navigator.sendBeacon(url, {json_blob})", asked),
            ("a fetch", "url => fetch(url, { method: 'POST', keepalive: true }).then(answer => answer.status === 204)", simple),
            ("a fetch with JSON and credentials", """url => fetch(url, { method: 'POST', keepalive: true, credentials: 'include', body: '{}',
                headers: { 'Content-Type': 'application/json' } }).then(answer => answer.status === 204)""", asked),
            ("a fetch that cannot read", "url => fetch(url, { method: 'POST', keepalive: true, mode: 'no-cors' }).then(() => true)", simple)]:
        link = links.mint()
        page = links.open("")
        links.results.check(page.evaluate(script, links.publisher.gateway + link), f"{what}: the page is told that it was sent")
        found = links.wait(link, len(wanted), what)
        links.results.equal([(request.method, request.status) for request in found], wanted, what)
        links.counts(link, what)
        page.close()
    for what, script in [
            ("a beacon as the page goes", "url => addEventListener('pagehide', () => navigator.sendBeacon(url, 'bye'))"),
            ("a fetch as the page goes", "url => addEventListener('pagehide', () => { fetch(url, { method: 'POST', keepalive: true }) })")]:
        link = links.mint()
        page = links.open("")
        page.evaluate(script, links.publisher.gateway + link)
        page.goto(f"{links.publisher.site}/landing/away")
        links.wait(link, 1, what)
        links.counts(link, what)
        page.close()
    # A picture is a GET that is sent at once, and redirected to a page.
    link = links.mint()
    page = links.open(f'<img alt="" src="{links.url(link)}">')
    links.wait(link, 1, "a picture")
    links.counts(link, "a picture")
    page.close()


def prefetched(browser):
    """What the metrics say of requests before a click; nil where nobody has named the admin listener."""
    if not browser.admin:
        return None
    with urllib.request.urlopen(f"{browser.admin}/metrics", timeout=20) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith('tally_click_requests_total{verdict="prefetch"}'):
                return int(float(line.rsplit(" ", 1)[1]))
    return 0


def body(browser, results):
    links = Links(browser, results)
    try:
        before = prefetched(browser)
        asked = speculation(links)
        if before is not None:
            results.equal(prefetched(browser) - before, asked, "requests before a click, by the metrics")
        history(links)
        presses(links)
        pings(links)
        beacons(links)
        for link in links.clicked:
            links.once(link, f"in the end, {link}")
        results.equal(links.total(), len(set(links.clicked)), "clicks of the ad, and impressions that were clicked")
    finally:
        links.publisher.close()


GROUP = ("clicks", body)

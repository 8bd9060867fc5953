"""A server that is gone for 90 s: the page says so, keeps its numbers, and has everything when it is back; one that was killed says
which numbers are incomplete. A token that is revoked ends what it opened."""
import json
import socket
import threading
import time

from browser import number, settle
from sample import AD


def body(browser, results):
    sample = browser.sample
    if sample is None:
        return results.skip("a server that stops (a server of its own)")
    revoked(browser, results, sample)
    expired(browser, results, sample)
    cut_off(browser, results, sample)
    stopped(browser, results, sample)
    killed(browser, results, sample)
    secrets(browser, results, sample)


def revoked(browser, results, sample):
    made = json.loads(sample.tally("tokens", "create", "--scopes", "read", "--advertiser", "acme", "--label", "gone", "--format", "json"))
    page = browser.page(f"/ads/{AD}?range=1h", context=browser.context(token=made["token"]))
    page.wait_for_selector(".live[data-state=live]")
    listed = json.loads(sample.tally("tokens", "list", "--format", "json"))
    rows = listed if isinstance(listed, list) else listed["tokens"]
    row = next(row for row in rows if row.get("label") == "gone")
    sample.tally("tokens", "revoke", str(row.get("id") or row.get("tokenId")))
    page.wait_for_selector(".sign-in", timeout=20_000)
    results.check("has ended" in page.inner_text(".sign-in"), "a revoked token ends the page that it opened")
    results.equal(page.locator(".chart, .panels, .list").count(), 0, "parts of the page that are left")
    results.check(AD not in page.inner_text("main"), "nothing of the old page in the document")


def expired(browser, results, sample):
    made = json.loads(sample.tally("tokens", "create", "--scopes", "read", "--advertiser", "acme", "--expires", "8s", "--format", "json"))
    page = browser.page(f"/ads/{AD}?range=1h", context=browser.context(token=made["token"]))
    page.wait_for_selector(".sign-in", timeout=40_000)
    results.check("has ended" in page.inner_text(".sign-in"), "so does one that expires")
    page.fill("#token", made["token"])
    page.keyboard.press("Enter")
    page.wait_for_selector("#token-error:not(:empty)")
    results.check("revoked or expired" in page.inner_text("#token-error"), "and it opens nothing any more")


def shown(page):
    """The page's minutes of the table, as the file has them."""
    page.locator(".slider").blur()
    with page.expect_download() as file:
        page.get_by_role("button", name="CSV").click()
    with open(file.value.path(), encoding="utf-8") as text:
        rows = [line.split(",") for line in text.read().splitlines()[1:]]
    return {row[0]: int(row[3] if '"' in row[1] else row[2]) for row in rows}


class Line:
    """A wire to the server that can be cut."""

    def __init__(self, port):
        self.target, self.open = port, []
        self.mend()

    def mend(self, port=0):
        self.listener = socket.create_server(("127.0.0.1", port or getattr(self, "port", 0)))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            self.open += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=(one, other), daemon=True).start()

    def pump(self, one, other):
        try:
            while data := one.recv(65_536):
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            end.close()

    def cut(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for end in self.open:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.open = []


def same_minutes(browser, results, page, what):
    """The page's minutes against the query's, once nothing comes any more."""
    page.wait_for_timeout(6_000)
    mine = shown(page)
    answer = browser.api(f"/api/v1/ads/{AD}/aggregates?from=-65m&to=now&granularity=minute", browser.context())
    theirs = {point["minute"]: point["clicks"] for point in answer["series"]}
    wrong = {minute: (clicks, theirs.get(minute, 0)) for minute, clicks in mine.items() if clicks != theirs.get(minute, 0)}
    results.equal(wrong, {}, f"{what}: no gap and no double, minute by minute")
    results.equal(len(mine), 60, f"{what}: minutes of an hour")


def cut_off(browser, results, sample):
    """Nobody answers for 90 s, and clicks go on meanwhile."""
    line = Line(sample.port)
    direct, browser.base = browser.base, f"http://127.0.0.1:{line.port}"
    sample.start_traffic()
    page = browser.page(f"/ads/{AD}?range=1h")
    browser.base = direct
    page.wait_for_selector(".live[data-state=live]")
    page.wait_for_timeout(3_000)
    final = page.inner_text(".final")
    line.cut()
    page.wait_for_selector("#connection .note", timeout=15_000)
    results.check("connection is lost since" in page.inner_text("#connection"), "the loss is said")
    results.equal(page.locator(".live").get_attribute("data-state"), "lost", "the dot is hollow")
    before = number(page.inner_text(".reading b"))
    time.sleep(90)
    results.equal(page.inner_text(".final"), final, "how far it is final stays as it was")
    results.check(0 < number(page.inner_text(".reading b")) <= before, "the numbers stand, but for the minutes that leave the hour")
    line.mend()
    page.wait_for_selector(".live[data-state=live]", timeout=100_000)
    results.equal(page.inner_text("#connection"), "", "the note goes")
    results.equal(page.locator("#said").text_content(), "Live again.", "it is said once")
    sample.stop_traffic()
    same_minutes(browser, results, page, "cut off for 90 s")
    line.cut()


def stopped(browser, results, sample):
    """A server that was started anew has forgotten who was signed in: the form stands in place of the page, which comes back whole."""
    sample.start_traffic()
    page = browser.page(f"/ads/{AD}?range=1h")
    share = browser.page(sample.share[sample.share.index("/s/"):], context=browser.context(token=None))
    for one in (page, share):
        one.wait_for_selector(".chart[data-painted]")
    page.wait_for_selector(".live[data-state=live]")
    sample.stop()
    page.wait_for_selector("#connection .note", timeout=15_000)
    time.sleep(10)
    sample.start()
    page.wait_for_selector(".sign-in", timeout=100_000)
    results.check("has ended" in page.inner_text(".sign-in") and "range=1h" in page.url, "it asks to sign in, at the same address")
    results.equal(page.inner_text("#connection"), "", "the note goes")
    page.fill("#token", sample.token)
    page.keyboard.press("Enter")
    page.wait_for_selector(".live[data-state=live]")
    sample.stop_traffic()
    same_minutes(browser, results, page, "stopped and started")
    share.get_by_role("button", name="7 days").click()
    share.wait_for_function("() => document.querySelector('.reading')?.textContent.includes('7 days')")
    results.equal(share.inner_text("h1"), "winter-2026", "a share opens again by itself")


def killed(browser, results, sample):
    sample.verdicts()
    time.sleep(2)
    sample.kill()
    sample.start()
    page = browser.page(f"/ads/{AD}?range=1h")
    settle(page)
    page.wait_for_timeout(500)
    results.check("told incompletely" in page.inner_text(".waterfall + .note, .panel .note"), "after a kill the page says that verdicts are incomplete")


def secrets(browser, results, sample):
    with open(f"{sample.directory}.log", encoding="utf-8") as file:
        log = file.read()
    for name, secret in (("the token", sample.token), ("another's", sample.other), ("a share's secret", sample.share.split("#")[1])):
        results.check(secret not in log, f"{name} is in no log")


GROUP = ("outage", body)

"""A Chromium with the page in it. Every page notes what goes wrong on its console; a group ends with none of it."""
import contextlib
import json
import re

from playwright.sync_api import Error, sync_playwright

# An answer that refuses, or none, is noted by the browser itself; the page has to show it, and tests of refusals look at that.
REFUSED = re.compile(r"Failed to load resource: (the server responded with a status of (401|403|404|500|503)|net::ERR_(FAILED|CONNECTION_REFUSED|CONNECTION_RESET|INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE))")


class Results:
    def __init__(self):
        self.passed, self.failed = 0, 0
        self.group = ""

    def begin(self, group):
        self.group, self.before = group, (self.passed, self.failed)

    def end(self, seconds):
        passed, failed = self.passed - self.before[0], self.failed - self.before[1]
        print(f"{self.group}: {passed} passed, {failed} failed, {seconds:.1f} s", flush=True)

    def check(self, holds, what):
        if holds:
            self.passed += 1
        else:
            self.failed += 1
            print(f"  FAILED {self.group}: {what}", flush=True)
        return holds

    def equal(self, found, wanted, what):
        return self.check(found == wanted, f"{what}: {found!r}, wanted {wanted!r}")

    def skip(self, what):
        print(f"  not tested in {self.group}: {what}", flush=True)


class Browser:
    def __init__(self, arguments, token, results):
        self.base, self.ad, self.pictures, self.token, self.results = (
            arguments.base.rstrip("/"), arguments.ad, arguments.pictures, token, results)
        self.admin = arguments.admin and arguments.admin.rstrip("/")
        # The store and the server under test where they are this run's own; else None, and nobody stops the server.
        self.sample = arguments.sample

    def __enter__(self):
        self.playwright = sync_playwright().start()
        self.chromium = self.playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        self.contexts = []
        return self

    def __exit__(self, *_):
        for context in self.contexts:
            # A group may have closed it.
            with contextlib.suppress(Error):
                context.unroute_all(behavior="ignoreErrors")
                context.close()
        self.chromium.close()
        self.playwright.stop()

    def context(self, token="", width=1280, height=900, dark=False, zone="Europe/Berlin", **more):
        """A reader of their own: cookies, storage, zone. `token` "" is the given one, None nobody."""
        context = self.chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", timezone_id=zone,
            locale="en-GB", **more)
        context.set_default_timeout(30_000)
        self.contexts.append(context)
        if token is not None:
            answer = context.request.post(f"{self.base}/session", data=json.dumps({"token": token or self.token}),
                                          headers={"Content-Type": "application/json"})
            if not answer.ok:
                raise RuntimeError(f"signing in was answered {answer.status}")
        return context

    def page(self, path="/", context=None, ready=True, **more):
        page = (context or self.context(**more)).new_page()
        page.on("console", lambda message: self.said(message, path))
        page.on("pageerror", lambda error: self.results.check(False, f"{path}: {error}"))
        page.goto(self.base + path)
        if ready:
            settle(page)
        return page

    def said(self, message, path):
        if message.type in ("error", "warning") and not REFUSED.search(message.text):
            self.results.check(False, f"{path}: the console says {message.text}")

    def api(self, path, context):
        answer = context.request.get(self.base + path)
        if not answer.ok:
            raise RuntimeError(f"{path} was answered {answer.status}: {answer.text()[:200]}")
        return answer.json()

    def picture(self, page, name):
        if self.pictures:
            page.screenshot(path=f"{self.pictures}/{name}.png")


def settle(page):
    """Waits until the page shows what it was asked for."""
    page.wait_for_selector("main h1")
    page.wait_for_function(
        "() => !document.querySelector('[aria-busy]') && (!document.querySelector('.counts .body .chart')"
        " || document.querySelector('.as-table') || document.querySelector('.chart[data-painted]'))")


def number(text):
    """The count at the beginning of a text: `1,234 clicks`, `−7`."""
    found = re.match(r"\s*([−+-]?[\d,]+)", text)
    return int(found[1].replace(",", "").replace("−", "-")) if found else None

"""Signing in and out, shares, and what others may not see."""
import json
import os


def signing_in(browser, results):
    page = browser.page(f"/ads/{browser.ad}?range=7d", context=browser.context(token=None), ready=False)
    page.wait_for_selector(".sign-in")
    results.equal(page.evaluate("document.activeElement.id"), "token", "the field has the focus")
    page.fill("#token", "tally_nonsense")
    page.click(".sign-in .primary")
    page.wait_for_selector("#token-error:not(:empty)")
    results.check("not known" in page.inner_text("#token-error"), "a wrong token is said to be wrong")
    page.fill("#token", browser.token)
    page.click(".sign-in .primary")
    page.wait_for_selector(".chart[data-painted]")
    results.check("range=7d" in page.url and f"/ads/{browser.ad}" in page.url, f"the address survives: {page.url}")
    results.equal(page.inner_text("h1"), browser.ad, "the page that was asked for")
    stored = page.evaluate("JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage), document.cookie])")
    results.check(browser.token not in stored + page.url, "the token is in no storage and no address")
    results.equal(page.evaluate("document.cookie"), "", "no script can read the cookie")
    cookie = next(cookie for cookie in page.context.cookies() if cookie["name"] == "tally_session")
    results.check(cookie["httpOnly"] and cookie["sameSite"] == "Strict", f"HttpOnly and Strict: {cookie}")
    page.click(".who summary")
    page.click("#sign-out")
    page.wait_for_selector(".sign-in")
    results.check(browser.ad not in page.inner_text("main"), "nothing of the page is left")
    page.reload()
    page.wait_for_selector(".sign-in")


def ending(browser, results):
    """The session goes while the page is open: the sign-in takes its place."""
    page = browser.page(f"/ads/{browser.ad}")
    page.context.clear_cookies()
    page.click("text=7 days")
    page.wait_for_selector(".sign-in")
    results.check("has ended" in page.inner_text(".sign-in"), "it says that the session has ended")
    results.equal(page.locator(".chart").count(), 0, "charts that are left")


def forgeries(browser, results):
    """What another site could make a signed-in browser send is refused."""
    context = browser.context()
    body, form = json.dumps({"advertiserId": "acme"}), {"Content-Type": "application/json"}
    for headers in ({}, {"X-Tally-CSRF": "guessed"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = context.request.post(f"{browser.base}/api/v1/shares", data=body, headers=form | headers)
        results.check(answer.status in (401, 403), f"a write with {headers or 'the cookie alone'}: {answer.status}")
    answer = context.request.delete(f"{browser.base}/session")
    results.check(answer.status in (401, 403), f"signing out without the session's word: {answer.status}")
    for site, wanted in (("cross-site", 403), ("same-site", 403)):
        answer = browser.context(token=None).request.post(
            f"{browser.base}/session", data=json.dumps({"token": browser.token}), headers=form | {"Sec-Fetch-Site": site})
        results.equal(answer.status, wanted, f"signing in from {site}")
    results.check(context.request.get(f"{browser.base}/session").ok, "and the session goes on")


def foreign(browser, context, mine):
    """Names of ads and campaigns that are not for this reader."""
    every, own = (browser.api("/api/v1/ads?limit=1000", reader)["ads"] for reader in (browser.context(), context or browser.context()))
    names = {ad["adId"] for ad in every} | {ad["campaignId"] for ad in every if ad["campaignId"]}
    return names - ({ad["adId"] for ad in own} | {ad["campaignId"] for ad in own} if mine else set())


def strangers(browser, results):
    other = os.environ.get("TALLY_OTHER_TOKEN")
    if not other:
        return results.skip("another advertiser (TALLY_OTHER_TOKEN)")
    context = browser.context(token=other)
    for path in (f"/ads/{browser.ad}", f"/ads/{browser.ad}?range=400d&cmp=prev"):
        page = browser.page(path, context=context, ready=False)
        page.wait_for_selector(".empty")
        results.check("no such thing" in page.inner_text(".empty"), f"{path} is as missing")
    names = foreign(browser, context, True)
    campaign = browser.api(f"/api/v1/ads/{browser.ad}", browser.context())["campaignId"]
    for path in ("/", "/?range=400d", "/campaigns", "/method", "/ops", f"/campaigns/{campaign}", "/?q=a"):
        page = browser.page(path, context=context, ready=False)
        page.wait_for_selector("main h1")
        page.wait_for_timeout(600)
        shown = set(page.evaluate("""() => {
          const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          const words = [];
          while (walk.nextNode()) words.push(walk.currentNode.data.trim());
          return words;
        }"""))
        # The name that the address asks for stands in the title.
        results.equal((shown & names) - {campaign}, set(), f"{path}: names of another")


def shares(browser, results):
    link = os.environ.get("TALLY_SHARE")
    if not link:
        return results.skip("a share (TALLY_SHARE)")
    path = link[link.index("/s/"):]
    context = browser.context(token=None)
    page = browser.page(path, context=context)
    results.check("#" not in page.url, f"the secret is gone from the address: {page.url}")
    results.check(page.locator(".pages").is_hidden() and page.locator(".who").is_hidden(), "no navigation")
    results.check("read-only" in page.inner_text(".shared"), "it says what it is")
    page.reload()
    page.wait_for_selector(".chart[data-painted]")
    # With the share's cookie alone every other address asks to sign in.
    for other in ("/", "/campaigns", f"/ads/{browser.ad}", "/ops"):
        page = browser.page(other, context=context, ready=False)
        page.wait_for_selector(".sign-in")
        results.check(browser.ad not in page.inner_text("main"), f"{other} shows nothing")
    page = browser.page(path.split("#")[0], context=browser.context(token=None), ready=False)
    page.wait_for_selector(".empty")
    results.check("has ended" in page.inner_text(".empty"), "without the secret it opens nothing")
    # Beside the reader's own session.
    own = browser.context()
    browser.page(path, context=own)
    page = browser.page("/", context=own)
    results.equal(page.inner_text("h1"), "Ads", "opening a share does not sign the owner out")


def body(browser, results):
    signing_in(browser, results)
    ending(browser, results)
    forgeries(browser, results)
    strangers(browser, results)
    shares(browser, results)


GROUP = ("sessions", body)

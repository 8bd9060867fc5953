"""A page that is watched moves on; one that nobody sees gives its stream back; eight tabs load."""
from browser import number, settle


def moves(browser, results):
    page = browser.page(f"/ads/{browser.ad}?range=1h")
    page.wait_for_selector(".live[data-state=live]")
    before = page.locator(".slider").get_attribute("aria-valuemax")
    total = number(page.inner_text(".reading b"))
    # The ad has clicks: within a minute another one comes, or a minute begins.
    page.wait_for_function("t => document.querySelector('.reading b').textContent.replaceAll(',', '') !== t", arg=str(total), timeout=90_000)
    results.check(True, "the total moves")
    after = page.locator(".slider").get_attribute("aria-valuemax")
    results.equal(after, before, "an hour keeps its length")


def lists(browser, results):
    """A list follows one stream over its advertiser's ads."""
    if browser.sample is None:
        return results.skip("a list's stream (a server of its own)")
    page = browser.page("/?range=1h", context=browser.context(token=browser.sample.own))
    page.wait_for_selector(".live[data-state=live], .live[data-state=polled]")
    if page.locator(".live").get_attribute("data-state") == "polled":
        return results.skip("a list's stream: the server has none over many ads")
    before = number(page.inner_text(".figures b >> nth=0"))
    browser.sample.click()
    page.wait_for_function("n => parseInt(document.querySelector('.figures b').textContent.replaceAll(',', '')) > n", arg=before, timeout=12_000)
    results.check(True, "its sums move on")


def lost(browser, results):
    """The stream ends and does not come back, then it does."""
    context = browser.context()
    page = browser.page(f"/ads/{browser.ad}?range=1h", context=context)
    page.wait_for_selector(".live[data-state=live]")
    refuse = lambda route: route.abort()  # noqa: E731
    context.route("**/stream?*", refuse)
    # A hidden page gives its stream back, and a seen one asks for it again: quicker than waiting for 40 s of silence.
    page.evaluate("""() => {
      const hide = (hidden) => {
        Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
      };
      const later = window.setTimeout;
      window.setTimeout = (action, wait, ...more) => later(action, wait === 30000 ? 0 : wait, ...more);
      hide(true);
      later(() => hide(false), 200);
    }""")
    page.wait_for_selector("#connection .note")
    results.check("connection is lost since" in page.inner_text("#connection"), "the loss is said")
    results.equal(page.locator(".live").get_attribute("data-state"), "lost", "the dot")
    results.check(page.locator(".reading b").inner_text() != "", "the numbers stand")
    context.unroute("**/stream?*", refuse)
    page.wait_for_selector(".live[data-state=live]", timeout=90_000)
    results.equal(page.inner_text("#connection"), "", "the note goes")


def tabs(browser, results):
    """Links opened in the background: the browser has six connections to a host, and a page that is not seen keeps none."""
    context = browser.context()
    context.add_init_script(
        "if (name !== 'seen') Object.defineProperty(document, 'hidden', { get: () => name !== 'seen', configurable: true })")
    pages = [browser.page(f"/ads/{browser.ad}?range=1h", context=context) for _ in range(8)]
    pages[-1].evaluate("name = 'seen'; document.dispatchEvent(new Event('visibilitychange'))")
    pages[-1].wait_for_selector(".live[data-state=live]")
    results.equal(len(pages), 8, "tabs that load")


def body(browser, results):
    moves(browser, results)
    lists(browser, results)
    lost(browser, results)
    tabs(browser, results)


GROUP = ("live", body)

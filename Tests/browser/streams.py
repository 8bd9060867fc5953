"""What the page makes of a stream's events, word for word: the streams are made here, inside the page, so that each event comes when it
is wanted, silence and refusals among them."""
import json
import time

from browser import number, settle

# Streams are opened by fetch: those are ours, everything else is the server's. Waits of the client's own are shortened.
SCRIPT = """
window.streams = [];
const ask = window.fetch;
const encoder = new TextEncoder();
window.fetch = (address, options) => {
  if (!/\\/stream(\\?|$)/.test(address)) return ask(address, options);
  const stream = { address, isOpen: true };
  window.streams.push(stream);
  if (window.streamStatus) {
    stream.isOpen = false;
    return Promise.resolve(new Response('{}', { status: window.streamStatus }));
  }
  const body = new ReadableStream({ start(controller) {
    stream.say = (text) => controller.enqueue(encoder.encode(text));
    stream.close = () => { stream.isOpen = false; controller.close(); };
    options.signal.addEventListener('abort', () => {
      if (stream.isOpen) controller.error(new DOMException('', 'AbortError'));
      stream.isOpen = false;
    });
  } });
  return Promise.resolve(new Response(body, { status: 200 }));
};
const later = window.setTimeout;
const shorter = { 40000: window.silence ?? 40000, 3000: 100, 30000: 50 };
window.setTimeout = (action, wait, ...more) => later(action, shorter[wait] ?? (wait > 1300 && wait < 90000 ? 250 : wait), ...more);
window.send = (name, data, id = '') => window.streams.at(-1).say(`event: ${name}\\nid: ${id}\\ndata: ${JSON.stringify(data)}\\n\\n`);
"""


def watched(browser, path, silence=40_000):
    context = browser.context()
    context.add_init_script(f"window.silence = {silence};" + SCRIPT)
    asked = []
    context.on("request", lambda request: asked.append(request.url))
    page = browser.page(path, context=context)
    page.wait_for_function("() => window.streams.length > 0")
    page.wait_for_selector(".live[data-state=live]")
    return page, asked


def opened(page):
    return page.evaluate("window.streams.map(({ address, isOpen }) => [address, isOpen])")


def wait_for(page, test, results, what, timeout=8_000):
    try:
        page.wait_for_function(test, timeout=timeout)
        results.check(True, what)
    except Exception as error:
        results.check(False, f"{what}: {str(error).splitlines()[0]}")


def whole(page):
    return number(page.inner_text(".reading b"))


def points(browser, results):
    """A point replaces the one of its minute."""
    # A minute that begins meanwhile would take another one out of the hour.
    if time.time() % 60 > 35:
        time.sleep(61 - time.time() % 60)
    page, asked = watched(browser, f"/ads/{browser.ad}?range=1h")
    address, _ = opened(page)[0]
    results.check("since=" in address, f"it goes on from the answer: {address}")
    # The running minute gets a count; the total then follows from it alone.
    minute = page.evaluate("new Date(Math.floor(Date.now() / 60000) * 60000 - 60000).toISOString().replace('.000', '')")
    page.evaluate("minute => send('points', { series: [{ minute, clicks: 1000000, status: 'provisional' }] })", minute)
    wait_for(page, "() => document.querySelector('.reading b').textContent.startsWith('1,00')", results, "a point is shown")
    before = whole(page)
    page.evaluate("minute => send('points', { series: [{ minute, clicks: 1000007, status: 'provisional' }] })", minute)
    wait_for(page, f"() => document.querySelector('.reading b').textContent.replaceAll(',', '') === '{before + 7}'", results,
             "a later one replaces it, and is not added up")
    page.evaluate("minute => send('point', { minute, clicks: 1000009, status: 'provisional' })", minute)
    wait_for(page, f"() => document.querySelector('.reading b').textContent.replaceAll(',', '') === '{before + 9}'", results, "so does a single one")


def reset(browser, results):
    page, asked = watched(browser, f"/ads/{browser.ad}?range=1h")
    before = len([url for url in asked if "/aggregates" in url])
    page.evaluate("send('reset', {})")
    page.wait_for_timeout(2_500)
    after = [url for url in asked if "/aggregates" in url][before:]
    results.check(any("granularity=minute" in url for url in after), f"a reset fetches all anew: {after}")
    results.check(page.locator("#connection .note").count() == 0, "and nothing is said of it")


def silence(browser, results):
    page, _ = watched(browser, f"/ads/{browser.ad}?range=1h", silence=800)
    page.wait_for_function("() => window.streams.length > 1", timeout=5_000)
    found = opened(page)
    results.check(found[0][1] is False, "after 40 s of silence a stream is closed")
    results.equal(sum(isOpen for _, isOpen in found), 1, "and another one is open")
    # Comments are signs of life.
    page.evaluate("""() => {
      const stream = window.streams.at(-1);
      window.alive = setInterval(() => stream.say(': alive\\n\\n'), 200);
    }""")
    count = len(opened(page))
    page.wait_for_timeout(2_000)
    results.equal(len(opened(page)), count, "a comment keeps it open")


def ends(browser, results):
    page, _ = watched(browser, f"/ads/{browser.ad}?range=1h")
    page.evaluate("send('end', { reason: 'stopping' }); window.streams.at(-1).close()")
    page.wait_for_function("() => window.streams.length > 1")
    results.check(page.locator(".chart").count() == 1, "a server that stops is no end of the session")
    page.evaluate("window.streamStatus = 401; send('end', { reason: 'revoked' }); window.streams.at(-1).close()")
    page.wait_for_selector(".sign-in")
    results.check("has ended" in page.inner_text(".sign-in"), "one that is over is")
    results.equal(page.locator(".chart, .panels").count(), 0, "parts of the page that are left")
    results.check(browser.ad not in page.inner_text("main"), "its numbers are gone")


def outage(browser, results):
    page, _ = watched(browser, f"/ads/{browser.ad}?range=1h")
    final = page.inner_text(".final")
    page.evaluate("window.streamStatus = 503; window.streams.at(-1).close()")
    page.wait_for_selector("#connection .note")
    results.check("connection is lost since" in page.inner_text("#connection"), "the loss is said")
    results.equal(page.inner_text(".final"), final, "how far it is final stays")
    page.evaluate("window.streamStatus = 0")
    page.wait_for_selector(".live[data-state=live]")
    results.equal(page.inner_text("#connection"), "", "the note goes")
    results.equal(page.locator("#said").text_content(), "Live again.", "and it is said once")


def refused(browser, results):
    """A server without such a stream: the page asks by itself."""
    context = browser.context()
    context.add_init_script(SCRIPT + "window.streamStatus = 404;")
    for path in (f"/ads/{browser.ad}?range=1h", "/"):
        page = browser.page(path, context=context)
        page.wait_for_selector(".live[data-state=polled]")
        page.wait_for_timeout(1_000)
        results.check(len(opened(page)) <= 1, f"{path}: it asks once: {opened(page)}")


def one_each(browser, results):
    """A list and a campaign follow one stream, never one for each ad."""
    advertiser = browser.api(f"/api/v1/ads/{browser.ad}", browser.context())
    context = browser.context()
    context.add_init_script(SCRIPT)
    asked = []
    context.on("request", lambda request: asked.append(request.url))

    # Whoever reads is one advertiser's.
    def session(route):
        answer = route.fetch()
        document = answer.json() | {"advertiserId": advertiser["advertiserId"]}
        route.fulfill(response=answer, body=json.dumps(document))
    context.route("**/session", session)
    # Sums that come at once: how often they are asked for hangs on how long they take.
    sums = {"top": [], "total": 0, "metrics": {"gross": 0}, "asOf": "0:1", "completeThrough": None}
    context.route("**/api/v1/top?*", lambda route: route.fulfill(status=200, content_type="application/json", body=json.dumps(sums)))
    for path in ("/?range=24h", "/campaigns"):
        page = browser.page(path, context=context)
        page.wait_for_selector(".live[data-state=live]")
        found = opened(page)
        results.equal(len(found), 1, f"{path}: streams")
        results.check("groupBy=ad" in found[0][0] and "advertiserId=" in found[0][0] and "since=" in found[0][0], f"{path}: {found[0][0]}")
        page.wait_for_timeout(2_000)
        before = len([url for url in asked if "/top" in url])
        page.evaluate("ad => send('points', { points: [{ adId: ad, minute: '2026-01-01T00:00:00Z', clicks: 3, status: 'provisional' }] })", browser.ad)
        # Sooner than without news: then it is 15 seconds.
        for _ in range(80):
            page.wait_for_timeout(100)
            if len([url for url in asked if "/top" in url]) > before:
                break
        results.check(len([url for url in asked if "/top" in url]) > before, f"{path}: news lets the sums be asked for again")
        page.close()
    if not advertiser.get("campaignId"):
        return results.skip("a campaign's stream: the ad has none")
    page = browser.page(f"/campaigns/{advertiser['campaignId']}?range=1h", context=context)
    page.wait_for_selector(".live[data-state=live]")
    found = opened(page)
    results.equal(len(found), 1, "a campaign: streams")
    results.check("groupBy=none" in found[0][0] and "campaignId=" in found[0][0], f"a campaign: {found[0][0]}")
    before = len([url for url in asked if "/corrections?" in url])
    page.evaluate("send('correction', { change: -1 })")
    page.wait_for_timeout(2_000)
    results.check(len([url for url in asked if "/corrections?" in url]) > before, "a correction lets them be asked for again")


def hidden(browser, results):
    page, _ = watched(browser, f"/ads/{browser.ad}?range=1h")
    page.evaluate("""() => {
      window.hide = (hidden) => {
        Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
      };
      hide(true);
    }""")
    page.wait_for_function("() => window.streams.every(({ isOpen }) => !isOpen)")
    results.check(True, "a page that nobody sees gives its stream back")
    page.evaluate("hide(false)")
    page.wait_for_function("() => window.streams.filter(({ isOpen }) => isOpen).length === 1")
    results.check(True, "and opens one when it is seen")
    settle(page)
    page.get_by_role("link", name="Operations").click()
    page.wait_for_selector(".ops .gauge")
    found = [address for address, isOpen in opened(page) if isOpen]
    results.equal(found, ["/api/v1/ops/stream"], "another page closes the stream of the one before")


def body(browser, results):
    for part in (points, reset, silence, ends, outage, refused, one_each, hidden):
        part(browser, results)


GROUP = ("streams", body)

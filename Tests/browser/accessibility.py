"""axe-core on every view, light and dark, wide and narrow."""
from operations import FULL, summaries
from widths import views


def opened(browser, width, dark):
    """What has no address of its own."""
    page = browser.page("/", ready=False, token=None, width=width, dark=dark, bypass_csp=True)
    page.wait_for_selector(".sign-in")
    yield "sign-in", page
    page = browser.page("/", width=width, dark=dark, bypass_csp=True)
    page.click("#zone")
    page.wait_for_selector("#zones li")
    yield "zones", page
    page.keyboard.press("Escape")
    page.locator("h1").focus()
    page.keyboard.press("?")
    page.wait_for_selector("dialog.keys[open]")
    yield "keys", page
    context = browser.context(width=width, dark=dark, bypass_csp=True)
    summaries(context, FULL)
    yield "operations", browser.page("/ops", context=context)


def body(browser, results):
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        return results.skip("axe (the package axe-playwright-python)")
    for width, dark in ((1280, False), (1280, True), (390, False)):
        context = browser.context(width=width, dark=dark, bypass_csp=True)
        for name, path in views(browser):
            page = browser.page(path, context=context)
            page.wait_for_timeout(300)
            for found in Axe().run(page).response["violations"]:
                nodes = [node["html"][:160] for node in found["nodes"][:2]]
                results.check(False, f"{name} at {width}, {'dark' if dark else 'light'}: {found['id']}, {found['help']}: {nodes}")
            results.check(True, name)
            page.close()
        for name, page in opened(browser, width, dark):
            for found in Axe().run(page).response["violations"]:
                results.check(False, f"{name} at {width}, {'dark' if dark else 'light'}: {found['id']}, {found['help']}")
            results.check(True, name)


GROUP = ("accessibility", body)

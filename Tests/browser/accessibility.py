"""axe-core on every view, light and dark, wide and narrow."""
from widths import views


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


GROUP = ("accessibility", body)

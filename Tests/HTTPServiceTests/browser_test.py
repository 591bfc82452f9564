#!/usr/bin/python3
"""Looks at the dashboard of a running worker with a real browser, and holds what it shows against the worker's metrics.

    browser_test.py http://127.0.0.1:8501/ http://127.0.0.1:8080 --screenshots DIRECTORY

Needs Debian's python3-selenium, chromium and chromium-driver, and a worker that is being sent events. Exits with 1 and says
what is wrong if anything is.

    browser_test.py --seal dashboard.html

writes the digests of the page's own style and script into its content security policy, which a change to either needs; with
--check it only says whether they fit.
"""

import argparse
import base64
import hashlib
import math
import os
import re
import shutil
import sys
import time
import urllib.parse
import urllib.request

TOLERANCE = 1e-6
FIGURES = {
    "figure-scored": "future_cart_predictions_total",
    "figure-received": "future_cart_events_received_total",
    "figure-customers": "future_cart_customers",
}


class Failure(Exception):
    """What a reader of the dashboard would be misled or stopped by."""


def require(condition, message):
    if not condition:
        raise Failure(message)


# The page's policy


def sealed(page):
    """The page with the digests of its style and script in its policy."""
    for tag in ("script", "style"):
        bodies = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        require(len(bodies) == 1, f"the page has {len(bodies)} elements <{tag}>, not one")
        digest = base64.b64encode(hashlib.sha256(bodies[0].encode()).digest()).decode()
        page, count = re.subn(rf"{tag}-src 'sha256-[^']*'", f"{tag}-src 'sha256-{digest}'", page)
        require(count == 1, f"the policy names {tag}-src {count} times, not once")
    return page


def seal(path, only_check):
    with open(path, encoding="utf-8", newline="") as file:
        page = file.read()
    after = sealed(page)
    if only_check:
        require(after == page, f"{path}: its policy does not fit its style and script; run --seal {path}")
    elif after != page:
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(after)
    print(f"{path}: policy fits")


# The worker's side


def metrics(api, token):
    """The samples of /metrics, those of one name added up over their labels."""
    request = urllib.request.Request(urllib.parse.urljoin(api, "/metrics"))
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=10) as response:
        text = response.read().decode()
    sums = {}
    for line in text.splitlines():
        match = re.match(r"([A-Za-z_:][\w:]*)(?:\{.*\})?\s+(\S+)", line)
        if match:
            sums[match[1]] = sums.get(match[1], 0.0) + float(match[2])
    for name in FIGURES.values():
        require(name in sums, f"/metrics does not have {name}")
    return sums


# The browser's side


class Browser:
    def __init__(self, arguments):
        from selenium import webdriver
        from selenium.webdriver.chrome.options import Options
        from selenium.webdriver.chrome.service import Service

        options = Options()
        options.binary_location = shutil.which("chromium") or ""
        for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1440,1000"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver") or "chromedriver"))
        self.driver.set_page_load_timeout(30)
        self.timeout = arguments.timeout
        self.url = arguments.dashboard
        # Every request, also those of polling for long: the browser forgets all but 250 otherwise.
        self.driver.execute_cdp_cmd(
            "Page.addScriptToEvaluateOnNewDocument", {"source": "performance.setResourceTimingBufferSize(100000)"})
        self.token = arguments.token

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def open(self, fragment="#/"):
        self.driver.get("about:blank")
        self.driver.get(self.url + fragment)
        if self.token and not self.run("return sessionStorage.getItem('future-cart-token')"):
            self.run("sessionStorage.setItem('future-cart-token', arguments[0])", self.token)
            self.driver.get("about:blank")
            # What was refused without the token is no error of the page.
            self.driver.get_log("browser")
            self.driver.get(self.url + fragment)

    def until(self, what, script, *arguments):
        """The first value of `script` that is neither null nor false."""
        end = time.monotonic() + self.timeout
        while time.monotonic() < end:
            value = self.run(script, *arguments)
            if value is not None and value is not False:
                return value
            time.sleep(0.2)
        state = self.run("return document.getElementById('connection')?.innerText")
        raise Failure(f"waited {self.timeout:g} s for {what}; the page says: {state!r}")

    def figure(self, name):
        """The raw number of a figure, `None` where it is not known."""
        text = self.run("return document.getElementById(arguments[0])?.dataset.value ?? null", name)
        require(text is not None, f"the page has no figure {name}")
        return float(text) if text else None

    def known(self, name):
        self.until(f"the figure {name}", "return document.getElementById(arguments[0])?.dataset.value ? true : null", name)
        return self.figure(name)

    def press(self, key):
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(key).perform()

    def shape(self, width, dark):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600})

    def screenshot(self, path, width):
        height = self.run("return document.documentElement.scrollHeight")
        picture = self.driver.execute_cdp_cmd("Page.captureScreenshot", {
            "captureBeyondViewport": True, "clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}})
        with open(path, "wb") as file:
            file.write(base64.b64decode(picture["data"]))


def check_movement(browser):
    first = browser.known("figure-received")
    browser.until("received events to become more (is anything being published?)",
                  "return Number(document.getElementById('figure-received').dataset.value) > arguments[0] || null", first)


def check_figures(browser, api, token, is_still):
    """Each figure lies between what /metrics says before and after."""
    wrong = []
    for _ in range(5):
        before = metrics(api, token)
        # The page asks every 2 s, and what it is told may be 1 s old.
        time.sleep(4)
        shown = {name: browser.known(name) for name in FIGURES}
        after = metrics(api, token)
        wrong = []
        for name, metric in FIGURES.items():
            low, high = sorted((before[metric], after[metric]))
            if not low <= shown[name] <= high:
                wrong.append(f"{name} is {shown[name]:.0f}, but {metric} was {before[metric]:.0f} before "
                             f"and {after[metric]:.0f} after")
        if not wrong:
            break
    require(not wrong, "; ".join(wrong))
    require(is_still or shown["figure-scored"] > 0, "nothing has been scored")
    return shown


def check_keyboard(browser):
    """Tab reaches the search box and a ranking link; Enter on that opens the customer. Returns who that is."""
    from selenium.webdriver.common.keys import Keys

    browser.until("a ranked customer", "return document.querySelector('#ranking a') ? true : null")
    browser.run("document.activeElement?.blur(); window.scrollTo(0, 0)")
    seen = []
    for _ in range(80):
        browser.press(Keys.TAB)
        at = browser.run("""
            const e = document.activeElement, style = getComputedStyle(e);
            return {name: e.id || e.className || e.tagName, ranked: e.matches('#ranking a'), text: e.textContent,
                    isShown: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0 || e.id === 'skip'}""")
        require(at["isShown"], f"the focus is not visible on {at['name']}")
        seen.append(at["name"])
        if at["ranked"]:
            break
    require("customer-search" in seen, f"Tab does not reach the search box: {seen}")
    require(at["ranked"], f"Tab does not reach the ranking within 80 steps: {seen}")
    browser.press(Keys.ENTER)
    return at["text"]


def check_customer(browser, customer):
    """What the page explains adds up to what it shows."""
    browser.until(f"customer {customer!r}",
                  "return document.getElementById('customer-id').textContent === arguments[0] || null", customer)
    browser.until(f"the explanation of {customer!r}", """
        if (!document.getElementById('customer-message').hidden) return null;
        return document.getElementById('explanation-sum').dataset.value ? true : null""")
    # In one step: the page may be drawn anew between two.
    names = ("customer-probability", "explanation-base", "explanation-contributions", "explanation-sum", "explanation-log-odds",
             "explanation-probability")
    values = browser.run("return arguments[0].map(id => document.getElementById(id).dataset.value)", names)
    for name, value in zip(names, values):
        require(value, f"customer {customer!r}: {name} is not known")
    shown, base, contributions, total, log_odds, probability = map(float, values)

    def near(a, b, what):
        require(abs(a - b) <= TOLERANCE, f"customer {customer!r}: {what}: {a!r} against {b!r}")

    near(base + contributions, total, "base and contributions against their sum")
    near(total, log_odds, "the sum of the explanation against the log-odds")
    near(1 / (1 + math.exp(-log_odds)), probability, "the log-odds' probability against the explanation's")
    near(probability, shown, "the explanation's probability against the prediction's")
    check = browser.run("return document.getElementById('explanation-check').textContent")
    require(check == "adds up", f"customer {customer!r}: the page says that its explanation {check!r}")
    return shown


def check_origin(browser):
    foreign = browser.run("""
        return performance.getEntriesByType('resource').map(entry => entry.name)
            .filter(name => !name.startsWith('data:') && new URL(name).origin !== location.origin)""")
    require(not foreign, f"the page asked other origins: {sorted(set(foreign))}")
    injected = browser.run("return document.querySelectorAll('main img, main script, main iframe, main [onerror]').length")
    require(injected == 0, f"{injected} elements came out of text")


def check_console(browser):
    severe = [entry["message"] for entry in browser.driver.get_log("browser") if entry["level"] == "SEVERE"]
    require(not severe, "errors on the console: " + "; ".join(severe))


def take_screenshots(browser, directory, customer):
    os.makedirs(directory, exist_ok=True)
    for name, fragment in (("overview", "#/"), ("customer", "#/customer/" + urllib.parse.quote(customer, safe=""))):
        for width in (1440, 390):
            for dark in (False, True):
                browser.shape(width, dark)
                browser.open(fragment)
                browser.known("figure-rate" if name == "overview" else "explanation-sum")
                if name == "overview":
                    browser.until("the ranking", "return document.querySelector('#ranking a') ? true : null")
                time.sleep(1)
                wide = browser.run("return document.documentElement.scrollWidth")
                require(wide <= width, f"{name} at {width} px is {wide} px wide")
                browser.screenshot(os.path.join(directory, f"{name}-{width}-{'dark' if dark else 'light'}.png"), width)
                check_console(browser)


def test(arguments):
    browser = Browser(arguments)
    try:
        browser.open()
        browser.until("an answer of the worker", "return document.getElementById('connection').dataset.state === 'live' || null")
        if not arguments.still:
            check_movement(browser)
        shown = check_figures(browser, arguments.api, arguments.token, arguments.still)
        print("figures agree with /metrics:", ", ".join(f"{name} {value:.0f}" for name, value in shown.items()))
        customer = check_keyboard(browser)
        print("keyboard reaches search and ranking")
        print(f"customer {customer!r}: probability {check_customer(browser, customer):.6f} adds up")
        check_origin(browser)
        check_console(browser)
        if arguments.customer:
            browser.open("#/customer/" + urllib.parse.quote(arguments.customer, safe=""))
            print(f"customer {arguments.customer!r}: probability {check_customer(browser, arguments.customer):.6f} adds up")
            check_origin(browser)
            check_console(browser)
        if arguments.screenshots:
            take_screenshots(browser, arguments.screenshots, arguments.customer or customer)
            print(f"screenshots are in {arguments.screenshots}")
        print("no request left the origin; no error on the console")
    finally:
        browser.driver.quit()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("dashboard", nargs="?", help="URL of the dashboard")
    parser.add_argument("api", nargs="?", help="URL of the server that has /metrics")
    parser.add_argument("customer", nargs="?", help="a customer to look at beside the first ranked one")
    parser.add_argument("--screenshots", metavar="DIRECTORY",
                        help="take pictures of both pages, light and dark, 1440 and 390 px wide")
    parser.add_argument("--token", help="bearer token, where one is required")
    parser.add_argument("--timeout", type=float, default=30, help="seconds to wait for anything (30)")
    parser.add_argument("--still", action="store_true", help="no events are being published: do not wait for figures to move")
    parser.add_argument("--seal", metavar="PAGE", help="write the digests of style and script into the page's policy")
    parser.add_argument("--check", action="store_true", help="with --seal: only say whether they fit")
    arguments = parser.parse_args()
    if not arguments.seal and not (arguments.dashboard and arguments.api):
        parser.error("the dashboard's and the API's URL are needed")
    try:
        if arguments.seal:
            seal(arguments.seal, arguments.check)
        else:
            test(arguments)
    except (Failure, OSError) as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        return 1
    except Exception as error:
        if not type(error).__module__.startswith("selenium."):
            raise
        print(f"FAILED: the browser: {getattr(error, 'msg', error)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""Looks at the dashboard of a running worker with a real browser, and holds what it shows against the worker's metrics.

    browser_test.py http://127.0.0.1:8501/ http://127.0.0.1:8080 --screenshots DIRECTORY

Needs Debian's python3-selenium, chromium and chromium-driver, and a worker that is being sent events. Exits with 1 and says
what is wrong if anything is. Then it shows the page a status that is made up, for what a worker seldom has to say. With --page
FILE all this is done with a page that need not be built first.

    browser_test.py --seal dashboard.html

writes the digests of the page's own style and script into its content security policy, which a change to either needs; with
--check it only says whether they fit.
"""

import argparse
import base64
import copy
import hashlib
import http.server
import json
import math
import os
import re
import shutil
import sys
import threading
import time
import urllib.error
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


def answer(api, path, token=None):
    """What the API says at a path."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(urllib.parse.urljoin(api, path), headers=headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


class Stage:
    """The dashboard before a status that the test makes up: a proxy on loopback that passes everything else on."""

    def __init__(self, dashboard, page=None):
        """`page`: a file that is served instead of the worker's own page."""
        self.status = None
        self.ranking = None
        self.is_down = False
        stage = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if stage.is_down and self.path.startswith("/v1/"):
                    return
                path = self.path.partition("?")[0]
                said = {"/v1/status": stage.status, "/v1/customers": stage.ranking}.get(path)
                if said is not None:
                    self.reply(200, "application/json", json.dumps(said).encode())
                    return
                if path == "/" and page:
                    with open(page, "rb") as file:
                        self.reply(200, "text/html; charset=utf-8", file.read())
                    return
                headers = {name: self.headers[name] for name in ("Authorization", "Accept") if name in self.headers}
                request = urllib.request.Request(urllib.parse.urljoin(dashboard, self.path), headers=headers)
                try:
                    response = urllib.request.urlopen(request, timeout=10)
                except urllib.error.HTTPError as error:
                    response = error
                with response:
                    self.reply(response.status, response.headers["Content-Type"], response.read())

            def reply(self, status, kind, body):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                try:
                    self.end_headers()
                    self.wfile.write(body)
                except ConnectionError:
                    pass  # The page has gone on to something else.

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def partition(number, phase="live", lag=0):
    return {"topic": "customer-events", "partition": number, "thread": number % 2, "phase": phase,
            "restored": 1 if phase == "live" else 0.5, "position": 1000, "log_end": 1000 + (lag or 0), "lag": lag, "customers": 7,
            "state_bytes": 50_000, "expected_state_bytes": 90_000, "is_incomplete": False,
            "clock": "2011-09-01T12:00:00Z" if phase == "live" else None}


# The browser's side


class Browser:
    def __init__(self, arguments, url):
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
        self.url = url
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


# What a worker's figures are seldom such that one would see: made up, and told by the stage


def made_up(recorded, **changes):
    """A status that is the worker's own but for its partitions, its latency and `changes`."""
    latency = {"count": 40_000, "p50_seconds": 3.0, "p90_seconds": 4.0, "p99_seconds": 5.0, "max_seconds": 6.0}
    recent = {"count": 200, "p50_seconds": 0.02, "p90_seconds": 0.03, "p99_seconds": 0.04, "max_seconds": 0.05,
              "window_seconds": 300.2}
    status = dict(copy.deepcopy(recorded), ready=True, membership="member", partitions=[partition(number) for number in range(3)],
                  end_to_end=latency, end_to_end_recent=recent)
    status["counters"].update(changes.pop("counters", {}))
    status.update(changes)
    return status


def drift(rows, ratios=()):
    features = [{"name": f"feature_{ratio}", "is_drifting": ratio > 1, "psi": 0.1 * ratio, "threshold": 0.1, "missing": 0,
                 "reference_missing": 0, "out_of_range": 0, "live": [1, 0], "reference": [1, 0], "edges": []} for ratio in ratios]
    return {"rows": rows, "from": None, "to": None, "false_alarms": 0.01, "score": None, "features": features}


def require_singulars(browser):
    text = browser.run("return document.body.innerText")
    nouns = "events|messages|predictions|customers|partitions|checkpoints|features|labels|days|letters"
    wrong = re.findall(rf"(?<![\d,.])1 (?:{nouns})", text)
    require(not wrong, f"a plural of one: {wrong}")


def check_counts(browser, stage, recorded, ranking):
    """What is held after a restart, and that counts say of what they are and since when."""
    stage.status = made_up(recorded)
    stage.ranking = ranking
    browser.open()
    held = sum(version["figures"][version["serving_model"]]["n"] for version in recorded["grades"]["versions"])
    require(browser.known("figure-graded") == held, f"{browser.figure('figure-graded'):.0f} graded, but the API says {held:.0f}")
    browser.until("the ranking", "return document.querySelector('#ranking a') ? true : null")
    rows = browser.run("return document.querySelectorAll('#ranking tbody tr').length")
    require(rows == len(ranking["entries"]), f"{rows} customers are ranked, but the API says {len(ranking['entries'])}")
    note, is_cut = browser.run("""
        const box = document.getElementById('ranking');
        return [document.getElementById('ranking-note').textContent, box.scrollHeight > box.clientHeight + 1]""")
    require(note.startswith(f"{rows:,} of {ranking['customers']:,} customer"), f"the ranking shows {rows} rows and says {note!r}")
    require(not is_cut, "rows of the ranking are hidden")

    version = recorded["model_version"]
    figures = {"roc_auc": 0.783, "log_loss": 0.5, "n": 125_587, "positive_rate": 0.4}
    grades = {"pending": 1, "bought": 0, "not_bought": 0, "sampled_share": 1, "versions": [
        {"version": version, "serving_model": "blending", "figures": {"blending": figures}, "calibration": [], "days": []}]}
    nothing = {"received": 0, "scored": 0, "anonymous": 0, "rejected": 0, "committed": 0}
    stage.status = made_up(recorded, grades=grades, counters=nothing, drift=drift(0))
    browser.open()
    require(browser.known("figure-graded") == 125_587, "after a restart the graded predictions are not those that are held")
    browser.until("the model", "return document.querySelector('#model-facts dt') ? true : null")
    text = browser.run("return document.getElementById('overview').innerText")
    for words in ("40.0 % bought again", "1 waits for its label", "over 125,587 graded", "0 events received since the start",
                  "no prediction has been made since the start", "0 labels: "):
        require(words in text, f"the page does not say {words!r} after a restart")
    require(not re.search(r"at most 0(\.0)? ?/s", text), "a rate of at most 0 is said")


def check_one(browser, stage, recorded, ranking):
    one = dict.fromkeys(("received", "scored", "anonymous", "rejected", "committed", "customers", "checkpoints"), 1)
    status = made_up(recorded, counters=one, partitions=[dict(partition(0, lag=1), clock=None)], drift=drift(1))
    status["counters"]["checkpoint_failures"] = 0
    status["end_to_end_recent"].update(count=1, window_seconds=1.2)
    stage.status, stage.ranking = status, {"customers": 1, "restoring_partitions": [], "entries": ranking["entries"][:1]}
    browser.open()
    browser.until("the ranking", "return document.querySelector('#ranking a') ? true : null")
    text = browser.run("return document.body.innerText")
    for words in ("1 event received", "1 message committed", "1 checkpoint taken", "1 prediction in the last second",
                  "1 partition live", "1 of 1 customer", "after 64 events", "holds 1 sampled prediction."):
        require(words in text, f"the page does not say {words!r} where there is one")
    require_singulars(browser)


def check_latency(browser, stage, recorded):
    for changes, words, figure in (
            ({}, "200 predictions in the last 5 minutes", 0.02),
            ({"count": 0}, "no prediction was made in the last 5 minutes", None),
            (None, "40,000 predictions since the start", 3)):
        status = made_up(recorded)
        if changes is None:
            del status["end_to_end_recent"]
        else:
            status["end_to_end_recent"].update(changes)
        stage.status = status
        browser.open()
        browser.until(f"the words {words!r}",
                      "return document.getElementById('latency-note').textContent === arguments[0] || null", words)
        median = browser.figure("figure-latency-p50")
        require(median == figure, f"{words}, but the median is {median}")


def check_outage(browser, stage, recorded):
    """While Kafka is away the page says so and since when, and no lag is made up; what is added to the input is said."""
    kafka = {"up": False, "away_since": "2026-01-02T03:04:05Z", "away_seconds": 84.0, "partitions_added": 0,
             "reason": "nothing listens on the broker's port; check kafka.bootstrap.servers"}
    stage.status = made_up(recorded, ready=False, kafka=kafka, partitions=[partition(number, lag=None) for number in range(3)])
    browser.shape(1440, False)
    browser.open()
    browser.until("the outage", "return document.getElementById('connection').dataset.state === 'away' || null")
    words = browser.run("return document.getElementById('connection').innerText")
    for part in ("Kafka is away", "Since ", "Nothing is lost", "check kafka.bootstrap.servers"):
        require(part in words, f"the page does not say {part!r} while Kafka is away: {words!r}")
    lag = browser.run("return document.getElementById('figure-lag').textContent")
    require(lag == "unknown", f"the lag is {lag!r} while Kafka is away")
    require(browser.figure("figure-lag") is None, "there is a figure of a lag that nobody knows")
    rows = browser.run("return document.querySelector('#partitions tbody').innerText")
    require(rows.count("unknown") == 3, f"the partitions' lags are not unknown: {rows!r}")
    stage.status = made_up(recorded, kafka=dict(kafka, up=True, away_since=None, reason=None, partitions_added=4))
    browser.open()
    browser.until("the growth", "return document.getElementById('keys-note').textContent.startsWith('4 partitions added') || null")


def check_partitions(browser, stage, recorded):
    """The worst come first, what is left out is counted, and the card is as large as what it shows."""
    parts = [partition(number, lag=100 * number if number % 9 == 0 else 0) for number in range(64)]
    parts[40], parts[7] = partition(40, "rebuilding", 5), partition(7, "loading")
    stage.status = made_up(recorded, ready=False, partitions=parts)
    browser.shape(1440, False)
    browser.open()
    browser.until("partitions", "return document.querySelector('#partitions tbody tr') ? true : null")
    read = "return [...document.querySelectorAll('#partitions tbody th')].map(cell => Number(cell.textContent))"
    shown = browser.run(read)
    expected = [p["partition"] for p in sorted(parts, key=lambda p: (p["phase"] == "live", -p["lag"], p["partition"]))]
    require(shown == expected[:len(shown)], f"the worst partitions do not come first: {shown}")
    more = browser.run("return document.getElementById('partitions-more').textContent")
    require(more.startswith(f"{64 - len(shown)} more partitions"), f"{len(shown)} of 64 partitions are shown, and it says {more!r}")
    browser.run("document.getElementById('partitions-all').click()")
    require(browser.run(read) == expected, "not all partitions are shown")
    parts = [partition(0), partition(1, "loading"), partition(2, "rebuilding", 1_234_567)]
    stage.status = made_up(recorded, ready=False, partitions=parts)
    for width in (1440, 1024, 390):
        browser.shape(width, False)
        browser.open()
        browser.until("partitions", "return document.querySelector('#partitions tbody tr') ? true : null")
        spare, hidden, version = browser.run("""
            const box = document.getElementById('partitions'), table = box.querySelector('table');
            return [box.closest('.panel').clientHeight - table.clientHeight, box.scrollWidth - box.clientWidth,
                    document.getElementById('strip-version').offsetWidth]""")
        require(spare < 150, f"at {width} px {spare} px of the partitions' card are empty")
        require(hidden <= 0 or width < 600, f"at {width} px the partitions' columns are cut off")
        require(version > 0, f"at {width} px the model's version is not shown")
    browser.shape(1440, False)


def check_drift(browser, stage, recorded):
    stage.status = made_up(recorded, drift=drift(2000, (0.5, 9, 27, 2)))
    browser.open()
    rows = browser.until("drift", """
        const rows = [...document.querySelectorAll('#drift tbody tr')];
        const width = row => parseFloat(row.querySelector('.meter i').style.width);
        return rows.length === 4 ? rows.map(row => [row.cells[0].textContent, width(row)]) : null""")
    require([name for name, _ in rows] == ["feature_27", "feature_9", "feature_2", "feature_0.5"], f"drift is not sorted: {rows}")
    widths = [width for _, width in rows]
    require(widths == sorted(set(widths), reverse=True), f"bars of drift do not differ: {rows}")
    stage.status = made_up(recorded, drift=drift(12))
    browser.open()
    browser.until("why there is no comparison",
                  "return /too small.* 12 sampled/.test(document.getElementById('drift').textContent) || null")


def check_states(browser, stage, recorded):
    """Standby, joining, and no connection."""
    standby = "Standby: member of the group, no partition is assigned to this worker"
    for changes, state, words in (
            ({"ready": True, "membership": "member"}, "standby", standby),
            ({"ready": True, "membership": None}, "standby", standby),
            ({"ready": False, "membership": "joining"}, "waiting", "Joining the group")):
        stage.status = made_up(recorded, partitions=[], **changes)
        browser.open()
        browser.until(words, """return document.getElementById('connection').dataset.state === arguments[0]
            && document.getElementById('partitions').textContent.includes(arguments[1]) || null""", state, words)
    stage.status = made_up(recorded)
    browser.open()
    browser.until("a sparkline over its whole width", """
        return document.querySelector('#spark-lag path.s-live')?.getAttribute('d').startsWith('M0.0 ') || null""")
    check_console(browser)
    stage.is_down = True
    browser.until("no connection", "return document.getElementById('connection').dataset.state === 'down' || null")
    colors, phases, words, note = browser.run("""
        const color = element => getComputedStyle(element).color, note = document.getElementById('partitions-note');
        const marks = [...document.querySelectorAll('#partitions .mark')];
        return [[...marks, document.querySelector('.value')].map(color).filter(c => c !== color(note)),
                marks.map(mark => mark.textContent), document.getElementById('connection-detail').textContent, note.textContent]""")
    require(not colors, f"without a connection something is not grey: {colors}")
    require(set(phases) == {"was live"}, f"without a connection the partitions are {phases}")
    since = r"\d\d:\d\d:\d\d UTC"
    require(re.search(since, words) and re.search(since, note), f"it is not said since when: {words!r}, {note!r}")
    stage.is_down = False
    browser.until("the connection again", """
        return document.getElementById('connection').dataset.state === 'live' && !document.body.matches('.stale')
            && document.querySelector('#partitions .mark').textContent === 'live' || null""")
    # Requests that were refused on purpose.
    browser.driver.get_log("browser")


def check_time(browser, customer):
    """The time of a score is written as ISO 8601 has it, and no time is asked for of somebody unknown."""
    browser.open("#/customer/" + urllib.parse.quote(customer, safe=""))
    check_customer(browser, customer)
    over = browser.run("""
        const label = [...document.querySelectorAll('#chart-timeline text')].find(text => text.textContent === 'scored');
        const marker = document.querySelector('#chart-timeline .s-now');
        return label && marker ? label.getBoundingClientRect().bottom - marker.getBoundingClientRect().top : 0""")
    require(over <= 2, "the label lies over its marker")
    for text, is_time in (("11/09/2011", False), ("2011-02-30", False), ("2099-01-01 12:30", True)):
        browser.run("""
            const field = document.getElementById('asof');
            field.value = arguments[0];
            field.dispatchEvent(new Event('input'));
            document.querySelector('#asof-form button').click()""", text)
        is_asked = browser.run("return location.hash.endsWith('?as_of=' + encodeURIComponent('2099-01-01T12:30:00Z'))")
        require(is_asked == is_time, f"{text!r} was taken for {'no ' if is_time else 'a '}time")
    browser.until("the time that was asked for", "return document.getElementById('asof').value === '2099-01-01 12:30:00' || null")
    check_customer(browser, customer)
    check_console(browser)
    browser.open("#/customer/" + urllib.parse.quote(customer + " who is unknown"))
    browser.until("that there is no such customer", """
        return !document.getElementById('customer-message').hidden
            && document.getElementById('message-title').textContent !== 'Looking' || null""")
    require(browser.run("return document.getElementById('asof-form').offsetWidth") == 0, "an unknown customer is given a time")
    # The refusal.
    browser.driver.get_log("browser")


def check_made_up(browser, stage, arguments, customer):
    recorded = answer(arguments.api, "/v1/status", arguments.token)
    ranking = answer(arguments.api, "/v1/customers?top=20", arguments.token)
    url, browser.url = browser.url, stage.url
    check_counts(browser, stage, recorded, ranking)
    check_one(browser, stage, recorded, ranking)
    check_latency(browser, stage, recorded)
    check_partitions(browser, stage, recorded)
    check_outage(browser, stage, recorded)
    check_drift(browser, stage, recorded)
    check_states(browser, stage, recorded)
    check_console(browser)
    stage.status = stage.ranking = None
    check_time(browser, customer)
    browser.url = url


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
        for width in (1440, 1024, 390):
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
    stage = Stage(arguments.dashboard, arguments.page)
    browser = Browser(arguments, stage.url if arguments.page else arguments.dashboard)
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
        check_made_up(browser, stage, arguments, customer)
        print("counts, latency, partitions, drift, states of the connection and times are said as they are")
        if arguments.screenshots:
            take_screenshots(browser, arguments.screenshots, arguments.customer or customer)
            print(f"screenshots are in {arguments.screenshots}")
        print("no request left the origin; no error on the console")
    finally:
        browser.driver.quit()
        stage.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("dashboard", nargs="?", help="URL of the dashboard")
    parser.add_argument("api", nargs="?", help="URL of the server that has /metrics")
    parser.add_argument("customer", nargs="?", help="a customer to look at beside the first ranked one")
    parser.add_argument("--screenshots", metavar="DIRECTORY",
                        help="take pictures of both pages, light and dark, 1440, 1024 and 390 px wide")
    parser.add_argument("--page", help="a file to look at instead of the worker's own page")
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

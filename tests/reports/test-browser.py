#!/usr/bin/env python3
"""Opens generated reports in headless Chromium and checks what a reader would see; TAP on stdout.

usage: test-browser.py MAKE_REPORT [FOLDER]

MAKE_REPORT writes the report of a test database (make-report.c). With FOLDER, screenshots are left there for people to
look at. The browser is driven through its DevTools protocol over a pipe, so that console errors, policy violations and
every network request are seen; nothing but the standard library is used.
"""
import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

WAIT_S = 30

# What is asked of each chart, in the page: expected counts come from the chart's own data.
INSPECT = """
(() => {
  const positive = v => typeof v === "number" && v > 0;
  const charts = Array.from(document.querySelectorAll("figure.chart")).map(figure => {
    const data = JSON.parse(figure.querySelector("script").textContent);
    const drawn = (...how) => data.series.filter(s => how.includes(s.drawing));
    const lines = drawn("line"), bases = drawn("level"), bounds = drawn("bound");
    const points = drawn("line", "points").flatMap(s => s.points).filter(p => positive(p.y));
    const table = document.getElementById(figure.getAttribute("aria-describedby"));
    const count = selector => figure.querySelectorAll("svg.plot " + selector).length;
    return {
      title: data.title,
      points: points.length, bars: points.filter(p => positive(p.low) && positive(p.high)).length,
      lines: lines.filter(s => s.points.some(p => positive(p.y))).length,
      bases: bases.filter(s => s.points.some(p => positive(p.y))).length,
      hollow: data.series.filter(s => !["measured", "counted"].includes(s.kind)).length,
      drawn_marks: count(".mark"), drawn_bars: count(".error-bar"), drawn_hits: count("circle.hit"),
      drawn_lines: count(".line:not(.baseline)"), drawn_bases: count(".baseline"),
      drawn_hollow: count(".series.hollow"), labels: count("text.label"), tips: count(".point title"),
      ticks: count("text.tick"), axis_titles: count("text.axis-title"),
      bad: (figure.querySelector("svg.plot")?.outerHTML ?? "NaN").includes("NaN"),
      traces: drawn("trace").length, drawn_traces: count("path.trace"), bands: count(".series path.band"),
      bounds: bounds.length, drawn_bounds: count("path.bound"), names: count("text.bound-name"),
      legend: figure.querySelectorAll(".legend li").length, series: data.series.length - bounds.length,
      aria: (figure.querySelector("svg.plot")?.getAttribute("aria-label") ?? "").length,
      rows: table ? table.querySelectorAll("tbody tr").length : 0,
    };
  });
  return JSON.stringify({
    charts, title: document.title, scripts: document.scripts.length,
    text: document.body.textContent, open: document.querySelectorAll("details[open]").length,
    overflow: document.documentElement.scrollWidth - window.innerWidth,
    sources: Array.from(document.querySelectorAll("[src],link,iframe,object,embed,img")).length,
    links: Array.from(document.querySelectorAll("[href]")).map(a => a.getAttribute("href")),
    background: getComputedStyle(document.body).backgroundColor,
  });
})()
"""


class Tap:
    def __init__(self):
        self.count = self.failed = 0

    def ok(self, passed, text):
        self.count += 1
        self.failed += not passed
        print(("ok" if passed else "not ok"), self.count, "-", text, flush=True)

    def same(self, got, want, text):
        self.ok(got == want, text if got == want else f"{text}: got {got!r}, expected {want!r}")


class Browser:
    """One tab of a headless Chromium; events of the page are kept in self.events."""

    def __init__(self, binary, folder):
        to_read, to_write = os.pipe()
        from_read, from_write = os.pipe()
        # Above 9, so that taking the places 3 and 4 in the child closes neither of them.
        child_in = fcntl.fcntl(to_read, fcntl.F_DUPFD, 10)
        child_out = fcntl.fcntl(from_write, fcntl.F_DUPFD, 10)

        def place():
            os.dup2(child_in, 3)
            os.dup2(child_out, 4)

        self.process = subprocess.Popen(
            [binary, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
             "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
             "--user-data-dir=" + folder, "--remote-debugging-pipe", "about:blank"],
            preexec_fn=place, pass_fds=(3, 4), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        for fd in (to_read, from_write, child_in, child_out):
            os.close(fd)
        self.out, self.inp = to_write, from_read
        self.rest, self.number, self.events, self.session = b"", 0, [], None
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    def receive(self, deadline):
        while b"\0" not in self.rest:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.inp], [], [], left)[0]:
                raise TimeoutError("the browser did not answer")
            data = os.read(self.inp, 1 << 20)
            if not data:
                raise EOFError("the browser is gone")
            self.rest += data
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + WAIT_S
        while True:
            answer = self.receive(deadline)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(str(result["exceptionDetails"]))
        return result["result"].get("value")

    def open(self, url):
        self.events = []
        self.call("Page.navigate", url=url)
        deadline = time.monotonic() + WAIT_S
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.receive(deadline))

    def resize(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        # Two frames and a moment: the charts redraw in an animation frame after the resize is observed.
        self.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => "
                      "setTimeout(done, 150))))")

    def theme(self, name):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def complaints(self):
        found = []
        for event in self.events:
            method, params = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(params["exceptionDetails"].get("exception", {}).get("description", "exception"))
            elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
                found.append(str(params["args"]))
            elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                found.append(params["entry"]["text"])
            elif method == "Page.javascriptDialogOpening":
                found.append("a dialog opened: " + params["message"])
        return found

    def requests(self):
        return [event["params"]["request"]["url"] for event in self.events
                if event.get("method") == "Network.requestWillBeSent"]

    def screenshot(self, path):
        height = self.evaluate("document.documentElement.scrollHeight")
        width = self.evaluate("window.innerWidth")
        data = self.call("Page.captureScreenshot", captureBeyondViewport=True,
                         clip={"x": 0, "y": 0, "width": width, "height": height, "scale": 1})["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def close(self):
        self.session = None
        try:
            self.call("Browser.close")
            self.process.wait(WAIT_S)
        except (OSError, EOFError, TimeoutError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()


def check_charts(tap, name, page):
    tap.ok(len(page["charts"]) > 0, f"{name}: has charts ({len(page['charts'])})")
    for chart in page["charts"]:
        what = f"{name}: chart '{chart['title']}'"
        tap.same((chart["drawn_marks"], chart["drawn_hits"], chart["tips"]), (chart["points"],) * 3,
                 f"{what}: a mark and a tooltip for each of {chart['points']} points")
        tap.same(chart["drawn_bars"], chart["bars"], f"{what}: an error bar for each of {chart['bars']} intervals")
        tap.same((chart["drawn_lines"], chart["drawn_bases"]), (chart["lines"], chart["bases"]),
                 f"{what}: a line for each series, a level for each dense one")
        tap.same((chart["drawn_bounds"], chart["names"]), (chart["bounds"],) * 2, f"{what}: each limit, with its name")
        tap.same((chart["drawn_traces"], chart["bands"]), (chart["traces"],) * 2, f"{what}: each trace, with its band")
        tap.same(chart["drawn_hollow"], chart["hollow"], f"{what}: what is not measured is marked")
        tap.same((chart["labels"], chart["legend"]), (chart["lines"] + chart["bases"], chart["series"]),
                 f"{what}: labels and legend")
        tap.ok(chart["ticks"] >= 3 and chart["axis_titles"] == 2 and not chart["bad"], f"{what}: axes")
        tap.ok(chart["aria"] > 20 and chart["rows"] > 0, f"{what}: named for screen readers, with its table")
    bars = sum(chart["bars"] for chart in page["charts"])
    tap.ok(bars > 0, f"{name}: intervals are drawn ({bars})")


def check_report(tap, browser, name, url, folder):
    browser.resize(1280, 1000)
    browser.theme("light")
    browser.open(url)
    browser.resize(1280, 1000)
    page = json.loads(browser.evaluate(INSPECT))
    if page["charts"] or "There are no charts" not in page["text"]:
        check_charts(tap, name, page)
        tap.same(page["scripts"], 2 + len(page["charts"]), f"{name}: no script but its own")
    else:
        tap.ok(page["open"] > 0, f"{name}: built without charts, and says so above open tables")
    tap.same(page["sources"], 0, f"{name}: refers to no other file")
    tap.ok(all(link.startswith("#") for link in page["links"]), f"{name}: links stay in the page")
    if folder:
        browser.screenshot(os.path.join(folder, name + "-light.png"))

    wide = browser.evaluate("document.querySelector('svg.plot')?.getAttribute('viewBox')")
    browser.theme("dark")
    browser.resize(1280, 1000)
    dark = json.loads(browser.evaluate(INSPECT))
    tap.ok(dark["background"] != page["background"], f"{name}: follows the dark theme")
    if folder:
        browser.screenshot(os.path.join(folder, name + "-dark.png"))
    browser.theme("light")
    browser.resize(400, 800)
    phone = json.loads(browser.evaluate(INSPECT))
    tap.ok(phone["overflow"] <= 0, f"{name}: fits 400 pixels ({phone['overflow']} over)")
    narrow = browser.evaluate("document.querySelector('svg.plot')?.getAttribute('viewBox')")
    tap.ok(not page["charts"] or narrow != wide, f"{name}: charts are drawn again at another width")
    if folder:
        browser.screenshot(os.path.join(folder, name + "-phone.png"))

    tap.same(browser.complaints(), [], f"{name}: no error and no warning in the console")
    tap.same([other for other in browser.requests() if other != url], [], f"{name}: no request leaves the page")
    browser.evaluate("{ const s = document.createElement('script'); s.textContent = 'window.injected = 1';"
                     " document.body.append(s); }")
    tap.same(browser.evaluate("window.injected === undefined"), True, f"{name}: a script put into it does not run")


def main():
    make, folder = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    binary = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not binary:
        print("1..0 # SKIP no chromium here: install chromium to test the report's charts")
        return 0
    tap = Tap()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        browser = Browser(binary, os.path.join(temporary, "profile"))
        try:
            for name in ("typical", "rich", "energy", "simulated", "all-failed"):
                path = os.path.join(temporary, name + ".html")
                made = subprocess.run([make, name, path], stderr=subprocess.PIPE, text=True, check=False)
                tap.ok(made.returncode == 0, f"{name}: written")
                if made.returncode:
                    print("#", made.stderr)
                    continue
                if name == "all-failed":
                    browser.open("file://" + path)
                    tap.same(browser.complaints(), [], f"{name}: opens without charts and without errors")
                else:
                    check_report(tap, browser, name, "file://" + path, folder)
        finally:
            browser.close()
    print(f"1..{tap.count}")
    return 1 if tap.failed else 0


sys.exit(main())

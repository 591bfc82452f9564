#!/usr/bin/env python3
"""Holds the alerts and the dashboard beside what a worker says on /metrics: a file, or the address of one that runs.

    deploy/check_monitoring.py deploy/prometheus/metrics.sample.txt
    FUTURE_CART_TOKEN=... deploy/check_monitoring.py http://localhost:8001/metrics

Prometheus takes a misspelt metric for one that has no values yet: the panel stays empty and the alert silent. Standard library
only. Exit code 1 when something is wrong; every finding is a line.
"""

import json
import os
import re
import sys
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ALERTS = HERE / "prometheus" / "alerts.yml"
TESTS = HERE / "prometheus" / "alerts.test.yml"
DASHBOARD = HERE / "grafana" / "dashboard.json"
README = HERE.parent / "README.md"

# What Prometheus itself adds.
OWN_METRICS = {"up": set(), "ALERTS": {"alertname", "alertstate", "severity"}}
OWN_LABELS = {"job", "instance"}

AGGREGATIONS = set("sum min max avg group stddev stdvar count count_values bottomk topk quantile".split())
GROUPINGS = set("by without on ignoring group_left group_right".split())
WORDS = set("and or unless bool offset inf nan atan2".split())

TOKEN = re.compile(
    r"""\s+ | \#[^\n]*
    | (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
    | (?P<range>\[[^\]]*\])
    | (?P<number>\d[\w.]*(?:[+-]\d+)?(?<=[eE][+-]\d)|\d[\w.]*|\$\w+|\$\{\w+\})
    | (?P<name>[A-Za-z_:][\w:]*)
    | (?P<sign>[^\s\w])""",
    re.VERBOSE,
)


def selectors(expression):
    """Metrics that an expression reads, each with the labels it is matched by, and labels that are grouped by."""
    tokens = [m for m in TOKEN.finditer(expression) if m.lastgroup]
    texts = [m.group() for m in tokens] + ["", ""]
    metrics, grouped = [], set()
    at = 0
    while at < len(tokens):
        kind, text, following = tokens[at].lastgroup, texts[at], texts[at + 1]
        at += 1
        if kind == "sign" and text == "{":
            raise ValueError("a selector without a metric's name")
        if kind != "name":
            continue
        word = text.lower()
        if word in GROUPINGS:
            if following == "(":
                end = texts.index(")", at)
                grouped.update(t for t in texts[at:end] if re.fullmatch(r"\w+", t))
                at = end + 1
        elif word not in WORDS and word not in AGGREGATIONS and following != "(":
            labels = set()
            if following == "{":
                end = texts.index("}", at)
                labels = {texts[i] for i in range(at, end) if tokens[i].lastgroup == "name"}
                at = end + 1
            metrics.append((text, labels))
    return metrics, grouped


def exposition(text):
    """Names that can be asked for, each with its labels; `None` for a metric that is declared and has no values yet."""
    found = {}
    for line in text.splitlines():
        declared = re.match(r"# TYPE (\S+) (\w+)", line)
        if declared:
            suffixes = ("_bucket", "_sum", "_count") if declared[2] == "histogram" else ("",)
            for suffix in suffixes:
                found.setdefault(declared[1] + suffix, None)
        elif line and not line.startswith("#"):
            sample = re.match(r"([A-Za-z_:][\w:]*)(\{.*\})? \S", line)
            if not sample:
                raise ValueError(f"no sample: {line}")
            labels = re.findall(r'(\w+)="(?:\\.|[^"\\])*"', sample[2] or "")
            found[sample[1]] = (found.get(sample[1]) or set()) | set(labels)
    return found


def rules(text):
    """The rules of an alerts file, each as a dictionary of the keys below it that are text. Reads the YAML of that file, not
    YAML."""
    found, rule, block = [], None, None
    for line in text.splitlines():
        body = line.strip()
        indent = len(line) - len(line.lstrip())
        if block and (not body or indent > block[1]):
            rule[block[0]] += " " + body
            continue
        block = None
        start = re.match(r"- (alert|record): (\S+)$", body)
        pair = re.match(r"(\w+): ?(.*)$", body)
        if start:
            rule = {start[1]: start[2]}
            found.append(rule)
        elif rule and pair and not body.startswith("#"):
            if pair[2] in (">-", "|", ">", "|-"):
                rule[pair[1]], block = "", (pair[1], indent)
            else:
                rule[pair[1]] = pair[2]
    return found


def panels(dashboard):
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def check_layout(dashboard, complain):
    taken, numbers = {}, set()
    for panel in panels(dashboard):
        title = panel.get("title") or f"panel {panel.get('id')}"
        if panel.get("id") in numbers:
            complain(f"{title}: id {panel.get('id')} is another panel's too")
        numbers.add(panel.get("id"))
        place = panel["gridPos"]
        if place["x"] < 0 or place["w"] < 1 or place["x"] + place["w"] > 24:
            complain(f"{title}: wider than the page")
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if (x, y) in taken:
                    complain(f"{title}: lies over {taken[x, y]}")
                    break
                taken[x, y] = title
            else:
                continue
            break
        if panel["type"] in ("row", "text"):
            continue
        if not panel.get("description"):
            complain(f"{title}: says nothing about itself")
        if panel.get("datasource", {}).get("uid") != "${datasource}":
            complain(f"{title}: its data source is not the dashboard's")
        letters = [target["refId"] for target in panel["targets"]]
        if len(letters) != len(set(letters)):
            complain(f"{title}: two queries of one letter")


def queries(dashboard):
    """Expressions of a dashboard with where they stand, and the labels that legends name."""
    for panel in panels(dashboard):
        for target in panel.get("targets", []):
            legend = re.findall(r"\{\{\s*(\w+)\s*\}\}", target.get("legendFormat", ""))
            yield f"panel '{panel['title']}'", target["expr"], legend
    for variable in dashboard.get("templating", {}).get("list", []):
        query = variable.get("query")
        query = query.get("query", "") if isinstance(query, dict) else query or ""
        values = re.fullmatch(r"label_values\((.+),\s*(\w+)\)", query)
        if values:
            yield f"variable '{variable['name']}'", values[1], [values[2]]
    for annotation in dashboard.get("annotations", {}).get("list", []):
        if "expr" in annotation:
            yield f"annotation '{annotation['name']}'", annotation["expr"], []


def main(arguments):
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    source = arguments[0]
    if re.match(r"https?://", source):
        request = urllib.request.Request(source)
        if os.environ.get("FUTURE_CART_TOKEN"):
            request.add_header("Authorization", f"Bearer {os.environ['FUTURE_CART_TOKEN']}")
        text = urllib.request.urlopen(request, timeout=10).read().decode()
    else:
        text = Path(source).read_text(encoding="utf-8")

    findings = []
    said = exposition(text)
    known = {**said, **OWN_METRICS}
    # A recorded name's labels are not known here.
    recorded = {rule["record"] for rule in rules(ALERTS.read_text()) if "record" in rule}
    known.update((name, None) for name in recorded)
    all_labels = OWN_LABELS.union({"version", "model", "serving", "le"}, *(labels for labels in known.values() if labels))
    used = set()

    def check_expression(place, expression, others=()):
        try:
            metrics, grouped = selectors(expression)
        except ValueError as error:
            findings.append(f"{place}: {error}")
            return
        if not metrics:
            findings.append(f"{place}: reads no metric")
        for name, labels in metrics:
            used.add(name)
            if name not in known:
                findings.append(f"{place}: there is no metric {name}")
            elif known[name] is not None and not labels <= known[name] | OWN_LABELS:
                unknown = ", ".join(sorted(labels - known[name] - OWN_LABELS))
                findings.append(f"{place}: {name} has no label {unknown}")
        # A metric without values yet may have any label.
        is_complete = all(labels is not None for labels in known.values())
        for label in sorted(grouped.union(others) - all_labels) if is_complete else []:
            findings.append(f"{place}: no metric has a label {label}")

    names = set()
    tests, readme = TESTS.read_text(), README.read_text()
    for rule in rules(ALERTS.read_text()):
        name = rule.get("alert") or rule["record"]
        if name in names:
            findings.append(f"{name}: twice")
        names.add(name)
        # Strings of label_replace name labels that are made there.
        all_labels.update(re.findall(r'"(model_version|model)"', rule["expr"]))
        check_expression(name, rule["expr"])
        if "record" in rule:
            continue
        if not re.search(r"severity: (critical|warning)\b", rule.get("labels", "")):
            findings.append(f"{name}: is neither critical nor warning")
        for key in ("summary", "description", "runbook"):
            if not rule.get(key):
                findings.append(f"{name}: has no {key}")
        if not re.search(rf'labels: .ALERTS\{{alertname="{name}"', tests):
            findings.append(f"{name}: no test in which it fires")
        if f"`{name}`" not in readme:
            findings.append(f"{name}: is not in the README")
    for name in re.findall(r"`(FutureCart\w+)`", readme):
        if name not in names:
            findings.append(f"README: there is no alert {name}")

    dashboard = json.loads(DASHBOARD.read_text())
    check_layout(dashboard, findings.append)
    for place, expression, labels in queries(dashboard):
        check_expression(place, expression, labels)

    for finding in findings:
        print(finding)
    unused = {name for name in said if name not in used and re.sub("_(bucket|sum|count)$", "_bucket", name) not in used}
    print(f"{len(names)} rules, {sum(1 for _ in queries(dashboard))} queries, {len(findings)} findings; "
          f"shown nowhere: {', '.join(sorted(unused)) or 'nothing'}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

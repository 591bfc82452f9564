#!/usr/bin/env bash
# Requests a second over HTTP: this worker beside the service that one would write in Python, both under wrk, one after the
# other, several times over. Takes the seconds of one measurement (5) and the rounds (3): deploy/bench_http.sh 5 3
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
source deploy/http_common.sh

seconds=${1:-5} rounds=${2:-3}
need wrk curl python3-venv librdkafka-dev zlib1g-dev libzstd-dev libssl-dev libcurl4-openssl-dev libjemalloc-dev
find_http_python fastapi 'uvicorn[standard]' xgboost numpy
[ -n "${NO_BUILD:-}" ] || { swift build -c release --product scoring-worker; swift build -c release --product replay; }
start_worker 18001
"$http_python" deploy/fastapi_service.py --models models --port 18002 &
other_process=$!

# One row of features, and one customer's 20 events.
"$http_python" - "$worker_directory" <<'PYTHON'
import csv, gzip, itertools, json, sys
manifest = json.load(open("models/current/manifest.json"))
row = manifest["goldenRows"][len(manifest["goldenRows"]) // 2]["features"]
json.dump({"features": dict(zip(manifest["features"], row))}, open(f"{sys.argv[1]}/row.json", "w"))
rows = csv.DictReader(gzip.open(f"{sys.argv[1]}/shop.csv.gz", "rt"))
customers = {}
for line in rows:
    event = {k.lower(): v for k, v in line.items()}
    if event["customer_id"]:
        event["quantity"], event["unit_price"] = int(event["quantity"]), float(event["unit_price"])
        customers.setdefault(event["customer_id"], []).append(event)
events = next(e for e in customers.values() if len(e) >= 20)[:20]
json.dump({"events": events}, open(f"{sys.argv[1]}/events.json", "w"))
json.dump({"events": events[:1]}, open(f"{sys.argv[1]}/event.json", "w"))
PYTHON
until curl -fs -o /dev/null -H 'Content-Type: application/json' -d "@$worker_directory/row.json" \
    http://127.0.0.1:18002/v1/score/features; do sleep 0.2; done

# The same row must come to the same probability on both sides.
ours=$(curl -fs -H 'Content-Type: application/json' -d "@$worker_directory/row.json" 'http://127.0.0.1:18001/v1/score/features?explain=false')
theirs=$(curl -fs -H 'Content-Type: application/json' -d "@$worker_directory/row.json" http://127.0.0.1:18002/v1/score/features)
"$http_python" - "$ours" "$theirs" <<'PYTHON'
import json, sys
ours, theirs = (json.loads(text) for text in sys.argv[1:])
difference = abs(ours["members"]["xgboost"] - theirs["purchase_probability"])
assert difference < 1e-6, difference
PYTHON

# The development broker answers an empty fetch at once, so that an idle worker and it keep a core busy with asking. What
# is measured here needs no broker: it is held still meanwhile.
kill -STOP "$broker_process"

cases=(
    "worker, a row of features|http://127.0.0.1:18001/v1/score/features?explain=false|row.json"
    "FastAPI, the same row|http://127.0.0.1:18002/v1/score/features|row.json"
    "FastAPI, the same row, async|http://127.0.0.1:18002/v1/score/features/async|row.json"
    "worker, a row, explained|http://127.0.0.1:18001/v1/score/features|row.json"
    "worker, one event|http://127.0.0.1:18001/v1/score?explain=false|event.json"
    "worker, 20 events|http://127.0.0.1:18001/v1/score?explain=false|events.json"
    "worker, 20 events, explained|http://127.0.0.1:18001/v1/score|events.json"
)
for round in $(seq "$rounds"); do
    for connections in 1 32; do
        for case in "${cases[@]}"; do
            IFS='|' read -r name url body <<<"$case"
            wrk -t1 -c"$connections" -d1s -s deploy/post.lua "$url" -- "$worker_directory/$body" >/dev/null
            printf '%s|%s|%s\n' "$connections" "$name" \
                "$(wrk -t1 -c"$connections" -d"${seconds}s" -s deploy/post.lua "$url" -- "$worker_directory/$body" | tail -1)"
        done
    done
done >"$worker_directory/measured"

"$http_python" - "$worker_directory/measured" "$rounds" <<'PYTHON'
import statistics, sys
runs = {}
for line in open(sys.argv[1]):
    connections, name, figures = line.rstrip("\n").split("|")
    requests, duration, p50, p99, errors = map(int, figures.split())
    assert errors == 0, line
    runs.setdefault((int(connections), name), []).append((requests / duration * 1e6, p50, p99))
print(f"medians of {sys.argv[2]} rounds; the ratio is to the faster of the two ways in FastAPI\n")
print("| connections | | requests/s | × FastAPI | p50 | p99 |\n|---:|---|---:|---:|---:|---:|")
for connections in (1, 32):
    base = max(statistics.median(r[0] for r in v) for (c, n), v in runs.items() if c == connections and "FastAPI" in n)
    for (c, name), values in runs.items():
        if c == connections:
            rate, p50, p99 = (statistics.median(column) for column in zip(*values))
            print(f"| {c} | {name} | {rate:,.0f} | {rate / base:.1f} | {p50 / 1000:.2f} ms | {p99 / 1000:.2f} ms |")
PYTHON

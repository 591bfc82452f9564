#!/usr/bin/env bash
# Has Schemathesis ask a running worker all that its OpenAPI document allows, and much that it does not, and holds the
# answers against the document. Takes Schemathesis' own options: deploy/fuzz_api.sh --max-examples 500
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
source deploy/http_common.sh

need curl python3-venv librdkafka-dev zlib1g-dev libzstd-dev libssl-dev libcurl4-openssl-dev libjemalloc-dev
find_http_python 'schemathesis>=4,<5'
[ -n "${NO_BUILD:-}" ] || { swift build -c release --product scoring-worker; swift build -c release --product replay; }
start_worker 18001
# A body that fits the document may still be of two customers, or look from a time before its events: 422 is
# an answer to it. One with too many events may be too large before they are counted.
cat >"$worker_directory/schemathesis.toml" <<'TOML'
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 401, 403, 404, 413, 421, 422]
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 413, 415, 421, 422, 431]
[dictionaries.customers]
values = ["10007", "10249", "10033"]
[parameters]
"path.id" = { dictionary = "customers", probability = 0.7 }
TOML
# It leaves a cache where it runs.
cd "$worker_directory"
"${http_python%/*}/schemathesis" --config-file schemathesis.toml run \
    "http://127.0.0.1:18001/openapi.json" --url http://127.0.0.1:18001 --checks all --phases examples,coverage,fuzzing \
    "$@"
kill -0 $worker_process

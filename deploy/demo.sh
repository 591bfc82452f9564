#!/usr/bin/env bash
# Builds the worker and streams a shop's events through it, over an embedded broker. Takes the demo's own options:
# deploy/demo.sh --history FILE --events N
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

need librdkafka-dev zlib1g-dev libzstd-dev libssl-dev libcurl4-openssl-dev libjemalloc-dev
swift build -c release --product scoring-worker
exec "$(swift build -c release --show-bin-path)/scoring-worker" demo "$@"

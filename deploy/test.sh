#!/usr/bin/env bash
# Builds everything and runs the tests. Takes swift test's own options: deploy/test.sh --filter Worker
# With --night first, what takes minutes runs too: long chaos runs, the libraries whose models are imported, whole histories.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

if [ "${1:-}" = --night ]; then
    shift
    export FUTURE_CART_NIGHT=1
fi

need librdkafka-dev libxgboost-dev zlib1g-dev libzstd-dev libssl-dev libcurl4-openssl-dev libjemalloc-dev openssl \
    python3-jsonschema python3-venv chromium chromium-driver python3-selenium
find_broker
FUTURE_CART_TEST_BROKER=$broker_executable
export FUTURE_CART_TEST_BROKER
find_serializers
export FUTURE_CART_TEST_SERIALIZERS=$serializers_python
if [ -n "${FUTURE_CART_NIGHT:-}" ]; then
    find_python
    export FUTURE_CART_TEST_PYTHON=$test_python
fi
# Optimised, or the full history would take an hour; testable, in a folder of its own beside the ordinary build.
# Tests that wait run beside one another, a few at a time (Tests/TestSupport/WaitingTests.swift).
exec swift test -c release -Xswiftc -enable-testing --scratch-path .build-test "$@"

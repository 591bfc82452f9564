#!/usr/bin/env bash
# Builds everything and runs all tests. Takes swift test's own options: deploy/test.sh --filter Worker
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

need librdkafka-dev libxgboost-dev zlib1g-dev libssl-dev python3-jsonschema python3-venv chromium chromium-driver \
    python3-selenium
find_broker
FUTURE_CART_TEST_BROKER=$broker_executable
export FUTURE_CART_TEST_BROKER
find_python
FUTURE_CART_TEST_PYTHON=$test_python
export FUTURE_CART_TEST_PYTHON
# Optimised, or the full history would take an hour; testable, in a folder of its own beside the ordinary build.
# One test at a time: several start a broker, and two cores are soon full.
exec swift test -c release -Xswiftc -enable-testing --scratch-path .build-test --no-parallel "$@"

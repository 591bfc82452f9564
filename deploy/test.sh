#!/usr/bin/env bash
# Builds everything and runs all tests. Takes swift test's own options: deploy/test.sh --filter Worker
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

need librdkafka-dev libxgboost-dev zlib1g-dev libssl-dev python3-jsonschema python3-venv
# A small Kafka-speaking server for the tests that need a broker process with real transactions.
broker=.build-test/broker
if ! compgen -G "$broker/lib/python3*/site-packages/noida_db/noida-db" >/dev/null; then
    python3 -m venv $broker && $broker/bin/pip install -q --disable-pip-version-check noida-db==0.2.3 || rm -rf $broker
fi
# The server itself and not the script around it, which would leave it running when killed.
FUTURE_CART_TEST_BROKER=$(compgen -G "$PWD/$broker/lib/python3*/site-packages/noida_db/noida-db" || true)
export FUTURE_CART_TEST_BROKER
# Optimised, or the full history would take an hour; testable, in a folder of its own beside the ordinary build.
# One test at a time: several start a broker, and two cores are soon full.
exec swift test -c release -Xswiftc -enable-testing --scratch-path .build-test --no-parallel "$@"

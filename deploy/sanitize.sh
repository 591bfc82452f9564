#!/usr/bin/env bash
# Runs the worker's tests under Thread Sanitizer. Takes another filter: deploy/sanitize.sh 'KafkaTests'
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

need librdkafka-dev libxgboost-dev zlib1g-dev libzstd-dev libssl-dev libcurl4-openssl-dev libjemalloc-dev
build=.build-tsan
swift build --build-tests -c release -Xswiftc -enable-testing --sanitize thread --scratch-path $build
clang -shared -fPIC -O1 -o $build/c11threads.so Tests/Sanitizer/c11threads.c
clang -shared -fPIC -O1 -Wl,-soname,libjemalloc.so.2 -o $build/libjemalloc.so.2 Tests/Sanitizer/no_jemalloc.c
# Libraries that are not instrumented cannot be judged.
exec env LD_PRELOAD="$PWD/$build/c11threads.so" LD_LIBRARY_PATH="$PWD/$build${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" \
    TSAN_OPTIONS="exitcode=66 report_signal_unsafe=0 ignore_noninstrumented_modules=1" \
    $build/release/future-cartPackageTests.xctest --testing-library swift-testing --no-parallel \
    --filter "${1:-WorkerTests}"

#!/usr/bin/env bash
# Measures everything that the documentation claims and writes a report in Markdown, to the standard output or to a file:
# deploy/bench.sh [--history FILE] [--output FILE]
# A broker of your own: FUTURE_CART_BENCH_BROKER='COMMAND {port} {data}', or KAFKA_HOME for an Apache Kafka
set -euo pipefail
caller=$PWD
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

history=()
output=/dev/stdout
while [ $# -gt 0 ]; do
    case $1 in
        --history) history=(--history "$(cd "$caller" && realpath "$2")"); shift 2 ;;
        --output) output=$(cd "$caller" && realpath "$2"); shift 2 ;;
        *) echo "error: unknown option $1; there are --history FILE and --output FILE" >&2; exit 2 ;;
    esac
done

need librdkafka-dev libxgboost-dev zlib1g-dev libzstd-dev libssl-dev libcurl4-openssl-dev libjemalloc-dev python3-venv gcc
swift build -c release --product benchmark >&2
swift build -c release --product scoring-worker >&2
benchmark=$(swift build -c release --show-bin-path)/benchmark
broker=${FUTURE_CART_BENCH_BROKER:-${KAFKA_HOME:+$PWD/deploy/apache_kafka.sh {port\} {data\}}}
if [ -z "$broker" ]; then
    find_broker
    # The compiler that comes with Swift.
    clang -shared -fPIC -O2 -o .build-test/hold_autosave.so deploy/hold_autosave.c
    broker="env LD_PRELOAD=$PWD/.build-test/hold_autosave.so $broker_executable start --only kafka --kafka-port {port} --data-dir {data}"
fi

report=$(mktemp)
trap 'rm -f "$report"' EXIT
# section TITLE ARGUMENTS...: the figures of one command, under its words.
section() {
    local title=$1
    shift
    printf '\n## %s\n\n`benchmark %s`\n\n' "$title" "$*" >>"$report"
    "$benchmark" "$@" >>"$report" || { status=1; echo "failed" >>"$report"; }
}
status=0

{
    echo "# Benchmarks"
    echo
    echo "$(date -u +%Y-%m-%d), $(git rev-parse --short HEAD 2>/dev/null || echo 'no commit')," \
        "$(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2- | xargs), $(nproc) cores."
    echo "Medians with the smallest and the largest; ratios are to figures of the same run."
} >"$report"
section "Where a message's time goes" stages "${history[@]}"
section "The same, every event happening to 23 customers" stages --copies 23 --messages 12500000 --repetitions 3 "${history[@]}"
# Libraries that compile trees; without the network the figures are ours and libxgboost's alone.
libraries=()
if python3 -m venv .build-test/libraries && .build-test/libraries/bin/pip install -q numpy tl2cgen==1.0.0 \
    treelite==4.8.1 lleaves==1.3.0 'llvmlite<0.45' >&2; then
    libraries=(--libraries "$PWD/.build-test/libraries/bin/python3 $PWD/deploy/tree_libraries.py")
else
    echo "lleaves and TL2cgen could not be installed: not measured" >>"$report"
fi
section "Trees and the ensemble" ensemble --rows 65536 --repetitions 5 "${libraries[@]}" "${history[@]}"
section "Explanations" explain "${history[@]}"
section "Ever more customers" scale --customers 10000 --customers 100000 --customers 1000000 --customers 5000000 \
    --repetitions 3 "${history[@]}"
section "Coming back" recovery "${history[@]}"
if [ ${#history[@]} -gt 0 ]; then section "Training" training "${history[@]}"; fi
if [ -n "${broker_executable-own}" ]; then
    worker=(worker --broker "$broker" --threads 1 --messages 4000000 --copies 8)
    section "The whole worker beside a copy loop" "${worker[@]}" "${history[@]}"
    watched=(monitoring --broker "$broker" --partitions 1 --messages 4000000 --copies 8)
    section "What watching costs" "${watched[@]}" --repetitions 20 "${history[@]}"
    section "The same, every prediction graded" "${watched[@]}" --repetitions 10 \
        --set grading.max_predictions=4000000 "${history[@]}"
    section "Latency by profile" latency --broker "$broker"
    section "What exactly once costs" guarantees --broker "$broker"
else
    printf '\nNo broker: the worker is not measured.\n' >>"$report"
fi
cat "$report" >"$output"
exit $status

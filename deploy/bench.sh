#!/usr/bin/env bash
# Measures everything that the documentation claims and writes a report in Markdown, to the standard output or to a file:
# deploy/bench.sh [--history FILE] [--output FILE]
# A broker of your own: FUTURE_CART_BENCH_BROKER='COMMAND {port} {data}'
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

need librdkafka-dev libxgboost-dev zlib1g-dev libssl-dev libjemalloc2 python3-venv
swift build -c release --product benchmark >&2
benchmark=$(swift build -c release --show-bin-path)/benchmark
broker=${FUTURE_CART_BENCH_BROKER:-}
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
section "Trees and the ensemble" ensemble "${history[@]}"
section "Explanations" explain "${history[@]}"
section "Ever more customers" scale "${history[@]}"
section "Coming back" recovery "${history[@]}"
if [ ${#history[@]} -gt 0 ]; then section "Training" training "${history[@]}"; fi
if [ -n "${FUTURE_CART_BENCH_BROKER:-$broker_executable}" ]; then
    # As the containers have it: see deploy/Dockerfile.
    allocator=$(ldconfig -p | awk '/libjemalloc.so.2/ { print $NF; exit }')
    worker=(worker --broker "$broker" --threads 1 --messages 1000000 --copies 2)
    section "The whole worker beside a copy loop" "${worker[@]}" "${history[@]}"
    LD_PRELOAD=$allocator section "The same, both with jemalloc" "${worker[@]}" "${history[@]}"
    section "What watching costs" monitoring --broker "$broker" --messages 2000000 --copies 4 "${history[@]}"
    section "Latency by profile" latency --broker "$broker"
    section "What exactly once costs" guarantees --broker "$broker"
else
    printf '\nNo broker: the worker is not measured.\n' >>"$report"
fi
cat "$report" >"$output"
exit $status

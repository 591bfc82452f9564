#!/usr/bin/env bash
# Fuzzes what reads bytes from outside with libFuzzer and AddressSanitizer: messages in each codec and envelope, schemas, history
# files. deploy/fuzz_decoders.sh [RUNS [TARGET...]]; 10,000,000 runs each by default. What it finds lies in .build-fuzz/findings.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
need zlib1g-dev libzstd-dev
runs=${1:-10000000}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(json nested debezium cloudevents avro protobuf avro-schema protobuf-schema file)

# A package of the one room, so that nothing else is instrumented.
folder=$PWD/.build-fuzz
mkdir -p "$folder/Sources" "$folder/findings"
for room in Events CEvents CZlib CZstd; do ln -sfn "$PWD/Sources/$room" "$folder/Sources/$room"; done
ln -sfn "$PWD/Tests/Fuzz" "$folder/Sources/Fuzz"
cat > "$folder/Package.swift" <<'PACKAGE'
// swift-tools-version: 6.2
import PackageDescription

let flags: [SwiftSetting] = [.unsafeFlags(["-sanitize=fuzzer,address", "-enable-testing"])]
let package = Package(
    name: "fuzz",
    products: [.library(name: "Fuzz", type: .static, targets: ["Fuzz"])],
    targets: [
        .systemLibrary(name: "CZlib"), .systemLibrary(name: "CZstd"), .target(name: "CEvents"),
        .target(name: "Events", dependencies: ["CEvents", "CZlib", "CZstd"], swiftSettings: flags),
        .target(name: "Fuzz", dependencies: ["Events"], swiftSettings: flags),
    ])
PACKAGE
swift build -c release --package-path "$folder" --scratch-path "$folder/build" --product Fuzz
# libFuzzer brings the main function.
swiftc -sanitize=fuzzer,address "$folder/build/release/libFuzz.a" -lz -lzstd -o "$folder/build/fuzz"
for target in "${targets[@]}"; do
    mkdir -p "$folder/corpus/$target"
    echo "== $target"
    (cd "$folder/findings" && FUZZ_TARGET=$target ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=8 "$folder/build/fuzz" "$folder/corpus/$target" -runs="$runs" \
        -max_len=4096 -timeout=20 -rss_limit_mb=4096 -artifact_prefix="$folder/findings/$target-" -print_final_stats=1 2>&1 |
        grep -E "ERROR|SUMMARY|Fatal|stat::(number_of_executed|average_exec|new_units)|Test unit|Done" || true)
done

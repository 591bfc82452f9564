# What the scripts here share: the packages that this machine lacks, and where things are.

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# need PACKAGE...: installs the Debian packages that are missing.
need() {
    local missing=()
    local package
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    local root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || { echo "error: install ${missing[*]} as root, then run this again" >&2; exit 1; }
        root=(sudo)
    fi
    echo "installing ${missing[*]}"
    "${root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Names a small Kafka-speaking server in broker_executable, for what needs a broker process with real transactions; nothing
# if it cannot be had.
find_broker() {
    local environment=.build-test/broker
    if ! compgen -G "$environment/lib/python3*/site-packages/noida_db/noida-db" >/dev/null; then
        python3 -m venv $environment && $environment/bin/pip install -q --disable-pip-version-check noida-db==0.2.3 ||
            rm -rf $environment
    fi
    # The server itself and not the script around it, which would leave it running when killed.
    broker_executable=$(compgen -G "$PWD/$environment/lib/python3*/site-packages/noida_db/noida-db" || true)
}

# Names a Python with XGBoost and LightGBM in test_python, for the tests that hold imported models beside those libraries;
# nothing if it cannot be had, and then they are skipped. Without what those packages need for GPUs and data frames.
find_python() {
    local environment=.build-test/python
    test_python=$PWD/$environment/bin/python
    "$test_python" -c 'import lightgbm, xgboost' 2>/dev/null && return
    { python3 -m venv $environment &&
        $environment/bin/pip install -q --disable-pip-version-check --no-deps \
            numpy==2.4.6 scipy==1.17.1 xgboost==3.2.0 lightgbm==4.7.0 narwhals==2.29.0 &&
        "$test_python" -c 'import lightgbm, xgboost'; } && return
    echo "no XGBoost and LightGBM for Python: the tests of imported models are skipped" >&2
    rm -rf $environment
    test_python=
}

# Names a Python with confluent-kafka and its serializers in serializers_python, for the tests that read what they write and
# for the Schema Registry that these tests ask; nothing if it cannot be had, and then they are skipped.
find_serializers() {
    local environment=.build-test/serializers
    serializers_python=$PWD/$environment/bin/python
    "$serializers_python" -c 'import confluent_kafka, fastavro, google.protobuf' 2>/dev/null && return
    { python3 -m venv $environment &&
        $environment/bin/pip install -q --disable-pip-version-check 'confluent-kafka[avro,json,protobuf]==2.16.1' &&
        "$serializers_python" -c 'import confluent_kafka, fastavro, google.protobuf'; } && return
    echo "no serializers for Python: the tests with a Schema Registry are skipped" >&2
    rm -rf $environment
    serializers_python=
}

[ -n "${without_swift:-}" ] || command -v swift >/dev/null ||
    { echo "error: no swift on the PATH: install Swift 6.2 or newer, https://swift.org/install" >&2; exit 1; }

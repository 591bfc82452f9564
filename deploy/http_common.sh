# What the scripts share that ask a worker over HTTP: a Python environment, and a worker of its own with a shop behind it.

# find_http_python PACKAGE...: names a Python that has these packages in http_python.
find_http_python() {
    local environment=$PWD/.build-test/http-python
    http_python=$environment/bin/python
    [ -x "$http_python" ] || python3 -m venv "$environment"
    "$http_python" -m pip install -q --disable-pip-version-check "$@"
}

# start_worker PORT [--set KEY=VALUE...]: a made-up shop's events on a broker of its own, and a worker that has read them.
# Ended by stop_worker.
start_worker() {
    local port=$1 kafka=$(($1 + 100))
    shift
    worker_directory=$(mktemp -d)
    find_broker
    [ -n "$broker_executable" ] || { echo "error: no broker: pip could not install it" >&2; exit 1; }
    find_http_python confluent-kafka
    "$broker_executable" start --only kafka --kafka-port "$kafka" --data-dir "$worker_directory/broker" \
        >"$worker_directory/broker.log" 2>&1 &
    broker_process=$!
    trap stop_worker EXIT
    "$http_python" - "$kafka" <<'PYTHON'
import sys, time
from confluent_kafka.admin import AdminClient, NewTopic
admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{sys.argv[1]}"})
topics = ["customer-events", "purchase-predictions", "customer-events-dead-letters"]
for created in admin.create_topics([NewTopic(topic, 4, 1) for topic in topics], operation_timeout=10).values():
    created.result(20)
PYTHON
    local release=.build/release
    "$release/replay" generate --customers 300 --days 200 --seed 4 --output "$worker_directory/shop.csv.gz" >/dev/null 2>&1
    "$release/replay" publish --history "$worker_directory/shop.csv.gz" --topic customer-events \
        --set "kafka.bootstrap.servers=127.0.0.1:$kafka" >/dev/null 2>&1
    "$release/scoring-worker" run --config config/worker.yaml --set "kafka.bootstrap.servers=127.0.0.1:$kafka" \
        --set "checkpoints.directory=$worker_directory/checkpoints" --set "http.port=$port" --set http.dashboard_port=0 "$@" \
        >"$worker_directory/worker.log" 2>&1 &
    worker_process=$!
    for _ in $(seq 100); do
        curl -fs "http://127.0.0.1:$port/health/ready" >/dev/null && return
        kill -0 $worker_process 2>/dev/null || break
        sleep 0.2
    done
    cat "$worker_directory/worker.log" >&2
    exit 1
}

stop_worker() {
    # Under `set -e` what has ended already would end this as well.
    set +e
    kill -CONT ${broker_process:-} 2>/dev/null
    kill ${worker_process:-} 2>/dev/null && wait $worker_process 2>/dev/null
    kill ${broker_process:-} 2>/dev/null && wait $broker_process 2>/dev/null
    kill ${other_process:-} 2>/dev/null
    rm -rf "${worker_directory:-}"
    return 0
}

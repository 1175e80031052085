#!/bin/sh
# Opens the room of an incident and prints the id of its thread: ./open.sh 4712
set -eu
incident=$1
namespace=incidents # change
sed "s/4711/$incident/g" incident.yaml | kubectl apply -f - >&2
kubectl wait --for=condition=Ready --timeout=2m -n "$namespace" "chatthread/incident-$incident" >&2
kubectl get chatthread "incident-$incident" -n "$namespace" -o jsonpath='{.status.threadID}{"\n"}'

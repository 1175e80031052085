#!/bin/sh
# Adds a responder to the room of an incident: ./join.sh 4712 grace 8:acs:...
set -eu
incident=$1 name=$2 user=$3
namespace=incidents # change
sed -e "s/4711/$incident/g" -e "s/NAME/$name/g" -e "s/USER/$user/" responder.yaml | kubectl apply -f -
kubectl wait --for=condition=Ready --timeout=2m -n "$namespace" "chatparticipant/incident-$incident-$name"

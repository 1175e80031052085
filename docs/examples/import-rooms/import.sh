#!/bin/sh
# Writes a manifest for each line of rooms.csv: name, id of the thread, topic. The name is that of the resource, so it
# has only small letters, digits and dashes. An existing manifest is left alone.
set -eu
namespace=orders # change
mkdir -p rooms
tr -d '\r' <rooms.csv | while IFS=, read -r name id topic || [ -n "$name" ]; do
  file=rooms/$name.yaml
  [ ! -e "$file" ] || continue
  quoted=$(printf %s "$topic" | sed "s/'/''/g")
  cat >"$file" <<EOF
apiVersion: chat.acs-operator.io/v1alpha1
kind: ChatThread
metadata:
  name: $name
  namespace: $namespace
spec:
  threadID: $id
  topic: '$quoted'
  managementPolicy: Observe
EOF
done

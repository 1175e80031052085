#!/usr/bin/env bash
# Provides the control plane of the demo: bin/controlplane where it is built, else bin/controlplane-demo, which is
# downloaded or, where that is not possible, built. `demo.sh --where` prints the directory.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
whole=$root/bin/controlplane
own=$root/bin/controlplane-demo

if [ "${1:-}" = --where ]; then
	if "$here/build.sh" --is-built; then echo "$whole"; else echo "$own"; fi
	exit 0
fi
list=$here/prebuilt.txt
stamp=$(git hash-object "$list")
if "$here/build.sh" --is-built || [ "$(cat "$own/.prebuilt" 2>/dev/null)" = "$stamp" ]; then
	exit 0
fi
if ! "$here/build.sh" --is-built demo; then
	(cd "$root" && go build -trimpath -o bin/prebuilt ./hack/prebuilt) 2> >(grep -v '^go: downloading ' >&2)
	if "$root/bin/prebuilt" "$list" "$own"; then
		echo "$stamp" >"$own/.prebuilt"
		exit 0
	fi
fi
exec "$here/build.sh" demo

#!/usr/bin/env bash
# Compares the CRDs with those of the last release, the highest version in api/released, by crdify (CRDIFY). Fails if a
# change is incompatible and not in api/released/accepted.txt, and if that list has a finding that is gone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

released=api/released
last=$(find "$released" -mindepth 1 -maxdepth 1 -type d -name 'v*' | sort -V | tail -n 1)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# findings prints the errors that crdify finds in a CRD, one a line. Below a change that crdify cannot judge it
# also prints the two texts; git diff shows these better.
findings() {
	local name=$1 status=0
	"${CRDIFY:?}" --config "$released/crdify.yaml" \
		"file://$last/$name" "file://config/crd/bases/$name" >"$work/out" 2>&1 || status=$?
	if [ "$status" -ne 0 ] && ! grep -q -E ' - ERROR - ' "$work/out"; then
		cat "$work/out" >&2
		return 1
	fi
	sed -n -E "s/^- (.* - ERROR - .*)$/${name%.yaml}: \1/p" "$work/out" | sort
}

compared=0
for file in "$last"/*.yaml; do
	findings "$(basename "$file")" >>"$work/findings"
	compared=$((compared + 1))
done
sed -e '/^#/d' -e '/^$/d' "$released/accepted.txt" | sort >"$work/accepted"

failed=
if grep -vxFf "$work/accepted" "$work/findings" >"$work/new"; then
	printf 'These changes since %s are incompatible:\n\n' "$(basename "$last")"
	cat "$work/new"
	printf '\nCONTRIBUTING.md, "Changing a field of the API", says what to do.\n'
	failed=true
fi
if grep -vxFf "$work/findings" "$work/accepted" >"$work/gone"; then
	printf '%s/accepted.txt lists findings that crdify no longer reports:\n\n' "$released"
	cat "$work/gone"
	failed=true
fi
[ -z "$failed" ]
echo "$compared CRDs accept every object that those of $(basename "$last") accept."

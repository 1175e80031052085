#!/usr/bin/env bash
# Builds bin/controlplane/{etcd,kube-apiserver,kube-controller-manager,kubectl}, which are links to one
# binary, from the sources that go.mod beside this script pins. Does nothing when they are built.
# `build.sh oldest` builds bin/controlplane-oldest from the module in the directory oldest. `build.sh demo` builds
# bin/controlplane-demo, without the controller manager. With --is-built before these, it builds nothing and tells by its
# status whether it would have to.
set -euo pipefail

only_ask=
if [ "${1:-}" = --is-built ]; then
	only_ask=true
	shift
fi

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$(cd "$here/../.." && pwd)/bin/controlplane${1:+-$1}
names=(etcd kube-apiserver kube-controller-manager kubectl)
tags=
case ${1:-} in
oldest) cd "$here/oldest" ;;
demo)
	tags=demo
	names=(etcd kube-apiserver kubectl)
	cd "$here"
	;;
*) cd "$here" ;;
esac

# The build is of this module with these settings, whatever the caller's environment says.
export CGO_ENABLED=0 GOWORK=off GO111MODULE=on
goflags=(-mod=readonly -buildvcs=false -trimpath "-tags=$tags")

sources() {
	go env GOVERSION GOOS GOARCH
	cat go.mod go.sum ./*.go "$here/build.sh"
}

built() {
	[ "$(cat "$out/.stamp" 2>/dev/null)" = "$stamp" ] || return 1
	local name
	for name in "${names[@]}"; do
		[ -x "$out/$name" ] || return 1
	done
}

stamp=$(sources | git hash-object --stdin)
if built; then
	exit 0
fi
[ -z "$only_ask" ] || exit 1

mkdir -p "$out"
# All is made in here, so that a failed build leaves nothing, and a whole one appears at once.
work=$(mktemp -d "$out/.build.XXXXXX")
child=
cleanup() {
	[ -z "$child" ] || kill "$child" 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

elapsed() { printf '%d:%02d' $((SECONDS / 60)) $((SECONDS % 60)); }

# say rewrites one line on a terminal, and prints one more line elsewhere.
say() {
	if [ -t 1 ]; then
		printf '\r\033[Kcontrolplane: %s %s' "$(elapsed)" "$1"
	else
		printf 'controlplane: %s %s\n' "$(elapsed)" "$1"
	fi
}

# endline leaves the line that say rewrites on a terminal.
endline() { [ ! -t 1 ] || echo; }

# count prints how many lines of the log match.
count() { grep -c "$1" "$work/log" || true; }

downloading() { say "downloading modules, $(count '^go: downloading ') so far"; }

# go build -v names each package when it is compiled; packages in the build cache are not named.
compiling() {
	local compiled
	compiled=$(count '^[^ ]*$')
	if [ "$compiled" -eq 0 ]; then
		say "reading the build cache, or linking"
	elif [ "$(tail -n 1 "$work/log")" = "$main" ]; then
		say "linking"
	else
		say "compiling, $compiled of $total packages done"
	fi
}

# watched runs a command and meanwhile says, by the function that its first argument names, how far it is.
watched() {
	local report=$1 period=15 last=$SECONDS
	shift
	[ ! -t 1 ] || period=1
	: >"$work/log"
	"$@" >"$work/stdout" 2>"$work/log" &
	child=$!
	while kill -0 "$child" 2>/dev/null; do
		if [ $((SECONDS - last)) -ge "$period" ]; then
			last=$SECONDS
			"$report"
		fi
		sleep 0.5
	done
	local failed=
	wait "$child" || failed=true
	child=
	if [ -n "$failed" ]; then
		say "failed"
		endline
		# Progress is not what went wrong.
		grep -v -e '^go: downloading ' -e '^[^ ]*$' "$work/log" | tail -n 40 >&2
		exit 1
	fi
}

version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
minor=${version#v*.}
ldflags='-s -w'
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
	ldflags+=" -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=${minor%.*}"
	ldflags+=" -X $package.gitCommit= -X $package.gitTreeState=clean"
done

echo "controlplane: building ${names[*]} of Kubernetes $version. The first time this takes about 10 minutes on 2 cores."
watched downloading go list -mod=readonly "-tags=$tags" -deps .
total=$(wc -l <"$work/stdout" | tr -d ' ')
main=$(tail -n 1 "$work/stdout")
watched compiling go build "${goflags[@]}" -v -ldflags "$ldflags" -o "$work/controlplane" .

mv -f "$work/controlplane" "$out/controlplane"
for name in "${names[@]}"; do
	ln -sfn controlplane "$out/$name"
done
echo "$stamp" >"$out/.stamp"
say "built"
endline

#!/usr/bin/env bash
# Proves the documented way to get healthlb into CoreDNS: one line in CoreDNS's own plugin.cfg.
#
# It takes CoreDNS's source at the version that go.mod names, adds the line, builds all of CoreDNS, and checks that healthlb is in
# and that no module that CoreDNS pins was moved to another version by it.
set -euo pipefail
shopt -s inherit_errexit

repo=$(cd "$(dirname "$0")/.." && pwd)
module=$(cd "$repo" && go list -m)
line="healthlb:$module/plugin/healthlb"

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT

fail() {
	echo "plugin-cfg: FAIL: $*" >&2
	exit 1
}

# pins prints what a go.mod requires, one "path version" a line.
pins() {
	go mod edit -print "$1" | awk '
		$1 == "require" && $2 == "(" { in_block = 1; next }
		in_block && $1 == ")"        { in_block = 0 }
		in_block && NF >= 2          { print $1, $2 }
		$1 == "require" && NF >= 3   { print $2, $3 }' | sort
}

cd "$repo"
go mod download github.com/coredns/coredns
read -r source version < <(go list -m -f '{{.Dir}} {{.Version}}' github.com/coredns/coredns)
echo "plugin-cfg: CoreDNS $version with the line $line"
cp -r "$source" "$work/coredns"
chmod -R u+w "$work/coredns" # the module cache is read-only

cd "$work/coredns"
pins go.mod >"$work/before"
sed -i "/^transfer:transfer\$/a $line" plugin.cfg
grep -qxF "$line" plugin.cfg || fail "CoreDNS's plugin.cfg has no line transfer:transfer"
export GOFLAGS="${GOFLAGS:-} -mod=mod" # go.mod follows our line, or each go command would only say that it should
go mod edit -require "$module@v0.0.0" -replace "$module=$repo"
go generate coredns.go
# The tags and flags are those of the Makefile's build, so that both share the compiled packages.
# On a fresh machine some two hundred lines say what is downloaded; they would hide the rest.
CGO_ENABLED=0 go build -tags grpcnotrace -trimpath -buildvcs=false -ldflags '-s -w' -o coredns . \
	2> >(grep -v '^go: downloading' >&2 || true)

./coredns -plugins >"$work/plugins"
grep -qx healthlb "$work/plugins" || fail "the binary does not list healthlb among its plugins"

pins go.mod | grep -v "^$module " >"$work/after"
changed=$(comm -23 "$work/before" "$work/after")
added=$(comm -13 "$work/before" "$work/after" | paste -sd ',' -)
[ -z "$changed" ] || fail "healthlb moves modules that CoreDNS pins; before: $changed; after: $added"

echo "plugin-cfg: PASS: healthlb is in, no module of CoreDNS has moved, new modules: ${added:-none}"

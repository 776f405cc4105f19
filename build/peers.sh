#!/usr/bin/env bash
# peers.sh [failover]: offers to install the servers that make compare puts beside healthlb, and a C compiler for its floor, from Debian; or
# what make compare-failover needs. With INSTALL=yes, and in CI, they are installed without a question. Whatever is missing in the end is
# left out of the comparison.
set -euo pipefail
shopt -s inherit_errexit

PATH=$PATH:/usr/sbin # where Debian has servers, and few users look

# wanted: a command, and the packages that it needs.
wanted=(
	'gdnsd gdnsd'
	'pdns_server pdns-server pdns-backend-bind'
)
case ${1-} in
failover)
	wanted+=(
		'ip iproute2' # for members that are black-holed
		'nsenter util-linux'
	)
	;;
'')
	wanted+=(
		'nsd nsd'
		'knotd knot'
		'cc gcc libc6-dev'
	)
	;;
*)
	echo "peers: $1 is not known" >&2
	exit 2
	;;
esac

packages=()
for line in "${wanted[@]}"; do
	read -r command needs <<<"$line"
	command -v "$command" >/dev/null || packages+=($needs)
done
[ ${#packages[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
	as_root=(sudo)
fi
if ! command -v apt-get >/dev/null || ! command -v "${as_root[@]:-true}" >/dev/null; then
	echo "peers: not installed, and left out: ${packages[*]}"
	exit
fi
install=${INSTALL:-${CI:+yes}}
if [ -z "$install" ] && [ -t 0 ]; then
	read -rp "peers: install ${packages[*]} to compare with? [y/N] " install
fi
case $install in
y | Y | yes) ;;
*)
	echo "peers: left out: ${packages[*]}. INSTALL=yes installs them from Debian."
	exit
	;;
esac

# The packages would start their servers. This script's exit status says that they must not be, see policy-rc.d in Debian's policy.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap '"${as_root[@]}" rm -f "$policy"' EXIT
	printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
	"${as_root[@]}" chmod +x "$policy"
fi
echo "peers: installing ${packages[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null

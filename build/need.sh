#!/usr/bin/env bash
# need.sh COMMAND PACKAGE...: makes sure that COMMAND is there. Root on Debian gets it installed, all others are told how.
set -euo pipefail

command=$1
shift
command -v "$command" >/dev/null && exit

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	echo "need: installing $* for $command"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq
	apt-get install -y -qq --no-install-recommends "$@" >/dev/null
	exit
fi
echo "need: $command is missing. On Debian or Ubuntu: sudo apt-get install $*" >&2
exit 1

#!/usr/bin/env bash
# fuzz.sh DURATION: runs each fuzz test of the repository for so long. They are looked for, so that none is forgotten.
set -euo pipefail
shopt -s inherit_errexit

duration=$1
cd "$(dirname "$0")/.."

tests=$(grep -rE --include='*_test.go' -o '^func Fuzz[A-Za-z0-9_]*' . | sed 's/:func / /' | sort || true)
if [ -z "$tests" ]; then
	echo "fuzz: no fuzz tests"
	exit
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
while read -r file name; do
	echo "fuzz: $name in $(dirname "$file"), $duration"
	if ! go test -run '^$' -fuzz "^$name\$" -fuzztime "$duration" "$(dirname "$file")" </dev/null 2>&1 | tee "$log"; then
		# At the end of its time Go's fuzzer may see that before the context of its workers does, and fails with it (stop in internal/fuzz, which
		# keeps any other error before this one). What it finds is another error, and comes with an input.
		grep -q '^    context deadline exceeded$' "$log" && ! grep -qE 'Failing input written|^panic|^fatal' "$log" || exit 1
		echo "fuzz: the time was over, and nothing was found"
	fi
done <<<"$tests"

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
while read -r file name; do
	echo "fuzz: $name in $(dirname "$file"), $duration"
	go test -run '^$' -fuzz "^$name\$" -fuzztime "$duration" "$(dirname "$file")" </dev/null
done <<<"$tests"

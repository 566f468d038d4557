#!/bin/sh
# Takes a capture through mitmproxy and back: what codextap writes as HAR must load there, and what mitmproxy writes as
# HAR must load here. With mitmproxy in target/venv (python3 -m venv target/venv && target/venv/bin/pip install
# mitmproxy) and a debug build; docs/interop.md has the result.
set -eu
cd "$(dirname "$0")/../.."
codextap=target/debug/codextap
capture=${1:-tests/fixtures/demo.jsonl}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PATH=$PWD/target/venv/bin:$PATH
mitmdump --version | head -1

"$codextap" export "$capture" --format har -o "$work/ours.har"
entries=$(grep -c '"startedDateTime"' "$work/ours.har")
mitmdump -n -r "$work/ours.har" --set flow_detail=1 >"$work/ours.txt" 2>&1
loaded=$(grep -c ' << ' "$work/ours.txt")
echo "codextap → mitmproxy: $loaded of $entries entries loaded"
if grep -iE 'error|traceback' "$work/ours.txt"; then exit 1; fi

mitmdump -n -r "$work/ours.har" --set hardump="$work/theirs.har" >/dev/null 2>&1
"$codextap" open "$work/theirs.har" >"$work/theirs.txt"
read=$(wc -l <"$work/theirs.txt")
echo "mitmproxy → codextap: $read flows read"
turns=$("$codextap" export "$work/theirs.har" --format jsonl | grep -c '"outcome":{"status":"completed"') || true
echo "of them $turns completed turns"
test "$loaded" -eq "$entries" && test "$read" -ge "$entries"

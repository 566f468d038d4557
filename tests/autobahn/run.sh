#!/bin/sh
# Runs the Autobahn test suite directly and through codextap, and compares (tests/autobahn/suite.rs).
#
# Needs Python 2.7 with pip (PYTHON2 names it if it is not `python2.7`) and, for the first time,
# the network: the suite is installed into target/autobahn. Arguments are cases, such as `6.*`.
set -eu
cd "$(dirname "$0")/../.."

# Its own requirements are pinned to what runs under Python 2.7.
SUITE=autobahntestsuite==25.10.1
export PYTHONUSERBASE="$PWD/target/autobahn"

if [ ! -x "$PYTHONUSERBASE/bin/wstest" ]; then
    "${PYTHON2:-python2.7}" -m pip install --user --ignore-installed --quiet \
        --disable-pip-version-check --no-warn-script-location "$SUITE"
fi
exec cargo bench --bench autobahn -- "$@"

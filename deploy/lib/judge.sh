# shellcheck shell=bash
# How the programs that start a cluster and judge it are built, run and ended; behind common.sh.

# run_judge PRODUCT ARGUMENT...: builds the program and runs it with files of its own. Ends the script with its exit status.
run_judge() {
    swift build --product "$1" >&2
    # Whatever ends this script ends the rest: the kernel sees to the processes (--pdeathsig), this to their files.
    work=$(mktemp -d "${TMPDIR:-/tmp}/volary-$1.XXXXXX")
    running=
    trap 'exit 130' INT TERM HUP
    trap '[ -z "$running" ] || kill -KILL "$running" 2> /dev/null || true; rm -rf "$work"' EXIT
    TMPDIR=$work "$(swift build --show-bin-path)/$1" "${@:2}" &
    running=$!
    local status=0
    wait "$running" || status=$?
    running=
    exit "$status"
}

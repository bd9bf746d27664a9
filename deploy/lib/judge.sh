# shellcheck shell=bash
# Builds, runs and stops the programs that start a cluster and check it. Needs common.sh.

# run_judge PRODUCT ARGUMENT...: builds the program and runs it with its own temporary directory. Ends the script with its exit
# status.
run_judge() {
    swift build --product "$1" >&2
    # When this script ends, the kernel stops the processes (--pdeathsig), and the trap removes the files.
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

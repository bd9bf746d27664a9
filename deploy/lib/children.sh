# shellcheck shell=bash
# Processes in the foreground: each has a name, a log in $work, a process id; all of them end with this script. Needs common.sh.

declare -A pid_of=()
work=

make_work_directory() { work=$(mktemp -d "${TMPDIR:-/tmp}/volary-run.XXXXXX"); }

# start NAME COMMAND...: in a session of its own, so that a Ctrl-C on the terminal reaches this script alone, which then stops
# everybody in order; and if this script is killed the hard way, the kernel ends the process (--pdeathsig). Variables of these scripts
# are no options of a node, which would warn of them.
start() {
    local name=$1
    shift
    env -u VOLARY_BINARY -u VOLARY_STRICT setsid setpriv --pdeathsig TERM -- "$@" > "$work/$name.log" 2>&1 < /dev/null &
    pid_of[$name]=$!
}

is_running() { [ -n "${pid_of[$1]:-}" ] && kill -0 "${pid_of[$1]}" 2> /dev/null; }

# ended NAME STATUS: says so, with the end of its log, and ends the script (and with it all others)
ended() {
    unset "pid_of[$1]"
    say "$1 ended (exit status $2). The end of its log:" >&2
    tail -n 15 "$work/$1.log" | sed "s/^/$1 | /" >&2
    fail "$1 ended by itself, so all of it is stopped"
}

# await NAME SECONDS COMMAND...: until COMMAND succeeds, as long as NAME lives
await() {
    local name=$1 deadline=$((SECONDS + $2))
    shift 2
    until timeout 3 "$@" > /dev/null 2>&1; do
        if ! is_running "$name"; then
            wait "${pid_of[$name]}" || ended "$name" "$?"
            ended "$name" 0
        fi
        if ((SECONDS > deadline)); then
            tail -n 15 "$work/$name.log" | sed "s/^/$name | /" >&2
            fail "$name runs, but it was not ready in time"
        fi
        sleep 0.1
    done
}

# follow: prints every log from its beginning, each line with its process' name, until that process ends
follow() {
    local name width=0
    for name in "${!pid_of[@]}"; do ((${#name} <= width)) || width=${#name}; done
    for name in "${!pid_of[@]}"; do
        tail -n +1 -f -s 0.2 --pid="${pid_of[$name]}" "$work/$name.log" | sed -u "s/^/$(printf '%-*s' "$width" "$name") | /" &
        followers+=($!)
    done
}
followers=()

# hurry NAME...: a second signal, for a node that need not take its time
hurry() {
    local name
    for name; do ! is_running "$name" || kill -TERM "${pid_of[$name]}" 2> /dev/null; done
}

# stop SECONDS NAME...: SIGTERM to all of them at once, SIGKILL to what is left after SECONDS. False if one had to be killed
# or did not end well.
stop() {
    local deadline=$((SECONDS + $1)) name status all_well=0
    shift
    for name; do ! is_running "$name" || kill -TERM "${pid_of[$name]}" 2> /dev/null; done
    for name; do
        [ -n "${pid_of[$name]:-}" ] || continue
        while is_running "$name" && ((SECONDS <= deadline && ${impatient:-0} < 2)); do sleep 0.1; done
        ! is_running "$name" || kill -KILL "${pid_of[$name]}" 2> /dev/null
        status=0
        wait "${pid_of[$name]}" 2> /dev/null || status=$?
        unset "pid_of[$name]"
        case $status in
            0 | 143) continue ;;
            137) say "$name had to be killed" >&2 ;;
            *) say "$name ended with exit status $status" >&2 ;;
        esac
        all_well=1
    done
    return "$all_well"
}

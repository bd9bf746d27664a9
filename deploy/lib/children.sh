# shellcheck shell=bash
# Child processes of a script: each has a name, a log in $work and a process id, and stops when the script ends. Needs common.sh.

declare -A pid_of=()
work=

make_work_directory() { work=$(mktemp -d "${TMPDIR:-/tmp}/volary-run.XXXXXX"); }

# start NAME COMMAND...: starts the command in its own session, so that Ctrl-C on the terminal reaches only this script, which
# then
# stops all processes in order. If this script is killed, the kernel stops the process (--pdeathsig). The variables of these
# scripts
# are removed, because a node warns of unknown VOLARY_ variables.
start() {
    local name=$1
    shift
    env -u VOLARY_BINARY -u VOLARY_STRICT setsid setpriv --pdeathsig TERM -- "$@" > "$work/$name.log" 2>&1 < /dev/null &
    pid_of[$name]=$!
}

is_running() { [ -n "${pid_of[$1]:-}" ] && kill -0 "${pid_of[$1]}" 2> /dev/null; }

# ended NAME STATUS: reports the end of a process with the last lines of its log, and ends the script (and so all processes)
ended() {
    unset "pid_of[$1]"
    say "$1 ended (exit status $2). Last lines of its log:" >&2
    tail -n 15 "$work/$1.log" | sed "s/^/$1 | /" >&2
    fail "$1 ended unexpectedly; everything is stopped"
}

# await NAME SECONDS COMMAND...: waits until COMMAND succeeds, while NAME runs
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
            fail "$name is running, but was not ready in time"
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

# hurry NAME...: sends a second signal, after which a node closes at once
hurry() {
    local name
    for name; do ! is_running "$name" || kill -TERM "${pid_of[$name]}" 2> /dev/null; done
}

# stop SECONDS NAME...: sends SIGTERM to all of them at once, and SIGKILL to those that are left after SECONDS. Fails if one had
# to
# be killed or ended with an error.
stop() {
    local deadline=$((SECONDS + $1)) name status all_well=0
    shift
    for name; do ! is_running "$name" || kill -TERM "${pid_of[$name]}" 2> /dev/null; done
    for name; do
        [ -n "${pid_of[$name]:-}" ] || continue
        while is_running "$name" && ((SECONDS <= deadline && ${repeated_signals:-0} < 2)); do sleep 0.1; done
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

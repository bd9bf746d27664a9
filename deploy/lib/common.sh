# shellcheck shell=bash
# Common functions of the scripts in deploy: messages, options, ports, the release build.

say() { printf '%s\n' "$*"; }
fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# The comment block at the head of the running script is its help.
print_help() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"; }

# Options of `swift build` for the release: Swift's libraries are linked statically, and the checks for overlapping access are off in the
# dependencies too. Package.swift turns them off in our own modules.
# shellcheck disable=SC2034 # the scripts that build use it
release=(-c release --product volary --static-swift-stdlib -Xswiftc -enforce-exclusivity=unchecked)

# number_in OPTION VALUE LOWEST HIGHEST
number_in() {
    if ! [[ $2 =~ ^[0-9]{1,5}$ ]] || ((10#$2 < $3 || 10#$2 > $4)); then
        fail "$1 is '$2', but must be a whole number from $3 to $4"
    fi
}

# Checks whether a process listens on the port, on any address. It asks the kernel and does not connect.
port_is_taken() {
    local tables=(/proc/net/tcp)
    [ ! -r /proc/net/tcp6 ] || tables+=(/proc/net/tcp6)
    awk -v port="$(printf ':%04X' "$1")" '$4 == "0A" && substr($2, length($2) - 4) == port { taken = 1 } END { exit !taken }' \
        "${tables[@]}"
}

# first_free_port FROM: the first free port of a hundred
first_free_port() {
    local port
    for ((port = $1; port < $1 + 100; port++)); do
        if ! port_is_taken "$port"; then
            say "$port"
            return
        fi
    done
    fail "every port from $1 to $((port - 1)) is taken"
}

# shellcheck shell=bash
# Installs missing packages through the system's package manager, and Python tools from PyPI. Leaves installed ones alone. Needs
# common.sh; PyPI also needs $root.

# Programs for root, such as haproxy, are not on every user's PATH.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# is_there PACKAGE: checks for the package's files, so that software built by hand counts too
is_there() {
    case $1 in
        libhiredis-dev) [ -e /usr/include/hiredis/hiredis.h ] || [ -e /usr/local/include/hiredis/hiredis.h ] ;;
        zlib1g-dev) [ -e /usr/include/zlib.h ] || [ -e /usr/local/include/zlib.h ] ;;
        binutils) command -v strip > /dev/null ;;
        man-db) command -v man > /dev/null ;;
        dpkg-dev) command -v dpkg-shlibdeps > /dev/null ;;
        libc6-dev) [ -e /usr/include/stdio.h ] ;;
        nginx-light) command -v nginx > /dev/null ;;
        systemd) command -v systemd-analyze > /dev/null ;;
        libnginx-mod-nchan) [ -e /usr/lib/nginx/modules/ngx_nchan_module.so ] ;;
        libuv1) ldconfig -p | grep -q 'libuv\.so\.1 ' ;;
        python3-venv) python3 -c 'import ensurepip' 2> /dev/null ;;
        *) command -v "$1" > /dev/null ;;
    esac
}

# install_missing PACKAGE...: one apt run for all of them. The packages' own services are neither started now nor enabled for the
# next boot: the user did not ask for a Redis or a balancer.
install_missing() {
    local package missing=() become_root=()
    for package; do is_there "$package" || missing+=("$package"); done
    ((${#missing[@]})) || return 0

    command -v apt-get > /dev/null || fail "${missing[*]} must be installed, but apt-get is not available"
    if ((EUID != 0)); then
        command -v sudo > /dev/null || fail "${missing[*]} must be installed: run 'apt-get install ${missing[*]}' as root"
        become_root=(sudo)
    fi
    say "Installing through apt: ${missing[*]} (their services are not started)"
    # policy-rc.d tells Debian not to start services. An existing file stays.
    # shellcheck disable=SC2016 # the variables are the inner shell's
    "${become_root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c '
        set -e
        policy=/usr/sbin/policy-rc.d
        if [ ! -e $policy ]; then
            trap "rm -f $policy" EXIT
            trap "exit 1" HUP INT TERM
            printf "#!/bin/sh\nexit 101\n" > $policy
            chmod 755 $policy
        fi
        apt-get -qq -o DPkg::Lock::Timeout=120 update
        apt-get -q -y -o DPkg::Lock::Timeout=120 install --no-install-recommends "$@"
        [ -d /run/systemd/system ] || exit 0
        for package; do
            case $package in redis-server | redis-sentinel | haproxy | caddy | prometheus) systemctl --quiet disable "$package" || true ;; nginx-light | libnginx-mod-nchan) systemctl --quiet disable nginx || true ;; esac
        done
    ' sh "${missing[@]}" || fail "apt could not install ${missing[*]}: see above"
    for package in "${missing[@]}"; do
        is_there "$package" || fail "$package was installed, but its files are not found"
    done
}

require_swift() {
    command -v swift > /dev/null || fail "there is no Swift toolchain on the PATH; see https://www.swift.org/install"
}

# python_tools NAME REQUIREMENTS: installs the packages of a requirements file from PyPI in an environment in .build, and sets $tools to
# its path. The environment is kept between runs, and created again when the file has changed.
python_tools() {
    install_missing python3-venv
    # shellcheck disable=SC2154 # the scripts that use this set root
    tools=$root/.build/$1-tools
    ! cmp -s "$2" "$tools/requirements.txt" || return 0
    rm -rf "$tools"
    python3 -m venv "$tools" || fail "python3 cannot make an environment"
    "$tools/bin/pip" --quiet --disable-pip-version-check install -r "$2"
    cp "$2" "$tools/requirements.txt"
}

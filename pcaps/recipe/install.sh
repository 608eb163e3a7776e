# shellcheck shell=bash
# Sourced by take.sh: the programs that talk, and those that listen in.

packages=(
    iproute2 procps ethtool tcpdump tshark python3 openssl zstd gzip
    nginx-light curl postgresql postgresql-client redis-server redis-tools
    memcached libmemcached-tools dnsmasq-base bind9-dnsutils
    openssh-server openssh-client iperf3
)

# install_packages yes|no: what is missing, without starting any service.
install_packages() {
    local missing=() package policy=/usr/sbin/policy-rc.d
    for package in "${packages[@]}"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$' || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    if [[ $1 == no ]]; then
        echo "take.sh: missing: ${missing[*]}; install them with apt-get, or leave --no-install out" >&2
        exit 1
    fi
    # Debian starts a service as it is installed unless this file says no.
    if [[ ! -e $policy ]]; then
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
    if [[ $(trap -p EXIT) == *policy-rc.d* ]]; then
        rm -f "$policy"
        trap - EXIT
    fi
}

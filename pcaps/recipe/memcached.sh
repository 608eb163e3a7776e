# shellcheck shell=bash disable=SC2034,SC2154
# memcached and libmemcached's load generator: one small packet there, one back.
title="memcached: memcaslap, four clients, small keys and values, one request a packet"
synthetic="memcaslap's own generated keys and values"
families=4 stored=pcap

programs() {
    memcached --version
    dpkg-query -W -f 'memcaslap of libmemcached ${Version}\n' libmemcached-tools
}

prepare() {
    # Sizes from, to, and their share; command 0 is set, 1 is get.
    cat >"$work/load" <<CONF
key
16 40 1
value
8 64 0.7
65 300 0.3
cmd
0 0.2
1 0.8
CONF
    serve memcached -u nobody -l "$server4" -U 0 -m 16 -t 1
    wait_for_port -t 11211
}

talk() {
    client memcaslap -s "$server4:11211" -F "$work/load" -T 1 -c 4 -w 1k -x 1200
}

#!/usr/bin/env bash
# Takes packets.json: packets of two real OpenVPN processes, with the keys of the moment.
#
#     bench-core/data/openvpn/take.sh        as root, on Linux; openvpn 2.6, openssl, tcpdump,
#                                            ethtool, iproute2, ping, python3
#
# Two network namespaces, one tunnel, one ping after another in both directions; nobody else's
# traffic. The program logs its keys at verbosity 7 and every nonce at verbosity 9. Keys and
# certificates are made for one run and protect nothing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
near=tt-near-$$ far=tt-far-$$
daemons=()

stop() {
    [ ${#daemons[@]} -eq 0 ] || kill "${daemons[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    daemons=()
}

clean_up() {
    stop
    ip netns del "$near" 2>/dev/null || true
    ip netns del "$far" 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT

certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
        -subj "/CN=$1" -keyout "$work/$1.key" -out "$work/$1.crt" 2>/dev/null
    openssl x509 -in "$work/$1.crt" -noout -fingerprint -sha256 | cut -d= -f2
}

topology() {
    ip netns add "$near"
    ip netns add "$far"
    ip -n "$near" link add up0 type veth peer name up0 netns "$far"
    ip -n "$near" addr add 192.0.2.1/24 dev up0
    ip -n "$far" addr add 192.0.2.2/24 dev up0
    for namespace in "$near" "$far"; do
        ip -n "$namespace" link set up0 up
        ip -n "$namespace" link set lo up
        # No packets of the system's own.
        ip netns exec "$namespace" sysctl -qw net.ipv6.conf.default.disable_ipv6=1
        # What is captured must be what a wire would see.
        ip netns exec "$namespace" ethtool -K up0 tx off tso off gso off gro off >/dev/null
    done
}

# end NAMESPACE NAME LOCAL REMOTE PEER_FINGERPRINT OPTIONS...
end() {
    local namespace=$1 name=$2 local=$3 remote=$4 fingerprint=$5
    shift 5
    ip netns exec "$namespace" openvpn --dev "tun-$name" --dev-type tun --disable-dco \
        --ifconfig "10.8.0.$local" "10.8.0.$remote" --ping 1 --verb 9 --suppress-timestamps \
        --cert "$work/$name.crt" --key "$work/$name.key" --peer-fingerprint "$fingerprint" \
        --data-ciphers "$cipher" --allow-compression no "$@" >"$work/$name.log" 2>&1 &
    daemons+=($!)
}

pings() {
    local from=$1 to=$2 size
    for size in 0 1 15 16 56 100 400 1000 1400; do
        # A traffic class other than 0: what the outer header makes of it is part of the test.
        ip netns exec "$from" ping -q -Q 0xb8 -c 1 -W 2 -s "$size" -p 5a "10.8.0.$to" >/dev/null
    done
}

# take NAME CIPHER TRANSPORT
take() {
    local name=$1 transport=$3
    cipher=$2
    case $transport in
    udp) near_options=(--proto udp --port 1194) far_options=(--proto udp --port 1194) filter="udp port 1194" ;;
    tcp)
        near_options=(--proto tcp-client --port 443 --nobind)
        far_options=(--proto tcp-server --port 443)
        filter="tcp port 443"
        ;;
    esac
    ip netns exec "$near" tcpdump -i up0 -w "$work/$name.pcap" --immediate-mode -U "$filter" 2>/dev/null &
    daemons+=($!)
    sleep 1
    end "$far" far 2 1 "$near_print" --tls-server --dh none --local 192.0.2.2 "${far_options[@]}"
    end "$near" near 1 2 "$far_print" --tls-client --remote 192.0.2.2 "${near_options[@]}"
    for _ in $(seq 100); do
        ip netns exec "$near" ping -q -c 1 -W 1 10.8.0.2 >/dev/null 2>&1 && break
        sleep 0.1
    done
    pings "$near" 2
    pings "$far" 1
    sleep 2
    stop
    python3 "$here/fixture.py" "$name" "$work" >>"$work/packets.jsonl"
}

near_print=$(certificate near)
far_print=$(certificate far)
topology
take udp-aes AES-256-GCM udp
take udp-chacha CHACHA20-POLY1305 udp
take tcp-aes AES-256-GCM tcp
python3 "$here/fixture.py" join "$(openvpn --version | head -n 1 | cut -d' ' -f1,2)" \
    "$work/packets.jsonl" >"$here/packets.json"
ls -l "$here/packets.json"

# shellcheck shell=bash disable=SC2030,SC2031,SC2154
# Sourced by take.sh, which sets $here, $out, $work (a folder) and $net (a prefix for namespaces).
#
# A recipe sets `title`, `synthetic`, `families` (4, 6 or both), `stored` (pcap, pcap-ns, pcap.gz,
# pcap.zst or pcapng) and defines `programs` (prints name and version, one a line), `prepare`
# (starts servers, before the capture) and `talk` (what is captured).

client4=10.1.0.2 server4=10.2.0.2
client6=2001:db8:1::2 server6=2001:db8:2::2

# take NAME: one capture, from empty namespaces to an entry in the manifest.
take() (
    set -euo pipefail
    name=$1 facts=$work/facts
    rm -rf "$facts" && mkdir "$facts"
    # shellcheck source=/dev/null
    . "$here/recipe/$name.sh"
    net_up
    prepare
    capture_start
    talk
    capture_stop
    programs >"$facts/programs"
    net_down
    printf '%s\n' "$title" >"$facts/title"
    printf '%s\n' "$synthetic" >"$facts/synthetic"
    store
)

# ---- the link

net_up() {
    local side
    for side in client server; do
        ip netns add "$net-$side"
        # Reno: the one congestion control that a namespace may always choose.
        ip netns exec "$net-$side" sysctl -qw \
            net.ipv6.conf.default.disable_ipv6="$([[ $families == *6* ]] && echo 0 || echo 1)" \
            net.ipv6.conf.default.router_solicitations=0 net.ipv6.conf.default.accept_dad=0 \
            net.ipv4.tcp_congestion_control=reno
    done
    ip -n "$net-client" link add wire address 02:00:00:00:01:01 type veth \
        peer name wire address 02:00:00:00:02:02 netns "$net-server"
    for side in client server; do
        # Frames must be as they are on a wire: every segment cut and summed by the sender itself.
        ip netns exec "$net-$side" ethtool -K wire tx off rx off tso off gso off gro off sg off >/dev/null
        ip -n "$net-$side" link set lo up
        ip -n "$net-$side" link set wire up
    done
    if [[ $families == *4* ]]; then
        ip -n "$net-client" address add $client4/24 dev wire
        ip -n "$net-server" address add $server4/24 dev wire
        ip -n "$net-client" route add 10.2.0.0/24 dev wire src $client4
        ip -n "$net-server" route add 10.1.0.0/24 dev wire src $server4
    fi
    if [[ $families == *6* ]]; then
        ip -n "$net-client" address add $client6/64 dev wire nodad
        ip -n "$net-server" address add $server6/64 dev wire nodad
        ip -n "$net-client" route add 2001:db8:2::/64 dev wire src $client6
        ip -n "$net-server" route add 2001:db8:1::/64 dev wire src $server6
        sleep 3 # the kernel's own multicast listener reports, so that they are over
    fi
}

# Everything that runs in the two namespaces was started here; nothing else is touched.
net_down() {
    local side pids
    for side in client server; do
        ip netns list | grep -q "^$net-$side\b" || continue
        for signal in TERM KILL; do
            for _ in {1..30}; do
                pids=$(ip netns pids "$net-$side")
                [[ -n $pids ]] || break 2
                # shellcheck disable=SC2086
                kill -$signal $pids 2>/dev/null || true
                sleep 0.1
            done
        done
        ip netns delete "$net-$side"
    done
}

# ---- programs

# inside SIDE COMMAND…: with a neutral host name, an empty environment and nobody's dot files, so
# that nothing of the machine can get into a packet.
inside() {
    local side=$1
    shift
    # shellcheck disable=SC2016
    ip netns exec "$net-$side" unshare --mount --uts env -i LC_ALL=C TZ=UTC0 HOME="$work" \
        PATH="$(echo /usr/lib/postgresql/*/bin):/usr/sbin:/usr/bin:/sbin:/bin" \
        sh -c '
            hostname "$1"
            shift
            for empty in /run /root /var/log; do mount -t tmpfs -o mode=755 tmpfs "$empty"; done
            mkdir /run/sshd
            cd "$HOME"
            exec "$@"
        ' sh "$side" "$@"
}

# note SIDE COMMAND…: for the manifest.
note() {
    local side=$1 word line=
    shift
    for word; do
        [[ -n $word && $word != *' '* ]] || (($# == 1)) || word="'$word'"
        line+=" $word"
    done
    echo "$side:$line" >>"$facts/commands"
}

# client COMMAND…: to its end, at most a minute; its output is of no interest. With `quiet=yes`
# before it, as before serve, the recipe writes the manifest's line itself, by `note`.
client() {
    [[ -n ${quiet:-} ]] || note client "$@"
    inside client timeout 60 "$@" >>"$work/client.log" 2>&1 || {
        echo "take.sh: $name: the client failed: $*" >&2
        tail -n 5 "$work/client.log" >&2
        return 1
    }
}

# serve COMMAND…: in the background until net_down, at most five minutes.
serve() {
    [[ -n ${quiet:-} ]] || note server "$@"
    inside server timeout 300 "$@" >>"$work/server.log" 2>&1 </dev/null &
}

# wait_for_port -t|-u PORT: until the server listens.
wait_for_port() {
    local kind=$1 port=$2
    for _ in {1..100}; do
        [[ -z $(ip netns exec "$net-server" ss -Hln "$kind" "sport = :$port") ]] || return 0
        sleep 0.1
    done
    echo "take.sh: $name: nothing listens on port $port" >&2
    tail -n 5 "$work/server.log" >&2
    return 1
}

# random_file NAME BYTES
random_file() {
    head -c "$2" /dev/urandom >"$work/$1"
    chmod 644 "$work/$1"
}

# A certificate for example.test whose key lives as long as the work folder.
certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
        -subj /CN=example.test -addext subjectAltName=DNS:example.test \
        -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
}

# ---- the capture, at the server's end

frames_on_wire() {
    local received sent
    { read -r received && read -r sent; } < <(
        ip netns exec "$net-server" cat /sys/class/net/wire/statistics/{rx,tx}_packets
    )
    echo $((received + sent))
}

capture_start() {
    local precision=micro
    [[ $stored == pcap-ns ]] && precision=nano
    ip netns exec "$net-server" tcpdump -Z root -i wire -s 262144 -B 16384 --immediate-mode \
        --time-stamp-precision=$precision -w "$work/raw.pcap" 2>"$work/tcpdump.log" &
    tcpdump=$!
    for _ in {1..100}; do
        grep -q 'listening on' "$work/tcpdump.log" && break
        sleep 0.1
    done
    frames_before=$(frames_on_wire)
}

capture_stop() {
    local frames
    sleep 1
    frames=$(($(frames_on_wire) - frames_before))
    kill -INT "$tcpdump"
    wait "$tcpdump"
    if ! grep -q "^$frames packets captured" "$work/tcpdump.log" ||
        ! grep -q '^0 packets dropped by kernel' "$work/tcpdump.log"; then
        echo "take.sh: $name: $frames frames crossed the link, but tcpdump says:" >&2
        cat "$work/tcpdump.log" >&2
        return 1
    fi
}

# Puts the capture into $out in the form the recipe asks for, if it is fit to be there.
store() {
    local new=$work/$name.${stored%-ns}
    case $stored in
        pcap | pcap-ns) cp "$work/raw.pcap" "$new" ;;
        pcap.gz) gzip -9nc "$work/raw.pcap" >"$new" ;;
        pcap.zst) zstd -q19c "$work/raw.pcap" >"$new" ;;
        pcapng) editcap -F pcapng "$work/raw.pcap" "$new" ;;
    esac
    chmod 644 "$new"
    /usr/bin/python3 "$here/recipe/manifest.py" add "$out" "$new" "$facts"
    rm -f "$out/$name".pcap*
    mv "$new" "$out"
}

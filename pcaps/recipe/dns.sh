# shellcheck shell=bash disable=SC2034,SC2154
# dnsmasq and dig, over IPv4 and IPv6; long answers as IP fragments, and by TCP after truncation.
title="DNS: dnsmasq and dig over IPv4 and IPv6; a few answers fragmented, a few by TCP"
synthetic="generated names and records under example.test"
families="4 6" stored=pcapng

programs() {
    dnsmasq --version | sed -n '1s/.*version \([^ ]*\).*/dnsmasq \1/p'
    dig -v 2>&1 | sed 's/^DiG \([0-9.]*\).*/dig \1/'
}

prepare() {
    local i
    for ((i = 1; i <= 60; i++)); do
        echo "10.2.0.$((100 + i)) host-$i.example.test"
        echo "2001:db8:2::$i host-$i.example.test"
    done >"$work/hosts"
    {
        echo no-resolv
        echo no-hosts
        echo "addn-hosts=$work/hosts"
        echo local=/example.test/
        echo edns-packet-max=4096
        echo bind-interfaces
        for ((i = 1; i <= 20; i++)); do
            echo "cname=alias-$i.example.test,host-$i.example.test"
            echo "srv-host=_sip._udp.example.test,host-$i.example.test,5060"
        done
        # 12 × 200 bytes: more than one frame.
        for ((i = 1; i <= 12; i++)); do
            echo "txt-record=long.example.test,$(printf "%0200d" $i)"
        done
    } >"$work/dnsmasq.conf"
    chmod 644 "$work/hosts" "$work/dnsmasq.conf"
    serve dnsmasq --keep-in-foreground --user=nobody --pid-file= --log-facility=- \
        --listen-address="$server4" --listen-address="$server6" --conf-file="$work/dnsmasq.conf"
    wait_for_port -u 53
}

talk() {
    local address i query=()
    for ((i = 1; i <= 60; i++)); do query+=("host-$i.example.test" A "host-$i.example.test" AAAA); done
    for ((i = 1; i <= 20; i++)); do query+=("alias-$i.example.test" A "absent-$i.example.test" A); done
    query+=(_sip._udp.example.test SRV)
    for address in $server4 $server6; do
        note client "dig @$address +tries=1 host-{1..60}.example.test A/AAAA, {alias,absent}-{1..20}.example.test A, _sip._udp SRV"
        quiet=yes client dig "@$address" +tries=1 "${query[@]}"
        for ((i = 0; i < 4; i++)); do client dig "@$address" +bufsize=4096 long.example.test TXT; done
        for ((i = 0; i < 4; i++)); do client dig "@$address" +bufsize=512 long.example.test TXT; done
    done
}

# shellcheck shell=bash disable=SC2034,SC2154
# iperf3 over TCP: a bulk transfer up, then one down. Bytes and not seconds, so that it stays short.
title="iperf3: bulk TCP, 3 MB up and 1 MB down"
synthetic="iperf3's own repeating pattern"
families=4 stored=pcap.gz

programs() { iperf3 --version | sed -n '1s/ (.*//p'; }

prepare() {
    serve iperf3 -s -B "$server4"
    wait_for_port -t 5201
}

talk() {
    client iperf3 -c "$server4" --repeating-payload -n 3000000
    client iperf3 -c "$server4" --repeating-payload -n 1000000 -R
}

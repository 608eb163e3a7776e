# shellcheck shell=bash disable=SC2034,SC2154
# Redis and its own benchmark: small requests, small answers, and answers of a hundred list items.
title="Redis: redis-benchmark, eight clients: SET, GET and LRANGE of 100 items"
synthetic="redis-benchmark's own values"
families=4 stored=pcap.zst

programs() {
    redis-server --version | sed 's/.* v=\([^ ]*\).*/redis-server \1/'
    redis-benchmark --version | cut -d' ' -f1,2
}

prepare() {
    serve setpriv --reuid nobody --regid nogroup --clear-groups \
        redis-server --bind "$server4" --protected-mode no --save "" --appendonly no
    wait_for_port -t 6379
}

talk() {
    client redis-benchmark -h "$server4" -c 8 -n 370 -r 1000 -d 64 -q -t set,get,lrange_100
}

# shellcheck shell=bash disable=SC2034,SC2154
# PostgreSQL and pgbench's TPC-B-like transactions, four clients.
title="PostgreSQL: pgbench, four clients, TPC-B-like transactions without TLS"
synthetic="pgbench's own generated tables"
families=4 stored=pcap-ns

programs() {
    inside client postgres --version | sed 's/.*) \([0-9.]*\).*/PostgreSQL \1/'
    inside client pgbench --version | sed 's/.*) \([0-9.]*\).*/pgbench \1/'
}

prepare() {
    local as_postgres=(setpriv --reuid postgres --regid postgres --clear-groups)
    install -d -o postgres -g postgres -m 700 "$work/db"
    inside server "${as_postgres[@]}" initdb -D "$work/db" -U bench -A trust --no-locale -E UTF8 >>"$work/server.log"
    echo "host all all 10.1.0.0/24 trust" >>"$work/db/pg_hba.conf"
    serve "${as_postgres[@]}" postgres -D "$work/db" -h "$server4" -k "$work/db" -c fsync=off -c timezone=UTC
    wait_for_port -t 5432
    sleep 1
    client pgbench -i -q -s 1 -h "$server4" -U bench postgres
    sleep 1
}

talk() {
    client pgbench -n -c 4 -t 75 -h "$server4" -U bench postgres
}

# shellcheck shell=bash disable=SC2034,SC2154
# Eight calls of G.711 in RTP, by a generator: no telephone took part.
title="Voice: eight calls, RTP with G.711 µ-law, 20 ms a packet, both ways, DSCP EF"
synthetic="all of it: packets by a generator (recipe/voice.py), tones as speech"
families=4 stored=pcap

programs() {
    echo "recipe/voice.py (generator)"
    /usr/bin/python3 --version
}

prepare() {
    local i
    for i in {11..18}; do
        ip -n "$net-client" address add "10.1.0.$i/24" dev wire
        ip -n "$net-server" address add "10.2.0.$i/24" dev wire
    done
    cp "$here/recipe/voice.py" "$work/voice.py"
}

talk() {
    serve /usr/bin/python3 "$work/voice.py" --from 10.2.0.11 --to 10.1.0.11 --calls 8 --seconds 3
    client /usr/bin/python3 "$work/voice.py" --from 10.1.0.11 --to 10.2.0.11 --calls 8 --seconds 3
    sleep 1
}

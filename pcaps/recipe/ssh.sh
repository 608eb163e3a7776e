# shellcheck shell=bash disable=SC2034,SC2154
# OpenSSH: a file each way, and a shell that somebody types into.
title="SSH: scp of a file each way, and two interactive sessions typed key by key"
synthetic="random bytes as files; made-up commands; throw-away keys"
families=4 stored=pcap

programs() { ssh -V 2>&1 | sed 's/^\(OpenSSH\)_\([^ ]*\).*/\1 \2/'; }

prepare() {
    ssh-keygen -q -t ed25519 -N "" -C host -f "$work/host_key"
    ssh-keygen -q -t ed25519 -N "" -C user -f "$work/user_key"
    echo "$server4 $(cut -d' ' -f1,2 "$work/host_key.pub")" >"$work/known_hosts"
    random_file up 300000
    random_file down 200000
    cat >"$work/sshd_config" <<CONF
ListenAddress $server4
HostKey $work/host_key
AuthorizedKeysFile $work/user_key.pub
StrictModes no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PrintMotd no
PrintLastLog no
DebianBanner no
PidFile none
CONF
    cat >"$work/ssh_config" <<CONF
User root
IdentityFile $work/user_key
IdentitiesOnly yes
UserKnownHostsFile $work/known_hosts
GlobalKnownHostsFile /dev/null
LogLevel ERROR
CONF
    # An account of its own for the session: nobody's password lock, home or shell.
    printf '%s\n' root:x:0:0::/run:/bin/sh sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin >"$work/passwd"
    printf '%s\n' 'root:*:20000::::::' 'sshd:*:20000::::::' >"$work/shadow"
    note server sshd -D -e -f sshd_config
    # shellcheck disable=SC2016
    quiet=yes serve sh -c 'mount --bind passwd /etc/passwd && mount --bind shadow /etc/shadow &&
        exec /usr/sbin/sshd -D -e -f "$HOME/sshd_config"'
    wait_for_port -t 22
}

# Somebody types: a key every 25 ms, then time to read.
typing() {
    local line i
    sleep 0.5
    for line in "$@"; do
        for ((i = 0; i < ${#line}; i++)); do
            printf %s "${line:i:1}"
            sleep 0.025
        done
        printf '\n'
        sleep 0.3
    done
}

talk() {
    local shell=(ssh -F "$work/ssh_config" -tt "$server4" 'exec env -i PS1="$ " /bin/sh')
    client scp -O -q -F "$work/ssh_config" "$work/up" "$server4:/run/up"
    typing "ls /usr" "seq 1 400" "cat /usr/share/common-licenses/BSD" exit | client "${shell[@]}"
    client scp -O -q -F "$work/ssh_config" "$server4:$work/down" "$work/down.copy"
    typing "date -u" "yes 'a made-up line of text' | head -n 200" "echo done" exit | client "${shell[@]}"
}

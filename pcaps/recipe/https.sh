# shellcheck shell=bash disable=SC2034,SC2154
# nginx and curl: TLS 1.3, HTTP/1.1 and HTTP/2, ECN negotiated.
title="HTTPS: nginx and curl, TLS 1.3, pages of small objects and a large one"
synthetic="random bytes as objects; self-signed certificate for example.test"
families=${families:-4} stored=${stored:-pcap}
address=${address:-$server4}
small=${small:-60} fresh=${fresh:-20} large=${large:-300000}

programs() {
    nginx -v 2>&1 | sed 's|.*nginx/|nginx |'
    curl --version | sed -n '1s/^curl \([^ ]*\).*/curl \1/p'
    openssl version | cut -d' ' -f1,2
}

prepare() {
    local i
    certificate
    mkdir -p "$work/www"
    for ((i = 1; i <= small; i++)); do random_file "www/small-$i" $((500 + i * i * 3)); done
    random_file www/large "$large"
    cat >"$work/nginx.conf" <<CONF
user nobody nogroup;
worker_processes 1;
daemon off;
pid $work/nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    sendfile on;
    keepalive_requests 1000;
    client_body_temp_path $work/body; proxy_temp_path $work/proxy; fastcgi_temp_path $work/fastcgi;
    uwsgi_temp_path $work/uwsgi; scgi_temp_path $work/scgi;
    server {
        listen 10.2.0.2:443 ssl http2;
        listen [2001:db8:2::2]:443 ssl http2;
        ssl_protocols TLSv1.3;
        ssl_certificate $work/cert.pem;
        ssl_certificate_key $work/key.pem;
        root $work/www;
    }
}
CONF
    [[ $families == *6* ]] || sed -i '/2001:db8/d' "$work/nginx.conf"
    [[ $families == *4* ]] || sed -i '/listen 10/d' "$work/nginx.conf"
    ip netns exec "$net-client" sysctl -qw net.ipv4.tcp_ecn=1
    ip netns exec "$net-server" sysctl -qw net.ipv4.tcp_ecn=1
    serve nginx -e stderr -c "$work/nginx.conf"
    wait_for_port -t 443
}

talk() {
    local i get=(curl -sS -o /dev/null --cacert "$work/cert.pem" --resolve "example.test:443:$address")
    # One page: many objects over one connection, by both versions of HTTP.
    client "${get[@]}" --http1.1 "https://example.test/small-[1-$small]"
    client "${get[@]}" --http2 --parallel "https://example.test/small-[1-$small]"
    # Connections that are opened for one small answer.
    for ((i = 0; i < fresh; i++)); do client "${get[@]}" --http1.1 https://example.test/small-3; done
    client "${get[@]}" --http2 https://example.test/large
}

# SPDX-License-Identifier: Apache-2.0
# Debian's nginx for the tests, after tests/lib.sh: a private prefix and ports, the
# master as root, workers as www-data; ended with the test.

NGINX=$work/nginx
NGINX_LOG=$NGINX/error.log
NGINX_PID=
mkdir -p "$NGINX/tmp"

free_port() {
	"$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# WORKERS of them, for the servers that nginx_server adds.
nginx_configure() {
	cat > "$NGINX/nginx.conf" <<-END
		$(is_root && echo "user www-data;")
		worker_processes ${WORKERS:-2};
		daemon off;
		pid nginx.pid;
		error_log error.log info;
		events { worker_connections 512; }
		http {
			access_log off;
			client_body_temp_path tmp/body;
			proxy_temp_path tmp/proxy;
			fastcgi_temp_path tmp/fastcgi;
			uwsgi_temp_path tmp/uwsgi;
			scgi_temp_path tmp/scgi;
			ssl_protocols TLSv1.2 TLSv1.3;
			ssl_session_tickets off;
			ssl_session_cache off;
			include servers/*.conf;
		}
	END
}

# nginx_server PORT CERT KEY: one more server, from the next (re)start on
nginx_server() {
	mkdir -p "$NGINX/servers"
	cat > "$NGINX/servers/$1.conf" <<-END
		server {
			listen 127.0.0.1:$1 ssl;
			server_name localhost;
			ssl_certificate $2;
			ssl_certificate_key $3;
			location / { default_type text/plain; return 200 "it works\n"; }
		}
	END
}

nginx_run() {
	with_provider nginx -p "$NGINX" -c nginx.conf -e error.log "$@"
}

nginx_start() {
	nginx_configure
	: > "$NGINX_LOG"
	chmod 0666 "$NGINX_LOG"
	background env OPENSSL_CONF="$SR_CONF" LD_PRELOAD="${PRELOAD:-}" ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" \
		nginx -p "$NGINX" -c nginx.conf -e error.log > "$work/nginx.out" 2>&1
	NGINX_PID=$!
	if until_ok 20 nginx_listens && ! gone "$NGINX_PID"; then
		return 0
	fi
	fail "nginx starts" "$work/nginx.out" "$NGINX_LOG"
	return 1
}

nginx_listens() {
	gone "$NGINX_PID" || [ -s "$NGINX/nginx.pid" ] && [ -n "$(nginx_workers)" ]
}

nginx_stop() {
	kill -QUIT "$NGINX_PID" 2>/dev/null
	until_ok 10 gone "$NGINX_PID" || kill -KILL "$NGINX_PID"
	wait "$NGINX_PID" 2>/dev/null
}

nginx_workers() {
	pgrep -P "$NGINX_PID" 2>/dev/null
}

# Is none of these workers left?
nginx_workers_gone() {
	local pid
	for pid; do
		gone "$pid" || return 1
	done
}

handshakes() {
	timeout 300 "$PYTHON" "$top/tests/tools/handshakes.py" "$@"
}

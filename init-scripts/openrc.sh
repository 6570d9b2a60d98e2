#!/sbin/openrc-run
# {{marker}}
# Written by `cloudflared-supervisor service install`, which also changes it.

name="cloudflared-supervisor"
description="Keeps a Cloudflare tunnel connected"

{{words}}
supervisor="supervise-daemon"
# Through env, so that the user's PATH is the daemon's and never that of this script, which is root's.
command={{command}}
command_args={{arguments}}
command_user={{name}}
directory="/"
umask="0077"
pidfile="/run/cloudflared-supervisor.pid"
output_log={{log}}
error_log={{log}}
respawn_delay=1
respawn_max=0
# The daemon drains its connectors, which takes as long as requests in flight.
retry="TERM/{{stopTimeoutSeconds}}/KILL/5"

# Proxies and certificates, for root's eyes only; the status is anybody's to ask for.
environment={{environmentFile}}
if [ -r "$environment" ]; then . "$environment"; fi

depend() {
	use net dns logger
	after firewall
}

# As the service user: whatever this leaves in their home is theirs, and nothing of theirs runs as root.
as_user() {
	su -s /bin/sh -c 'exec "$@"' -- {{name}} sh "$@"
}

start_pre() {
	as_user mkdir -p -m 0700 {{directories}} && as_user mkdir -p -m 0700 "$(dirname {{logFile}})"
}

# What a killed daemon left is ended; one that lives has the lock, and keeps its own.
stop_post() {
	as_user {{sweep}}
}

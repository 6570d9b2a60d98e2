#!/bin/sh
# The entry point of a container: runs the daemon in the foreground, with or without an init (tini, dumb-init) before it.
#
# - As PID 1 it reaps what others leave behind, which Node does not do.
# - TERM, INT and HUP go to the daemon alone and once, also from an init that signals the whole process group: the daemon
#   drains its connectors, and takes a second signal for hurry. Give the container time for that (`--stop-timeout 70`).
# - The exit code is the daemon's. 75 means that it handed over (`up --restart`): it is started again in the same
#   container, where its connectors serve on.
#
# Arguments are those of `cloudflared-supervisor run`. NODE names another Node than the one on PATH.
set -u

program=$(cd "$(dirname "$0")/.." && pwd)/dist/cli/main.js || exit 1
node=${NODE:-node}
# A session of its own keeps the daemon out of reach of signals that are meant for the whole group.
if command -v setsid >/dev/null 2>&1; then session=setsid; else session=; fi

daemon=
pending=
stopping=
# One that comes before there is a daemon is kept for it.
pass() {
	stopping=yes
	if [ -n "$daemon" ]; then kill -s "$1" "$daemon" 2>/dev/null; else pending=$1; fi
}
for signal in TERM INT HUP; do trap "pass $signal" "$signal"; done

while :; do
	$session "$node" "$program" run "$@" &
	daemon=$!
	if [ -n "$pending" ]; then kill -s "$pending" "$daemon"; fi
	# A signal ends the waiting, not the daemon.
	while :; do
		wait "$daemon"
		status=$?
		kill -0 "$daemon" 2>/dev/null || break
	done
	daemon=
	if [ "$status" != 75 ] || [ -n "$stopping" ]; then exit "$status"; fi
done

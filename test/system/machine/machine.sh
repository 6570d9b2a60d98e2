#!/bin/sh
# Makes a machine inside the namespaces that it was started in, says "ready", and lives until its standard input ends:
# then everything in it ends too, mounts and processes, whoever made it and however they went.
#
# KIND     host: this machine's files with an /etc, /home, /root, /run and /tmp of its own
#          image: the file system IMAGE, copied on write, with nothing running in it
#          booted: the same with its systemd as PID 1
# NAME     of the machine; for its control groups
# PACKAGE, NODE, SHARED  are seen as /opt/cloudflared-supervisor, /opt/node/bin/node and /opt/shared
# USERS    name:uid for each that is to be there, with a home of its own
set -eu
umask 022
exec 3<&0 </dev/null

mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/package /mnt/node /mnt/shared
mount --bind "$PACKAGE" /mnt/package
touch /mnt/node/node
mount --bind "$NODE" /mnt/node/node
mount --bind "$SHARED" /mnt/shared

if [ "$KIND" = host ]; then
	root=
	cp -a /etc /mnt/etc
	mount --bind /mnt/etc /etc
	for directory in /opt /home /root /run; do mount -t tmpfs -o mode=755 tmpfs "$directory"; done
	mount -t tmpfs -o mode=1777 tmpfs /tmp
else
	mkdir /mnt/upper /mnt/work /mnt/root
	mount -t overlay -o lowerdir="$IMAGE",upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
	root=/mnt/root
fi

mkdir -p "$root/opt/cloudflared-supervisor" "$root/opt/node/bin" "$root/opt/shared" "$root/home"
touch "$root/opt/node/bin/node"
for user in $USERS; do
	name=${user%%:*} uid=${user##*:}
	echo "$name:x:$uid:$uid::/home/$name:/bin/sh" >>"$root/etc/passwd"
	echo "$name:x:$uid:" >>"$root/etc/group"
	if [ -e "$root/etc/shadow" ]; then echo "$name:!:19000:0:99999:7:::" >>"$root/etc/shadow"; fi
	mkdir "$root/home/$name"
	chown "$uid:$uid" "$root/home/$name"
done

bind_package() {
	mount --bind /mnt/package "$root/opt/cloudflared-supervisor"
	mount -o remount,bind,ro "$root/opt/cloudflared-supervisor"
	mount --bind /mnt/node/node "$root/opt/node/bin/node"
	mount --bind /mnt/shared "$root/opt/shared"
}

# A shell that waits also reaps what others leave to it.
live() {
	echo ready
	cat <&3 >/dev/null &
	wait $!
}

case $KIND in
host)
	bind_package
	live
	;;
image)
	bind_package
	mount -t proc proc "$root/proc"
	mount --rbind /dev "$root/dev"
	mount -t tmpfs -o mode=755 tmpfs "$root/run"
	mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
	exec chroot "$root" /bin/sh -c "$(printf '%s\n' 'echo ready' 'cat <&3 >/dev/null &' 'wait $!')"
	;;
booted)
	# systemd-nspawn keeps things there, and removes them only from memory.
	mount -t tmpfs -o mode=755 tmpfs /run
	for hierarchy in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
		[ -e "$hierarchy/cgroup.procs" ] || continue
		mkdir -p "$hierarchy/$NAME"
		echo 0 >"$hierarchy/$NAME/cgroup.procs"
	done
	# 133: the machine wants to be booted again.
	boot() {
		status=133
		while [ "$status" = 133 ]; do
			status=0
			setsid -w systemd-nspawn --quiet --directory="$root" --boot --machine="$NAME" --register=no --keep-unit --console=pipe \
				--bind-ro=/mnt/package:/opt/cloudflared-supervisor --bind-ro=/mnt/node/node:/opt/node/bin/node --bind=/mnt/shared:/opt/shared >&2 || status=$?
		done
	}
	boot &
	live
	;;
esac

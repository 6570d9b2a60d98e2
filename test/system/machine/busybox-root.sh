#!/bin/sh
# A userland of busybox alone, without `ps`: what there is beside it is a Node for glibc with its libraries, and OpenRC.
# busybox-root.sh TARGET NODE IMAGE: IMAGE is a root file system that has OpenRC.
set -eu
target=$1 node=$2 image=$3

mkdir -p "$target/bin" "$target/etc/pam.d" "$target/lib" "$target/lib64" "$target/proc" "$target/dev" "$target/run" "$target/tmp" "$target/home" "$target/root" "$target/var" "$target/usr/bin" "$target/sbin" "$target/usr/sbin"
cp "$(command -v busybox)" "$target/bin/busybox"
for applet in $("$target/bin/busybox" --list); do
	case $applet in
	busybox | ps | pstree | top | pgrep | pkill) ;;
	*) ln -s busybox "$target/bin/$applet" ;;
	esac
done
ln -s ../bin/env "$target/usr/bin/env" # where scripts look for it

# libraries FILE…: what they are linked with, at the places where they look for it.
libraries() {
	ldd "$@" | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p; s/^[[:space:]]*\(\/[^ ]*\) (.*/\1/p' | sort -u
}
for library in $(libraries "$node" "$(command -v busybox)" 2>/dev/null); do
	mkdir -p "$target$(dirname "$library")"
	cp -L "$library" "$target$library"
done

cp -a "$image/sbin/openrc-run" "$image/sbin/rc-service" "$image/sbin/rc-update" "$image/sbin/supervise-daemon" "$image/sbin/openrc" "$target/sbin/"
cp -a "$image/lib/rc" "$target/lib/"
mkdir -p "$target/etc/init.d" "$target/etc/conf.d" "$target/etc/runlevels/default" "$target/etc/runlevels/boot" "$target/etc/runlevels/sysinit"
cp -a "$image/etc/rc.conf" "$image/etc/insserv.conf" "$target/etc/"
for library in $(chroot "$image" ldd /sbin/openrc-run /sbin/supervise-daemon /sbin/rc-service /sbin/rc-update | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p' | sort -u); do
	mkdir -p "$target$(dirname "$library")"
	[ -e "$target$library" ] || cp -L "$image$library" "$target$library"
done
# What supervise-daemon asks before it becomes a user; here it says yes.
security=$(cd "$image" && echo lib/*/security usr/lib/*/security | tr ' ' '\n' | grep -v '\*' | head -n 1)
mkdir -p "$target/$security"
cp -a "$image/$security/pam_permit.so" "$target/$security/"
for part in account auth session password; do echo "$part required pam_permit.so"; done >"$target/etc/pam.d/other"

printf 'root:x:0:0:root:/root:/bin/sh\n' >"$target/etc/passwd"
printf 'root:x:0:\n' >"$target/etc/group"
printf '127.0.0.1 localhost\n' >"$target/etc/hosts"

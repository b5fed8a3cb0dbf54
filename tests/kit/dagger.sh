#!/bin/sh
# The inside of kit/dagger.py: runs in new mount, network and process namespaces, makes a root of
# its own over the machine's (an overlay, so that nothing is written there), and becomes the engine.
#
# usage: dagger.sh FOLDER TOOLS [LIMIT]
#   FOLDER  has sock/, state/, engine.json and worker.toml
#   TOOLS   has dagger-engine, dagger-init, dnsname
#   LIMIT   MiB: the state is in memory and no larger, instead of in FOLDER/state
set -eu
folder=$1 tools=$2 limit=${3:-}
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

own=$folder/ns root=$folder/ns/root
mkdir -p "$own"
mount -t tmpfs tmpfs "$own"
mkdir "$own/upper" "$own/work" "$root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$own/upper,workdir=$own/work" "$root"

mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"

mkdir -p "$root/run/dagger" "$root/var/lib/dagger" "$root/etc/dagger" \
	"$root/opt/dagger/bin" "$root/opt/cni/bin"
mount --bind "$folder/sock" "$root/run/dagger"
if [ -n "$limit" ]; then
	mount -t tmpfs -o "size=${limit}m" tmpfs "$root/var/lib/dagger"
else
	mount --bind "$folder/state" "$root/var/lib/dagger"
fi
cp "$folder/engine.json" "$folder/worker.toml" "$root/etc/dagger/"
[ ! -f "$folder/resolv.conf" ] || cp --remove-destination "$folder/resolv.conf" "$root/etc/resolv.conf"

# where tests/services/dagger/distconsts has the engine look
mount --bind "$tools" "$root/opt/dagger/bin"
ln -s "$(command -v runc)" "$root/opt/dagger/runc"
ln -s /opt/dagger/bin/dnsname "$root/opt/cni/bin/dnsname"
for plugin in bridge firewall host-local loopback; do
	ln -s "/usr/lib/cni/$plugin" "$root/opt/cni/bin/$plugin"
done
# the firewall plug-in of the network looks for these here, and Debian has them in sbin
for kind in legacy nft; do
	ln -sf "/usr/sbin/xtables-$kind-multi" "$root/usr/bin/xtables-$kind-multi"
done

ip link set lo up
cd "$root"
mkdir -p .old
pivot_root . .old
umount -l /.old
exec /opt/dagger/bin/dagger-engine --config /etc/dagger/worker.toml --oci-cni-pool-size 4

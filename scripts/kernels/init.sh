#!/bin/busybox sh
# The guest's first process: moves from the initramfs to a tmpfs, runs the cases there, says that it has.
# overlay does not work on the initramfs's own root.
export PATH=/bin HOME=/root
if [ ! -e /moved ]; then
	/bin/busybox --install -s /bin
	mkdir /new
	mount -t tmpfs -o mode=755 tmpfs /new
	cp -a /bin /lib /lib64 /usr /modules /cases /init /new/ 2>/dev/null
	mkdir /new/proc /new/sys /new/dev /new/tmp /new/run /new/root
	: > /new/moved
	exec switch_root /new /init
fi

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
exec < /dev/null > /dev/console 2>&1
for module in /modules/*.ko; do
	insmod "$module"
done
echo "kernel $(uname -r)"
for folder in /cases/*; do
	cd "$folder"
	timeout 120 sh ./case.sh > /tmp/stdout 2> /tmp/stderr
	code=$?
	# On a line of its own, whatever the kernel has printed meanwhile.
	printf '\n{"case":"%s","exitCode":%d,"stdout":"%s","stderr":"%s"}\n' "${folder##*/}" $code \
		"$(base64 -w 0 /tmp/stdout)" "$(base64 -w 0 /tmp/stderr)"
done
# Powering off would lose what the console has not sent yet: who reads it ends the machine.
echo finished
while :; do
	sleep 1000
done

#!/bin/sh
# Starts all of busybox's commands, each by a name of its own: all are names of one file. With --help none does anything.
set -eu
cd /bin
for applet in *; do
	"./$applet" --help </dev/null >/dev/null 2>&1 || :
done
cd /
sort /etc/passwd | uniq | wc -l
awk -F: '{ print $1 }' /etc/group
gzip -c /etc/passwd | gunzip -c | cmp - /etc/passwd
find /etc -type f | sort | xargs md5sum

#!/bin/bash
# One child after the other, of every program of the base; then some in pipes, and some out of another shell.
set -eu
cd /usr/bin
for program in *; do
	"./$program" --version </dev/null >/dev/null 2>&1 || :
done
cd /
sort /etc/passwd | uniq -c | head -n 2
dash -c 'wc -l </etc/group; sed -n 1p /etc/debian_version'
for file in /etc/*; do
	[ ! -f "$file" ] || sha256sum "$file"
done | cut -c 1-8 | tr -d '\n' | md5sum
date -d @0 +%Y >/tmp/year
cp /tmp/year /tmp/copy
[ "$(cat /tmp/copy)" = 1970 ]

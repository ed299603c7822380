#!/bin/bash
# Makes a database cluster, starts the server, asks it something once it answers, and stops it.
set -eu
as="chroot --userspec=www-data:www-data /"
export PATH=/usr/lib/postgresql/15/bin:$PATH PGDATA=/tmp/data PGHOST=/tmp
export PGOPTIONS=-cjit=off

$as initdb --auth=trust --username=zoo --locale=C.UTF-8 >/dev/null
$as pg_ctl start --wait --silent --log=/tmp/log --options="-c listen_addresses= -c unix_socket_directories=/tmp"
$as psql --username=zoo --no-psqlrc --quiet --tuples-only --command="SELECT now() AT TIME ZONE 'Asia/Tokyo' > 'epoch'" postgres
$as pg_ctl stop --wait --silent --mode=fast

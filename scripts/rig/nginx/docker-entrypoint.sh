#!/bin/sh
# Runs every script of /docker-entrypoint.d in the order of their names, then becomes the command.
set -eu

case "${1:-}" in
nginx | nginx-debug)
	for script in $(ls /docker-entrypoint.d/ | sort); do
		case "$script" in
		*.sh)
			if [ -x "/docker-entrypoint.d/$script" ]; then
				echo "$0: running $script"
				"/docker-entrypoint.d/$script"
			fi
			;;
		*) echo "$0: ignoring $script" ;;
		esac
	done
	;;
esac

exec "$@"

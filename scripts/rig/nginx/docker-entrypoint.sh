#!/bin/sh
# Runs every script of /docker-entrypoint.d in the order of their names, then becomes the command.
set -eu

if [ "${1:-}" = nginx ]; then
	for script in /docker-entrypoint.d/*; do
		if [ -x "$script" ]; then
			echo "$0: running $script"
			"$script"
		else
			echo "$0: ignoring $script, which is not executable"
		fi
	done
fi

exec "$@"

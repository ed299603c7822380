#!/bin/sh
# install.sh install|install-service|uninstall: puts the program where container runtimes look for plugins, or beside
# the runtime as a service of systemd. Honours DESTDIR, PREFIX, PLUGIN_DIR, CONF_DIR, UNIT_DIR.
set -eu

here=$(dirname "$0")
name=02-optimizer-nri-plugin
prefix=${PREFIX:-/usr/local}
plugin_dir=${PLUGIN_DIR:-/opt/nri/plugins}
conf_dir=${CONF_DIR:-/etc/nri/conf.d}
unit_dir=${UNIT_DIR:-/etc/systemd/system}
destdir=${DESTDIR:-}
program=$destdir$prefix/bin/optimizer
plugin=$destdir$plugin_dir/$name
conf=$destdir$conf_dir/$name.conf
template=$here/$name.conf
unit=$destdir$unit_dir/optimizer.service
share=$destdir$prefix/share
man=$share/man/man1/optimizer.1
bash_completion=$share/bash-completion/completions/optimizer
zsh_completion=$share/zsh/site-functions/_optimizer
fish_completion=$share/fish/vendor_completions.d/optimizer.fish
containerd_conf=$destdir/etc/containerd/config.toml

# A runtime that starts meanwhile must not see half a program, nor a file with an execute bit and
# another name: that would keep containerd from starting.
put_program() {
	mkdir -p "$(dirname "$2")"
	temporary=$(dirname "$2")/.$(basename "$2").new
	rm -f "$temporary"
	if [ "$3" != link ] || ! ln "$1" "$temporary" 2>/dev/null; then
		cp "$1" "$temporary"
		chmod 644 "$temporary"
	fi
	mv -f "$temporary" "$2"
	chmod 755 "$2"
	echo "installed $2"
}

put_conf() {
	mkdir -p "$(dirname "$conf")"
	if [ -e "$conf" ] && ! cmp -s "$template" "$conf"; then
		echo "kept      $conf (it was edited)"
		return
	fi
	cp "$template" "$conf"
	chmod 644 "$conf"
	echo "installed $conf"
}

put_unit() {
	mkdir -p "$(dirname "$unit")"
	sed "s|^ExecStart=/usr/local/|ExecStart=$prefix/|" "$here/optimizer.service" > "$unit"
	chmod 644 "$unit"
	echo "installed $unit"
}

put_manual() {
	mkdir -p "$(dirname "$man")"
	cp "$here/optimizer.1" "$man"
	chmod 644 "$man"
	echo "installed $man"
}

put_completions() {
	for shell in bash zsh fish; do
		eval "file=\$${shell}_completion"
		mkdir -p "$(dirname "$file")"
		"$program" completions $shell > "$file"
		echo "installed $file"
	done
}

# Tells what is missing in containerd's own configuration. NRI is on by default since containerd 2.0.
tell_about_nri() {
	section='plugins."io.containerd.nri.v1.nri"'
	version=$(containerd --version 2>/dev/null | sed -n 's/.* v\{0,1\}\([0-9][0-9]*\)\.[0-9].*/\1/p')
	setting=$(sed -n '/^[[:space:]]*\[plugins\."io\.containerd\.nri\.v1\.nri"\]/,/^[[:space:]]*\[plugins\."io\.containerd\.[^n]/s/^[[:space:]]*disable[[:space:]]*=[[:space:]]*\([a-z]*\).*/\1/p' \
		"$containerd_conf" 2>/dev/null | head -n 1)
	if [ "$setting" = false ] || { [ -z "$setting" ] && [ "${version:-0}" -ge 2 ]; }; then
		echo "NRI is on in containerd. Restart it to load the plugin: systemctl restart containerd"
		return
	fi
	echo
	if [ "$setting" = true ]; then
		echo "NRI is off in $containerd_conf. Set there:"
	else
		echo "NRI is off by default in containerd 1.7 (and on since 2.0). Add to $containerd_conf:"
	fi
	cat <<-TEXT

		[$section]
		  disable = false
		  plugin_path = "$plugin_dir"
		  plugin_config_path = "$conf_dir"

		and restart containerd: systemctl restart containerd
	TEXT
}

case ${1:-} in
install-service)
	if [ -e "$plugin" ]; then
		echo "$plugin is installed: both would trace each container. Take it away first: $0 uninstall" >&2
		exit 1
	fi
	put_program "$here/../../dist/optimizer" "$program" copy
	put_unit
	put_conf
	put_manual
	put_completions
	echo "Start it: systemctl daemon-reload && systemctl enable --now optimizer.service"
	;;
install)
	put_program "$here/../../dist/optimizer" "$program" copy
	put_program "$program" "$plugin" link
	put_conf
	put_manual
	put_completions
	tell_about_nri
	;;
uninstall)
	for file in "$program" "$plugin" "$unit" "$man" "$bash_completion" "$zsh_completion" "$fish_completion"; do
		rm -f "$file"
		echo "removed   $file"
	done
	if [ -e "$conf" ] && cmp -s "$template" "$conf"; then
		rm -f "$conf"
		echo "removed   $conf"
	elif [ -e "$conf" ]; then
		echo "kept      $conf (it was edited)"
	fi
	echo "The plugin that runs now goes on until the container runtime restarts."
	;;
*)
	echo "usage: $0 install|install-service|uninstall" >&2
	exit 2
	;;
esac

#!/bin/bash
set -eu

sed -i -e "s/^worker_processes .*;/worker_processes ${NGINX_WORKERS:-$(nproc)};/" /etc/nginx/nginx.conf

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Serves the source tree and the shared cache to a vm node. Runs in a mount namespace of its
# own, where both are put under one directory, the tree read-only.
# vm-share.bash VIRTIOFSD SOCKET DIR TOP SHARE

set -eu
daemon=$1 socket=$2 dir=$3 top=$4 share=$5

mkdir -p "$dir/src" "$dir/cache"
mount --bind "$top" "$dir/src"
mount -o remount,bind,ro "$dir/src"
mount --bind "$share" "$dir/cache"
exec "$daemon" --socket-path="$socket" -o "source=$dir,cache=auto" --rlimit-nofile=0

#!/bin/sh
# Fetch Debian's Prometheus for the tests, into .cache/prometheus: as any user, without installing or starting it.
set -eu
cd "$(dirname "$0")/.."
cache=$PWD/.cache
binary=$cache/prometheus/usr/bin/prometheus

if [ -x "$binary" ]; then
    exit 0
fi
if ! command -v apt-get > /dev/null || ! command -v dpkg-deb > /dev/null; then
    echo "fetch_prometheus: needs apt-get and dpkg-deb (Debian, Ubuntu); elsewhere put a prometheus on the PATH" >&2
    exit 1
fi

packages=$cache/packages
mkdir -p "$packages"
cd "$packages"
if ! apt-get download prometheus > /dev/null 2>&1; then
    # The machine's package lists are missing or old, and only root may renew them: read our own.
    lists=$cache/apt
    mkdir -p "$lists/lists/partial" "$lists/archives/partial"
    echo "fetch_prometheus: reading the package lists" >&2
    own="-o Dir::State::Lists=$lists/lists -o Dir::Cache=$lists -o APT::Sandbox::User=$(id -un)"
    # shellcheck disable=SC2086 # options, one a word
    if ! { apt-get $own update && apt-get $own download prometheus; } > "$lists/log" 2>&1; then
        cat "$lists/log" >&2
        echo "fetch_prometheus: cannot download the package prometheus; is there a network, and a Debian mirror in" \
            "/etc/apt?" >&2
        exit 1
    fi
fi
rm -rf "$cache/prometheus.partial"
dpkg-deb -x "$packages"/prometheus_*.deb "$cache/prometheus.partial"
mv "$cache/prometheus.partial" "$cache/prometheus"
rm -rf "$packages" "$cache/apt"
"$binary" --version 2>&1 | head -n 1

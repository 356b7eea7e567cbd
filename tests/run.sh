#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what is missing, builds, and runs all tests (or those named).
set -eu
cd "$(dirname "$0")/.."
sh share/install-packages.sh build test
make -s -j"$(getconf _NPROCESSORS_ONLN)" BUILD="${BUILD:-build}" test-programs
exec sh tests/run-suite "$@"

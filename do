#!/bin/bash
# ./do RECIPE [ARG…]  installs what the recipe needs and is missing, then runs it.
# ./do                lists the recipes. They are in the justfile.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PATH="$root/.cache/just/node_modules/.bin:$PATH:/usr/local/go/bin"
"$root/vmtest/vm/install" "${1:-list}" >&2
exec just --justfile "$root/justfile" "$@"

#!/bin/sh
# Turn requirements.in into requirements.txt: exact versions, for Linux, macOS and Windows.
# The CUDA packages stay out: they are torch's own business, named by its own metadata,
# so that the same file installs the small CPU wheels where those are reachable.
set -eu
cd "$(dirname "$0")/../.."
UV=${UV:-uv}
compile() {
    "$UV" pip compile requirements.in --universal --python-version 3.11 --fork-strategy fewest \
        --annotation-style line --no-header --no-emit-index-url --no-emit-find-links "$@"
}
cuda=$(compile 2>/dev/null | sed -nE 's/^((nvidia|cuda)-[a-z0-9-]+|triton)(==| @).*/--no-emit-package \1/p' | sort -u)
{
    echo "# Made by \`make lock\` from requirements.in; do not edit."
    # shellcheck disable=SC2086
    compile $cuda 2>/dev/null | sed '/^# /d; /^$/d'
} > requirements.txt.new
mv requirements.txt.new requirements.txt

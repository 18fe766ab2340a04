#!/bin/sh
# Commit subjects have at most 72 characters. Looked at: the commits that the main branch lacks.
set -eu
cd "$(dirname "$0")/../.."
git rev-parse --git-dir >/dev/null 2>&1 || exit 0 # an archive has no commits
for base in ${1:-origin/main main}; do
    git rev-parse --verify --quiet "$base^{commit}" >/dev/null || continue
    long=$(git log --no-merges --format='%h %s' "$base..HEAD" | awk '{ s = $0; sub(/^[^ ]+ /, "", s); if (length(s) > 72) print }')
    if [ -n "$long" ]; then
        printf 'Commit subjects over 72 characters (git rebase --interactive %s, then reword):\n%s\n' "$base" "$long" >&2
        exit 1
    fi
    exit 0
done

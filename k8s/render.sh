#!/bin/sh
# Writes k8s/rendered/ with the real kustomize: base, and each overlay. `--check` only compares, and ends with 1 when
# the files are not what kustomize makes of the sources, with 3 when there is no kustomize to ask.
set -eu
cd "$(dirname "$0")"

render() {
  if command -v kustomize >/dev/null; then
    kustomize build "$1"
  elif command -v kubectl >/dev/null; then
    kubectl kustomize "$1"
  elif command -v go >/dev/null; then
    go run sigs.k8s.io/kustomize/kustomize/v5@v5.7.1 build "$1"
  else
    echo 'render.sh: expected kustomize, kubectl or go on the PATH, found none: install one' >&2
    exit 3
  fi
}

target=rendered
if [ "${1:-}" = --check ]; then
  target=$(mktemp -d)
  trap 'rm -r "$target"' EXIT
fi
mkdir -p "$target"
for source in base overlays/*; do
  render "$source" >"$target/$(basename "$source").yaml"
done
if [ "$target" != rendered ] && ! diff -ru rendered "$target"; then
  echo 'render.sh: k8s/rendered/ is not what the sources give: run k8s/render.sh and commit' >&2
  exit 1
fi

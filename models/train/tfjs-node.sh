#!/usr/bin/env bash
# Builds TensorFlow.js' native backend for `weir train --backend native`: the npm package, and TensorFlow's C library out of
# the Python wheel, from the package registries alone. It changes nothing but node_modules/@tensorflow of one folder.
#
#   models/train/tfjs-node.sh [FOLDER]      the folder that has node_modules; default: this repository
#
# Needs Linux on x86-64, node, npm, g++, and python3 with pip. About 900 MB, a minute.
set -euo pipefail

tfjs=4.22.0
tensorflow=2.15.1
headers=1.9.0
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
folder=$(cd "${1:-$root}" && pwd)
package=$folder/node_modules/@tensorflow/tfjs-node
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ "$(uname -s)-$(uname -m)" != Linux-x86_64 ]; then
  echo "tfjs-node.sh: expected Linux on x86-64, found $(uname -s) on $(uname -m): use --backend wasm" >&2
  exit 2
fi
for tool in node npm g++ python3; do
  command -v "$tool" >/dev/null || { echo "tfjs-node.sh: expected $tool on the PATH, found none" >&2; exit 2; }
done

# Its own install script would fetch a library from elsewhere, and deletes deps/ first: it must not run, now or later.
# Without --save-prod npm takes it for the optional peer that it is here, and installs nothing.
(cd "$folder" && npm install --no-save --save-prod --no-audit --no-fund --ignore-scripts \
  "@tensorflow/tfjs-node@$tfjs" "node-api-headers@$headers")

python3 -m pip download --quiet --no-deps --only-binary :all: --python-version 3.11 \
  --platform manylinux2014_x86_64 --dest "$work" "tensorflow-cpu==$tensorflow"
python3 - "$work" "$package/deps" <<'PYTHON'
import pathlib, sys, zipfile
work, deps = map(pathlib.Path, sys.argv[1:])
with zipfile.ZipFile(next(work.glob('*.whl'))) as wheel:
    for name in wheel.namelist():
        path = pathlib.PurePosixPath(name)
        if path.name in ('libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'):
            out = deps / 'lib' / path.name
        elif name.startswith(('tensorflow/include/tensorflow/', 'tensorflow/include/tsl/')) and path.suffix == '.h':
            out = deps.joinpath('include', *path.parts[2:])
        else:
            continue
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(wheel.read(name))
PYTHON

cd "$package"
for name in tensorflow tensorflow_framework; do
  of=$name
  [ "$name" = tensorflow ] && of=tensorflow_cc
  ln -sf "lib$of.so.2" "deps/lib/lib$name.so"
  [ "$of" = "$name" ] || ln -sf "lib$of.so.2" "deps/lib/lib$name.so.2"
done
mkdir -p lib/napi-v8
g++ -std=c++17 -O2 -fPIC -shared -DNAPI_VERSION=8 -DBUILDING_NODE_EXTENSION \
  -I"$folder/node_modules/node-api-headers/include" -Ideps/include -I.. \
  binding/*.cc -o lib/napi-v8/tfjs_binding.node \
  -Ldeps/lib -ltensorflow -ltensorflow_framework "-Wl,-rpath,\$ORIGIN/../../deps/lib"

cd "$folder"
TF_CPP_MIN_LOG_LEVEL=1 node -e "
const tf = require('@tensorflow/tfjs-node')
console.log('tfjs-node ' + tf.version['tfjs-node'] + ' is ready: weir train --backend native')
"

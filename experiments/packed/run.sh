#!/usr/bin/env bash
# Trains on a machine without network or package index, and benchmarks the step.
#
#   experiments/packed/run.sh CONFIG.json RECIPE.json PHOTOGRAPHS SECONDS [ARGUMENT ...]
#
# SECONDS are those of the training's steps; the machine is busy for some minutes more.
# ARGUMENTs go to experiments.packed.train, such as --config.training.seed=1 or
# --resume FILE. WORKDIR says where the training goes (default: runs/packed), and OUT, if
# it is set, a folder for at most 8 files of at most 15 MB: log, pictures, speeds, the
# model, and the whole state in pieces where there is room. STEPS=N trains N steps instead of as many
# as fit into SECONDS. BENCHMARK=1 also compares the paper's network with PyTorch.
set -euo pipefail
config=$1 recipe=$2 photographs=$3 seconds=$4
shift 4
workdir=${WORKDIR:-runs/packed} piece=15000000
python=${PYTHON:-python3}
export PYTHONUNBUFFERED=1 PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"

# The versions in a model's record are those of installed packages.
if ! "$python" -c 'import importlib.metadata as m; m.version("jaxcolor")' 2> /dev/null
then
    "$python" -m pip install -q --no-index --no-deps --no-build-isolation -e .
fi

mkdir -p "$workdir"
arguments=(--config "$config" --recipe "$recipe" --photographs "$photographs")
steps=${STEPS:-}
if [ -z "$steps" ]; then
    "$python" -m experiments.packed.train "${arguments[@]}" --workdir "$workdir" \
        --seconds "$seconds" --measure "$workdir/speed.json" "$@"
    steps=$("$python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["steps"])' \
        "$workdir/speed.json")
fi
length=$("$python" -c 'import json, sys
schedule = json.load(open(sys.argv[1]))["schedule"]
print("yes" if "length" in schedule else "")' "$config")
# Twice the time: the steps decide, unless something goes wrong.
"$python" -m experiments.packed.train "${arguments[@]}" --workdir "$workdir" "$@" \
    --config.training.steps="$steps" \
    ${length:+--config.schedule.length="$steps"} \
    --seconds "$((2 * seconds))" || status=$?

if [ -n "${BENCHMARK:-}" ]; then
    timeout 240 "$python" -m experiments.benchmarks.run step --rounds 3 \
        > "$workdir/benchmark.txt" || true
fi

if [ -n "${OUT:-}" ]; then
    tar -C "$workdir" -cf - --exclude model --exclude state.safetensors . \
        | gzip > "$OUT/records.tar.gz"
    if [ -d "$workdir/model" ]; then
        tar -C "$workdir" -cf - model | split -b "$piece" - "$OUT/model.tar."
    fi
    state=$workdir/state.safetensors
    used=$(find "$OUT" -type f | wc -l)
    if [ -f "$state" ] && [ $(($(stat -c %s "$state") / piece + 1 + used)) -le 8 ] \
        && [ $(($(stat -c %s "$state") + $(du -sb "$OUT" | cut -f1))) -le 66000000 ]
    then
        split -b "$piece" "$state" "$OUT/state.safetensors."
    fi
    ls -l "$OUT"
fi
exit "${status:-0}"

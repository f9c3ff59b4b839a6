#!/bin/bash
# The paper's five models as printed, three seeds: sets, AlignNets, networks, tables, figures.
# Stopped or killed, the same command goes on where it was. What it wants: README.md.
#   runs/paper/paper.sh OUT CLIPS                                  all of it, on a GPU
#   SCALE=.001 SIZE=32 MOST=8 runs/paper/paper.sh OUT CLIPS        a rehearsal, on a CPU
#   SCALE=.001 STEPS=.0001 SIZE=32 … runs/paper/paper.sh …         a shorter one
set -euo pipefail

out=${1:?usage: paper.sh OUT CLIPS}
clips=${2:?usage: paper.sh OUT CLIPS (a folder of talking heads)}
scale=${SCALE:-1}            # share of the people of every set
steps=${STEPS:-$scale}       # share of the steps of every stage
size=${SIZE:-128}            # side of the crops
most=${MOST:-31}             # frames of a clip: the paper has 25 to 35
seeds=${SEEDS:-0 1 2}
workers=${WORKERS:-2}        # processes that make sets and batches
assets=${ASSETS:+--assets $ASSETS}              # a folder of `illures assets import`
envs=${ASSETS:+--envs $ASSETS/envs/envmaps.npz}
yale=${YALE:+--yale $YALE}   # Extended Yale B, to measure on, never trained on
here=$(dirname "$0")

mkdir -p "$out"
exec > >(tee -a "$out/log.txt") 2>&1
say() { echo "$(date -u +%H:%M:%S) $*"; }

say "scale $scale, steps $steps, ${size}², seeds $seeds"
python "$here/count.py" --scale "$steps"

for recipe in sfsnet-syn expre-syn caric-syn align-albedo align-normals; do
  say "set $recipe"
  # shellcheck disable=SC2086
  illures synth "$recipe" --out "$out/sets/$recipe" --scale "$scale" --size "$size" \
    --workers "$workers" $assets
done
say "set videos"  # at the paper's size or more: smaller crops look blurred, and are left out
illures videos "$clips" --out "$out/sets/videos" --size $((size > 128 ? size : 128)) \
  --most "$most" || say "some clips could not be used"

for seed in $seeds; do
  say "seed $seed"
  # shellcheck disable=SC2086
  illures train ablations --recipe paper --scale "$steps" --size "$size" --seed "$seed" \
    --data "$out"/sets/* --out "$out/seed-$seed" --workers "$workers" $envs $yale
done
say "tables: $out/seed-*/table.md, figures: $out/seed-*/figure.png"
python "$here/spread.py" "$out" | tee "$out/table.md"

"""How many pictures the printed schedule is, and how fast it has to go: python runs/paper/count.py

Prints steps and pictures of every run of the five models, and the pictures a second that take an
hour and a quarter of an hour."""

import argparse

from illures_nb.measure.ablations import LABELLER, RUNS, planned
from illures_nb.train.streams import STREAMS

PAIRS = ("pairs", "videos", "align-albedo", "align-normals")  # two pictures, or maps, each


def pictures(stage):
    "Count what all networks of a stage are shown."
    shown = sum(share * (2 if name in PAIRS else 1) for name, share in stage.streams.items())
    return round(stage.steps * stage.batch * shown)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the schedule")
    parser.add_argument("--preset", default="paper", help="the network (default: paper)")
    args = parser.parse_args()
    total = 0
    print(f"{'run':14}{'stage':15}{'network':10}{'steps':>9}{'batch':>7}{'pictures':>12}")
    for name in (LABELLER.preset, *RUNS):
        stage = planned(name, args.preset, args.scale, recipe=("paper",))
        count = pictures(stage)
        total += count
        network = "AlignNet" if name.startswith("align") else stage.preset
        print(f"{name:14}{stage.name:15}{network:10}{stage.steps:9,}{stage.batch:7}{count:12,}")
    assert set(PAIRS) <= set(STREAMS)
    hour, quarter = total / 3600, total / 900
    print(f"{'together':55}{total:12,}")
    print(f"one seed in an hour: {hour:,.0f} pictures a second, in fifteen minutes: {quarter:,.0f}")


if __name__ == "__main__":
    main()

"""Average two trainings of the network of the person: `mean.py FIRST SECOND OUT`.

The second must have started from the first."""

import argparse
from pathlib import Path

import torch

from illures_nb.networks import read_weights, save_weights
from illures_nb.portrait import Portrait


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    (about, first), (later, second) = read_weights(args.first), read_weights(args.second)
    net = Portrait()
    net.load_state_dict(
        {name: torch.lerp(x.float(), second[name].float(), 0.5) for name, x in first.items()}
    )
    blend = f"0.5 of {about['steps']} steps, 0.5 of {later['steps']} steps"
    save_weights(args.out, net, later | {"blend": blend})


if __name__ == "__main__":
    main()

"""The five models over several seeds: python runs/paper/spread.py OUT > OUT/table.md

Reads OUT/seed-*/MODEL/measured.json, as `illures train ablations` leaves them."""

import argparse
import json
from pathlib import Path

import numpy as np

from illures_nb.measure.ablations import ABLATIONS
from illures_nb.measure.pages import markdown

COLUMNS = {  # set → figures, as in measure/80_ablations
    "synthetic": ("normals", "albedo", "recon", "std_log", "cross"),
    "yale": ("rot", "albedo", "std_log", "rmse"),
}


def figures(out, model, kind):
    "Return figure → values over the seeds."
    files = sorted(Path(out).glob(f"seed-*/{model}/measured.json"))
    rows = [json.loads(file.read_text())[kind] for file in files]
    return {name: [row[name] for row in rows if name in row] for name in COLUMNS[kind]}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="what paper.sh wrote")
    args = parser.parse_args()
    for kind, columns in COLUMNS.items():
        rows = []
        for model in ABLATIONS:
            found = figures(args.out, model, kind)
            if not all(found.values()):
                continue
            said = {k: f"{np.mean(v):.3f} ± {np.std(v):.3f}" for k, v in found.items()}
            rows.append({"name": model, "seeds": len(found[columns[0]])} | said)
        if rows:
            print(
                f"## {kind}\n\n{markdown(rows, {'seeds': 'd'} | dict.fromkeys(columns, 's'), {})}\n"
            )


if __name__ == "__main__":
    main()

"""Train the network of the tone on the cues that look.py wrote.

Every tenth file teaches nothing but the curve that spreads the answers again. Goes on from
OUT/state.pt; writes OUT/tone-CUES.safetensors, float16."""

import argparse
import math
from pathlib import Path

import numpy as np
import torch

from illures_nb.colour import LUMINANCE
from illures_nb.networks import save_weights
from illures_nb.tone import CUES, ToneNet

BATCH = 256  # pictures of a member and a step
EVERY = 100  # steps between checkpoints
FOLLOWED = 0.5  # of the curve: all of it trades 1.1° more of mean error for 2.4° less of bias
GROUPS = -181, -30, 10, 28, 41, 55, 181  # degrees of the six names of skins
TO_XYZ = torch.tensor(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.072175],
        [0.0193339, 0.119192, 0.9503041],
    ]
)


def lab(log_albedo):
    "CIELAB of logarithms of linear albedo."
    relative = log_albedo.exp() @ TO_XYZ.T / TO_XYZ.sum(1)
    curved = relative.clamp_min(1e-6) ** (1 / 3)
    f = torch.where(relative > (6 / 29) ** 3, curved, relative * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = f.unbind(-1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def angle(colour):
    "Individual typology angle, degrees."
    return torch.rad2deg(torch.atan2(colour[..., 0] - 50, colour[..., 2]))


class Skins:
    "Cues and true tones of all files but every tenth, or of every tenth."

    def __init__(self, files):
        parts = [np.load(file) for file in files]
        arrays = (np.concatenate([part[n] for part in parts]) for n in ("cues", "tone", "grey"))
        self.cues, tone, self.grey = (torch.from_numpy(x) for x in arrays)
        self.log_albedo = tone.clamp_min(1e-3).log()

    def __len__(self):
        return len(self.grey)


def distances(one, other, coloured):
    "Mean CIELAB distance; of lightness alone where there is no colour."
    weight = torch.stack([torch.ones_like(coloured), coloured, coloured], -1)
    return ((one - other).square() * weight).sum(-1).add(0.5).sqrt().mean()


def group_errors(off, true, coloured, share):
    "Sum over groups of skins of the size of their mean error."
    total = off.new_zeros(())
    for low, high in zip(GROUPS, GROUPS[1:]):
        inside = coloured * ((true >= low) & (true < high)).float()
        total = total + ((off * inside).sum() / (inside.sum() + 2)).abs()
    return share * total


def loss(told, true, grey, balance):
    "Distance, angle, agreement of two exposures, balance of the groups."
    coloured = 1 - grey.float()
    one, other = (lab(x) for x in told)
    meant = lab(true)
    off = [angle(x) - angle(meant) for x in (one, other)]
    total = sum(distances(x, meant, coloured) for x in (one, other)) / 2
    total = total + 0.3 * (coloured * sum(x.abs() for x in off) / 2).mean()
    total = total + 0.5 * distances(one, other, coloured)
    return total + group_errors(sum(off) / 2, angle(meant), coloured, balance)


class Run:
    "The members of the network and their optimiser, saved together."

    def __init__(self, net, skins, args):
        torch.manual_seed(0)
        self.net, self.skins, self.args, self.step = net, skins, args, 0
        self.inputs = net.standard(skins.cues)
        self.steps = args.rounds * len(skins) // BATCH
        self.optimiser = torch.optim.AdamW(net.parameters(), args.lr, weight_decay=args.decay)
        self.file = args.out / "state.pt"
        if self.file.exists():
            state = torch.load(self.file, weights_only=True)
            self.step = state["step"]
            net.load_state_dict(state["net"])
            self.optimiser.load_state_dict(state["optimiser"])

    def save(self):
        parts = {name: getattr(self, name).state_dict() for name in ("net", "optimiser")}
        torch.save(parts | {"step": self.step}, self.file.with_suffix(".part"))
        self.file.with_suffix(".part").replace(self.file)

    def learn(self):
        "Take one step: every member on pictures of its own, each in two exposures."
        for group in self.optimiser.param_groups:
            fall = 0.01 + 0.495 * (1 + math.cos(math.pi * self.step / self.steps))
            group["lr"] = self.args.lr * fall
        told, chosen = [], []
        for member in self.net.members:
            rows = torch.randint(len(self.skins), (BATCH,))
            pair = torch.randint(self.inputs.shape[1], (2, BATCH))
            x = torch.stack([self.inputs[rows, k] for k in pair])
            told.append(member(x + self.args.noise * torch.randn_like(x)) + self.net.usual)
            chosen.append(rows)
        rows = torch.cat(chosen)
        true, grey = self.skins.log_albedo[rows], self.skins.grey[rows]
        error = loss(torch.cat(told, 1), true, grey, self.args.balance)
        self.optimiser.zero_grad()
        error.backward()
        self.optimiser.step()
        self.step += 1
        return float(error.detach())


@torch.no_grad()
def spread(net, skins):
    "Fit the curve that takes what is told to what is meant, on average over each group."
    weights = torch.from_numpy(LUMINANCE).float()
    told = net(skins.cues[:, 0])
    said, true = ((x.exp() @ weights).log() for x in (told, skins.log_albedo))
    return said, true


def curve(said, true, points):
    "A rising curve through the mean of what is said, over what is true, (points,) twice."
    edges = torch.quantile(true, torch.linspace(0, 1, points + 1))
    x, y = [], []
    for low, high in zip(edges, edges[1:]):
        inside = (true >= low) & (true <= high)
        x.append(said[inside].mean())
        y.append(true[inside].mean())
    return torch.stack(x), torch.stack(y)


@torch.no_grad()
def report(net, skins):
    "Errors by group; how far the other exposures are off the first."
    seen = ~skins.grey
    told = [lab(net(skins.cues[seen, k])) for k in range(skins.cues.shape[1])]
    meant = lab(skins.log_albedo[seen])
    off, true = angle(told[0]) - angle(meant), angle(meant)
    text = f"ITA {off.abs().mean():.1f}, ΔE {(told[0] - meant).norm(dim=1).mean():.1f}; "
    means = []
    for low, high in reversed(list(zip(GROUPS, GROUPS[1:]))):
        inside = (true >= low) & (true < high)
        means.append(off[inside].mean())
        text += f"{off[inside].mean():+.1f}/{off[inside].abs().mean():.1f} "
    text += f"bias {torch.stack(means).std(correction=0):.1f}; exposures"
    for other in told[1:]:
        apart = (other - told[0]).norm(dim=1)
        text += f" {apart.mean():.1f} ({(apart < 6).float().mean():.0%})"
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cues", type=Path, help="folder of look.py")
    parser.add_argument("out", type=Path)
    parser.add_argument("--rounds", type=int, default=60, help="over all pictures")
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--decay", type=float, default=0.05)
    parser.add_argument("--noise", type=float, default=0.15, help="added to cues")
    parser.add_argument("--drop", type=float, default=0.3)
    parser.add_argument("--hidden", type=int, default=96)
    parser.add_argument("--balance", type=float, default=0.0)
    parser.add_argument("--held", type=Path, help="cues of people to report on")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    files = sorted(f for f in args.cues.glob("*.npz") if "part" not in f.name)
    skins, others = Skins([f for k, f in enumerate(files) if k % 10 != 9]), Skins(files[9::10])
    net = ToneNet(args.hidden, args.drop)
    flat = skins.cues.reshape(-1, CUES).numpy()
    net.mean.copy_(torch.from_numpy(np.nanmean(flat, 0)))
    net.deviation.copy_(torch.from_numpy(np.nanstd(flat, 0) + 1e-3))
    net.usual.copy_(skins.log_albedo.mean(0))
    run = Run(net, skins, args)
    net.train()
    while run.step < run.steps:
        error = run.learn()
        if run.step % EVERY == 0 or run.step == run.steps:
            print(f"step {run.step} of {run.steps}: {error:.2f}", flush=True)
            run.save()
    net.eval()
    print("before the curve:", report(net, others))
    said, meant = curve(*spread(net, others), len(net.said))
    if (said.diff() > 0).all():
        net.said.copy_(said)
        net.meant.copy_(said + FOLLOWED * (meant - said))
    print("after it:        ", report(net, others), "\n", said, meant)
    if args.held:
        print("held out:        ", report(net, Skins(sorted(args.held.glob("*[0-9].npz")))))
    what = {"size": CUES, "steps": run.steps, "pictures": len(skins)}
    save_weights(args.out / f"tone-{CUES}.safetensors", net, what)


if __name__ == "__main__":
    main()

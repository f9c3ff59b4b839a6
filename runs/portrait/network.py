"The network of the whole person."

import torch
import torch.nn.functional as F
from torch import nn

WIDTHS = (24, 32, 64, 128, 192, 224)  # channels at S, S/2 … S/32
BLOCKS = (0, 1, 2, 2, 2)  # residual blocks after each halving


def conv_norm(i, o, k=3, s=1, act=True):
    "A convolution, batch-norm, and ReLU if asked."
    layers = [nn.Conv2d(i, o, k, s, k // 2, bias=False), nn.BatchNorm2d(o)]
    return nn.Sequential(*layers, *([nn.ReLU(True)] if act else []))


class Block(nn.Module):
    "Two convolutions and a way around them."

    def __init__(self, c):
        super().__init__()
        self.f = nn.Sequential(conv_norm(c, c), conv_norm(c, c, act=False))

    def forward(self, x):
        return F.relu(x + self.f(x))


class Portrait(nn.Module):
    "Head and shoulders, and what is known of the face, in; albedo, normals and matte out."

    def __init__(self):
        super().__init__()
        pairs = list(zip(WIDTHS, WIDTHS[1:]))
        self.stem = conv_norm(10, WIDTHS[0])
        self.down = nn.ModuleList(
            nn.Sequential(conv_norm(a, b, s=2), *[Block(b) for _ in range(n)])
            for (a, b), n in zip(pairs, BLOCKS)
        )
        self.lateral = nn.ModuleList(conv_norm(b, a, k=1, act=False) for a, b in pairs)
        after = [nn.Identity(), conv_norm(WIDTHS[1], WIDTHS[1])]
        self.up = nn.ModuleList(after + [Block(c) for c in WIDTHS[2:5]])
        self.squeeze = nn.Sequential(nn.Linear(WIDTHS[-1], WIDTHS[-1]))
        self.heads = nn.Sequential(conv_norm(WIDTHS[0], 32), nn.Conv2d(32, 7, 3, padding=1))
        nn.init.normal_(self.heads[-1].weight, std=0.01)
        nn.init.zeros_(self.heads[-1].bias)

    def forward(
        self,
        image,  # (B,3,S,S) sRGB in [0,1], S divisible by 32
        albedo,  # (B,3,S,S) sRGB of the face, from the face's network
        normals,  # (B,3,S,S) unit, of the face
        region,  # (B,1,S,S) where these hold, 0 to 1
    ):  # albedo (B,3,S,S) linear, normals (B,3,S,S) unit, logit of the matte (B,1,S,S)
        x = torch.cat([image * 2 - 1, (albedo * 2 - 1) * region, normals * region, region], 1)
        skips, h = [], self.stem(x)
        for down in self.down:
            skips.append(h)
            h = down(h)
        h = h + self.squeeze(h.mean((2, 3)))[..., None, None]
        for lateral, up, skip in list(zip(self.lateral, self.up, skips))[::-1]:
            h = F.interpolate(lateral(h), scale_factor=2, mode="bilinear", align_corners=False)
            h = up(F.relu(h + skip))
        albedo, normals, matte = self.heads(h).float().split((3, 3, 1), 1)
        towards_viewer = normals.new_tensor([0, 0, 0.5])[:, None, None]
        return torch.sigmoid(albedo - 1.2), F.normalize(normals + towards_viewer, dim=1), matte

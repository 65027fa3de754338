"""Prior-guided fusion (PGF): what a hand's keypoints leave in doubt is looked up in crops of the picture.

Paper section 3.3 and the released `models.py` (commit 2c9028f), for all crops of a batch at once. Suffixes: k crops of
a hand, v joints, c channels, p places of a crop's features (row by row), g groups, x the two numbers of a place.

Two things differ from the released code.

* **The gate can learn.** There both its convolutions start at zero; where tanh gives exactly 0 ReLU passes no gradient,
  so none of the parameters of this branch ever moves. Here the last bias starts at a small positive value and the
  weights at small random ones, so that every parameter that is used is reached by the first step.
* Outside training, crops go through in groups of one padded size, so that no bit depends on the batch; and bilinear
  sampling is a product with a matrix, since CUDA has no repeatable gradient of `grid_sample`.

In training the backbone's batch norms take their statistics from the crops of the batch, those of each hand apart, as
released; there they are shared by all GPUs (synchronised batch norm), here they are those of the one device.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from slbench.modeling.uni_sign.config import RGBConfig
from slbench.modeling.uni_sign.efficientnet import STRIDE, EfficientNetFeatures
from slbench.modeling.uni_sign.graph import pointwise

RGB_NAMES = (
    "rgb_support_backbone.", "rgb_proj.", "fusion_pose_rgb_linear.", "fusion_pose_rgb_DA.", "fusion_gate.",
)  # fmt: skip
"""How the names begin that pictures add to a checkpoint."""
CROPS_AT_ONCE = 8
"""Outside training, crops go through the network in groups of so many, the last one filled up: libraries choose kernels
by the size of a batch, and these sum in different orders."""
OFFSET_REACH = 4 / 6
"""How far a joint may look from where it lies, in half widths of the crop."""
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and deviation of red, green and blue."""
JOINTS = 21
"""Of a hand."""
_GATE_STD = 0.01
_MADE_UP_CROPS = 64


@dataclass(frozen=True)
class HandViews:
    """Crops of one hand of a batch.

    Attributes:
        frames_k: the packed frame that each crop is of.
        clips_k: the clip that it is of.
        crops_k3hw: normalised pictures.
        places_kvx: joints in the crop, x and y within [0, 1].
    """

    frames_k: Tensor
    clips_k: Tensor
    crops_k3hw: Tensor
    places_kvx: Tensor


def normalised(crops: Tensor) -> Tensor:
    """Pictures (k, 3, H, W) of bytes as networks trained on ImageNet see them."""
    mean, deviation = (torch.tensor(values, device=crops.device)[:, None, None] for values in IMAGENET)
    return (crops / 255 - mean) / deviation


def sinusoid(places: int, channels: int, device: torch.device) -> Tensor:
    """(places, channels): sines in even, cosines in odd channels, of place / 10000^(2 (channel // 2) / channels)."""
    channel_c = torch.arange(channels, device=device)
    angles_pc = torch.arange(places, device=device)[:, None] / 10000 ** (channel_c // 2 * 2 / channels)
    return torch.where(channel_c % 2 == 0, angles_pc.sin(), angles_pc.cos())


def bilinear(places: Tensor, side: int) -> Tensor:
    """(..., side * side): how much each place of a square grid counts at points (..., 2) of [-1, 1]; 0 outside.

    As `grid_sample` with `align_corners=False` and zeros as padding.
    """
    x, y = ((places + 1) * (side / 2) - 0.5).unbind(-1)
    cells = torch.arange(side, device=places.device)
    columns, rows = (F.relu(1 - (at[..., None] - cells).abs()) for at in (x, y))
    return (rows[..., :, None] * columns[..., None, :]).flatten(-2)


class FourierCode(nn.Module):
    """Random Fourier features of a place (Tancik et al., NeurIPS 2020); the matrix is never trained."""

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, channels // 2))

    def forward(self, places: Tensor) -> Tensor:
        """(..., 2) within [0, 1] -> (..., c)."""
        angles = 2 * math.pi * ((2 * places - 1) @ self.positional_encoding_gaussian_matrix)
        return torch.cat([angles.sin(), angles.cos()], dim=-1)


class PositionBias(nn.Module):
    """Continuous position bias (Liu et al., CVPR 2022): an MLP of signed log distances."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.ModuleList(
            [nn.Sequential(nn.Linear(2, width), nn.ReLU()), nn.Sequential(nn.Linear(width, width), nn.ReLU())]
        )
        self.mlp.append(nn.Linear(width, 1))

    def forward(self, asking: Tensor, asked: Tensor) -> Tensor:
        """(..., v, 2) and (..., w, 2) -> (..., v, w)."""
        distances = asking[..., :, None, :] - asked[..., None, :, :]
        x = distances.sign() * (distances.abs() + 1).log()
        for layer in self.mlp:
            x = layer(x)
        return x[..., 0]


class PriorGuidedAttention(nn.Module):
    """Cross attention of joints to a crop, then deformable attention around each joint's place in it."""

    def __init__(self, channels: int, heads: int, groups: int) -> None:
        super().__init__()
        self.groups = groups
        narrow = channels // groups
        self.to_offsets = nn.Sequential(
            nn.Conv1d(narrow, narrow, 1, groups=narrow), nn.GELU(), nn.Conv1d(narrow, 2, 1, bias=False)
        )
        self.rel_pos_bias = PositionBias(max(1, channels // 4))
        self.to_q = nn.Conv1d(channels, channels, 1, groups=groups, bias=False)
        self.to_k = nn.Conv2d(channels, channels, 1, groups=groups, bias=False)
        self.to_v = nn.Conv2d(channels, channels, 1, groups=groups, bias=False)
        self.to_out = nn.Conv1d(channels, channels, 1)
        self.cross_attn = nn.MultiheadAttention(channels, heads, batch_first=True)
        self.pe_layer = FourierCode(channels)

    def forward(self, joints_kvc: Tensor, crops_kchw: Tensor, places_kvx: Tensor) -> Tensor:
        """What the crop says of each joint: fused_kvc.

        Args:
            joints_kvc: features of the joints.
            crops_kchw: features of the crops, as high as wide.
            places_kvx: joints in the crop, within [0, 1].
        """
        crops, joints, channels = joints_kvc.shape
        asking_kvc = joints_kvc + self.attended(joints_kvc, crops_kchw, places_kvx)
        queries_kgdv = self.to_q(asking_kvc.transpose(1, 2)).unflatten(1, (self.groups, -1))
        prior_k1vx = self.prior(places_kvx)[:, None]
        sampled_kgvx = prior_k1vx + self.offsets(queries_kgdv)
        seen_kcv1 = self.looked_up(crops_kchw, sampled_kgvx)
        keys_kgdv, values_kgdv = (
            layer(seen_kcv1).view(crops, self.groups, -1, joints) for layer in (self.to_k, self.to_v)
        )
        weights_kgvw = (queries_kgdv * (channels // self.groups) ** -0.5).transpose(2, 3) @ keys_kgdv
        weights_kgvw = (weights_kgvw + self.rel_pos_bias(prior_k1vx, sampled_kgvx)).softmax(-1)
        found_kgdv = values_kgdv @ weights_kgvw.transpose(2, 3)
        return self.to_out(found_kgdv.flatten(1, 2)).transpose(1, 2)  # type: ignore[no-any-return]

    def attended(self, joints_kvc: Tensor, crops_kchw: Tensor, places_kvx: Tensor) -> Tensor:
        """What joints find by content; where they lie is in their questions, where a place lies in its answer."""
        tokens_kpc = crops_kchw.flatten(2).transpose(1, 2)
        tokens_kpc = tokens_kpc + sinusoid(tokens_kpc.shape[1], tokens_kpc.shape[2], tokens_kpc.device)
        questions_kvc = joints_kvc + self.pe_layer(places_kvx)
        found_kvc: Tensor = self.cross_attn(questions_kvc, tokens_kpc, tokens_kpc, need_weights=False)[0]
        return found_kvc

    def prior(self, places: Tensor) -> Tensor:
        """The joint's place as the crop's features have it, within [-1, 1]."""
        return 2 * places - 1

    def offsets(self, queries_kgdv: Tensor) -> Tensor:
        """How far from its place each joint looks, in each group: offsets_kgvx."""
        moves: Tensor = self.to_offsets(queries_kgdv.flatten(0, 1)).tanh() * OFFSET_REACH
        return moves.view(*queries_kgdv.shape[:2], *moves.shape[1:]).transpose(2, 3)

    def looked_up(self, crops_kchw: Tensor, sampled_kgvx: Tensor) -> Tensor:
        """Each group's features at its sampled places: seen_kcv1."""
        crops, channels, side, _ = crops_kchw.shape
        grouped_kgdp = crops_kchw.reshape(crops, self.groups, channels // self.groups, side * side)
        weights_kgvp = bilinear(sampled_kgvx, side).to(grouped_kgdp.dtype)
        seen_kgdv: Tensor = grouped_kgdp @ weights_kgvp.transpose(2, 3)
        return seen_kgdv.flatten(1, 2)[..., None]


class Gate(nn.Sequential):
    """How far each joint listens to its crop, from 0 to 1."""

    def __init__(self, channels: int, bias: float) -> None:
        first, last = nn.Conv1d(2 * channels, channels, 1), nn.Conv1d(channels, 1, 1)
        nn.init.normal_(last.weight, std=_GATE_STD)
        nn.init.constant_(last.bias, bias)  # type: ignore[arg-type]
        super().__init__(first, nn.GELU(), last, nn.Tanh(), nn.ReLU())

    def forward(self, both_kvc: Tensor) -> Tensor:
        """[fused, joint] -> opening_kv.

        As products with rows: as a convolution to one channel, a joint's last bits would depend on where in the
        batch it lies.
        """
        x = both_kvc
        for layer in self:
            x = pointwise(layer, x) if isinstance(layer, nn.Conv1d) else layer(x)
        return x[..., 0]


@dataclass(frozen=True)
class Openings:
    """How far the gate was open for both hands of a batch.

    Attributes:
        clips_k: the clip that each crop is of.
        opening_kv: from 0, the crop changes nothing, to 1.
    """

    clips_k: Tensor
    opening_kv: Tensor

    def means(self, clips: int) -> list[float]:
        """Mean over the joints of each of so many clips, NaN where none was looked at."""
        clips_k, opening_k = self.clips_k.cpu(), self.opening_kv.detach().cpu().double().mean(-1)
        sums_b = torch.zeros(clips, dtype=torch.double).index_add(0, clips_k, opening_k)
        means: list[float] = (sums_b / torch.bincount(clips_k, minlength=clips)).tolist()
        return means


class HandFusion(nn.Module):
    """The modules that pictures need. A base class of the network, since released names put them at its top.

    `fusion_pose_rgb_linear` is in the checkpoints and used by nothing, so it has no gradient.
    """

    def add_fusion(self, channels: int, config: RGBConfig) -> None:
        """Build them for joints of so many channels."""
        features = EfficientNetFeatures(config.width, config.depth, config.stochastic_depth)
        self.crop_size = config.crop_size
        self.rgb_support_backbone = nn.Sequential(features)
        self.rgb_proj = nn.Conv2d(features.channels, channels, 1)
        self.fusion_pose_rgb_linear = nn.Linear(channels, channels)
        self.fusion_pose_rgb_DA = PriorGuidedAttention(channels, config.heads, config.groups)
        self.fusion_gate = Gate(channels, config.gate_bias)

    def begin_gate(self, config: RGBConfig) -> None:
        """Give the gate the weights of a fresh one; by chance, as these are."""
        fresh = Gate(self.rgb_proj.out_channels, config.gate_bias)
        self.fusion_gate.load_state_dict(fresh.state_dict())

    def fused(self, x_nvc: Tensor, views: HandViews) -> tuple[Tensor, Tensor]:
        """The hand's features with those at the frames that were looked at replaced, and the gate's opening_kv."""
        joints_kvc = x_nvc.index_select(0, views.frames_k)
        if self.training:
            new_kvc, opening_kv = self._looked(joints_kvc, views.crops_k3hw, views.places_kvx)
        else:
            new_kvc, opening_kv = self._in_groups(joints_kvc, views.crops_k3hw, views.places_kvx)
        return x_nvc.index_copy(0, views.frames_k, new_kvc.to(x_nvc.dtype)), opening_kv

    def _in_groups(self, *inputs_k: Tensor) -> tuple[Tensor, Tensor]:
        crops = len(inputs_k[0])
        filled = [torch.cat([x_k, x_k[:1].expand(-crops % CROPS_AT_ONCE, *x_k.shape[1:])]) for x_k in inputs_k]
        groups = zip(*(x_k.split(CROPS_AT_ONCE) for x_k in filled), strict=True)  # type: ignore[no-untyped-call]
        new, openings = zip(*(self._looked(*group) for group in groups), strict=True)
        return torch.cat(new)[:crops], torch.cat(openings)[:crops]

    def _looked(self, joints_kvc: Tensor, crops_k3hw: Tensor, places_kvx: Tensor) -> tuple[Tensor, Tensor]:
        return self.mixed(joints_kvc, self.rgb_proj(self.rgb_support_backbone(crops_k3hw)), places_kvx)

    def mixed(self, joints_kvc: Tensor, crops_kchw: Tensor, places_kvx: Tensor) -> tuple[Tensor, Tensor]:
        """Gate * fused + (1 - gate) * joint, as new_kvc, and the gate's opening_kv."""
        fused_kvc = self.fusion_pose_rgb_DA(joints_kvc, crops_kchw, places_kvx)
        opening_kv = self.fusion_gate(torch.cat([fused_kvc, joints_kvc], dim=-1))
        return joints_kvc + opening_kv[..., None] * (fused_kvc - joints_kvc), opening_kv


@torch.no_grad()
def made_up_opening(fusion: HandFusion) -> float:
    """Mean opening of the gate on features that chance makes, always the same ones."""
    weight = fusion.rgb_proj.weight
    channels, side = len(weight), fusion.crop_size // STRIDE
    generator = torch.Generator().manual_seed(0)
    shapes = (_MADE_UP_CROPS, JOINTS, channels), (_MADE_UP_CROPS, channels, side, side)
    joints, crops = (torch.randn(shape, generator=generator).to(weight) for shape in shapes)
    places = torch.rand(_MADE_UP_CROPS, JOINTS, 2, generator=generator).to(weight)
    return float(fusion.mixed(joints.relu(), crops, places)[1].mean())

"""BatchNorm folded into convolutions: the same outputs, and nothing folded that must not be."""

import pytest
import torch
from torch import nn

from aepose.models import AssociativeEmbedding
from aepose.models.fuse import fuse_conv_bn
from aepose.structures import EvalSettings
from tests.models.test_associative_embedding import ARCHITECTURES

IMAGE = torch.zeros(1, 3, 64, 64)
TOLERANCE = 1e-5  # of the largest absolute value
NORMS = (nn.BatchNorm2d, nn.SyncBatchNorm)


def randomise(network, seed=0):
    """Give a network weights that keep signals going, and BatchNorm statistics of a trained one."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(tensor, low, high):
        tensor.data.uniform_(low, high, generator=generator)

    for layer in network.modules():
        if isinstance(layer, NORMS):
            for tensor, low, high in ((layer.running_mean, -0.5, 0.5),
                                      (layer.running_var, 0.3, 3),
                                      (layer.weight, -1.5, 1.5), (layer.bias, -0.5, 0.5)):
                if tensor is not None:
                    uniform(tensor, low, high)
        elif isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            spread = (3 / layer.weight[0].numel()) ** 0.5
            uniform(layer.weight, -spread, spread)
            if layer.bias is not None:
                uniform(layer.bias, -0.5, 0.5)
    return network.eval()


def norms(network):
    return sum(isinstance(layer, NORMS) for layer in network.modules())


@torch.no_grad()
def check_same(network, left, images=None, example=IMAGE):
    """Fuse, twice; compare outputs; check how many BatchNorms are left."""
    images = torch.randn(2, 3, 128, 64) if images is None else images
    before = network(images)
    assert fuse_conv_bn(network, example) is network
    assert norms(network) == left
    once = {k: v.clone() for k, v in network.state_dict().items()}
    fuse_conv_bn(network, example)
    again = network.state_dict()
    assert once.keys() == again.keys()
    assert all(torch.equal(once[k], again[k]) for k in once)
    after = network(images)
    single = isinstance(before, torch.Tensor)
    for old, new in [(before, after)] if single else zip(before, after, strict=True):
        assert (old - new).abs().max() <= TOLERANCE * old.abs().max()
        assert old.std() > 0


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_network(make_codec, name):
    backbone, head, strides, outputs, _ = ARCHITECTURES[name]
    model = randomise(AssociativeEmbedding(
        backbone, head, make_codec(map_strides=strides), EvalSettings(outputs=outputs)))
    convolutions = {n: m for n, m in model.named_modules() if hasattr(m, "transposed")}
    assert norms(model) > 10
    check_same(model, left=0)
    assert convolutions == {n: m for n, m in model.named_modules() if hasattr(m, "transposed")}


class Net(nn.Module):
    """Layers and a function of images that uses them."""

    def __init__(self, function, **layers):
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, images):
        return self.function(self, images)


class Halved(nn.Conv2d):
    """A convolution that does more than its weights say."""

    def forward(self, images):
        return super().forward(images) / 2


def conv(**options):
    return nn.Conv2d(3, 6, 3, padding=1, **options)


def norm(**options):
    return nn.BatchNorm2d(6, **options)


def one_norm_in_two_places():
    layer = norm()
    return Net(lambda n, x: n.same(n.conv(x)), conv=conv(), bn=layer, same=layer)


def strange_names():
    """The names suggest conv1 -> bn1; the forward pass does otherwise."""
    return Net(lambda n, x: n.bn2(n.conv1(x)) * n.bn1(n.conv2(x)),
               conv1=conv(), bn1=norm(), conv2=conv(), bn2=norm())


# Name -> a network, how many BatchNorms must stay.
CASES = {
    "bias": (lambda: nn.Sequential(conv(bias=True), norm()), 0),
    "without factor and summand": (lambda: nn.Sequential(conv(), norm(affine=False)), 0),
    "large epsilon": (lambda: nn.Sequential(conv(), norm(eps=0.5)), 0),
    "groups": (lambda: nn.Sequential(conv(groups=3), norm()), 0),
    "transposed": (lambda: nn.Sequential(nn.ConvTranspose2d(3, 6, 4, 2, 1), norm()), 0),
    "transposed in groups": (
        lambda: nn.Sequential(nn.Conv2d(3, 8, 1), nn.ConvTranspose2d(8, 6, 4, 2, groups=2), norm()),
        0),
    "frozen": (lambda: nn.Sequential(conv().requires_grad_(False), norm()), 0),
    "synchronised": (lambda: nn.Sequential(conv(), nn.SyncBatchNorm(6)), 0),
    "then in place": (lambda: nn.Sequential(conv(), norm(), nn.ReLU(inplace=True)), 0),
    "by name": (lambda: Net(lambda n, x: n.bn(input=n.conv(input=x)), conv=conv(), bn=norm()), 0),
    "nothing to fold": (lambda: nn.Sequential(conv(), nn.ReLU()), 0),
    "no convolution": (lambda: nn.Sequential(nn.Conv2d(3, 6, 1), nn.ReLU(), norm()), 1),
    "strange names": (strange_names, 0),
    "one norm in two places": (one_norm_in_two_places, 0),
    "in place between": (lambda: nn.Sequential(conv(), nn.ReLU(inplace=True), norm()), 1),
    "two norms in a row": (lambda: nn.Sequential(conv(), norm(), norm()), 0),
    "two readers": (
        lambda: Net(lambda n, x: (lambda y: n.bn(y) + y)(n.conv(x)), conv=conv(), bn=norm()), 1),
    "two norms read it": (
        lambda: Net(lambda n, x: (lambda y: n.bn1(y) + n.bn2(y))(n.conv(x)),
                    conv=conv(), bn1=norm(), bn2=norm()), 2),
    "given out, too": (
        lambda: Net(lambda n, x: (lambda y: [n.bn(y), y])(n.conv(x)), conv=conv(), bn=norm()), 1),
    "a norm used twice": (
        lambda: Net(lambda n, x: n.bn(n.conv1(x)) + n.bn(n.conv2(x)),
                    conv1=conv(), conv2=conv(), bn=norm()), 1),
    "a convolution used twice": (
        lambda: Net(lambda n, x: n.bn(n.conv(x)) + n.conv(x), conv=conv(), bn=norm()), 1),
    "a view between": (
        lambda: Net(lambda n, x: n.bn(n.conv(x)[:, :, ::2]), conv=conv(), bn=norm()), 1),
    "a subclass": (lambda: nn.Sequential(Halved(3, 6, 1), norm()), 1),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_folded(name):
    make, left = CASES[name]
    check_same(randomise(make()), left)


def test_a_norm_of_the_batch_itself_stays():
    network = nn.Sequential(conv(), norm(track_running_stats=False)).eval()
    assert norms(fuse_conv_bn(network, IMAGE)) == 1


def test_shared_weights_of_another_layer_stay():
    network = Net(lambda n, x: n.bn(n.first(x)) + n.second(x), first=conv(), second=conv(),
                  bn=norm())
    network.second.weight = network.first.weight
    check_same(randomise(network), left=0)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_layout_precision_and_gradients_stay(layout):
    network = randomise(nn.Sequential(conv(bias=False).requires_grad_(False), norm()))
    network.to(memory_format=layout)
    fuse_conv_bn(network, IMAGE)
    weight, bias = network[0].weight, network[0].bias
    assert weight.is_contiguous(memory_format=layout)
    assert {p.dtype for p in (weight, bias)} == {torch.float32}
    assert not weight.requires_grad
    assert not bias.requires_grad


def test_under_autocast(make_codec):
    backbone, head, strides, outputs, _ = ARCHITECTURES["higherhrnet"]
    model = randomise(AssociativeEmbedding(
        backbone, head, make_codec(map_strides=strides),
        EvalSettings(outputs=outputs, dtype="bfloat16")))
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        before, after = model(images), fuse_conv_bn(model, images)(images)
    assert norms(model) == 0
    for old, new in zip(before, after, strict=True):
        assert (old - new).abs().max() < 0.1 * old.abs().max()


def test_a_picture_of_its_own_size():
    network = nn.Sequential(nn.Conv2d(3, 6, 100, bias=False), norm())
    check_same(randomise(network), 0, torch.randn(1, 3, 120, 110), torch.zeros(1, 3, 100, 100))


def test_a_network_in_training_mode_is_refused():
    network = nn.Sequential(conv(), norm()).eval()
    network[1].train()
    with pytest.raises(ValueError, match=r"fuse_conv_bn: 1 is in training mode.*model\.eval"):
        fuse_conv_bn(network, IMAGE)
    with pytest.raises(ValueError, match="fuse_conv_bn: the model is in training mode"):
        fuse_conv_bn(network.train(), IMAGE)


def test_no_hooks_stay_and_no_weights_are_needed():
    network = nn.Sequential(conv(), norm()).eval()
    fuse_conv_bn(network, IMAGE)
    for layer in network.modules():
        assert len(layer._forward_hooks) == len(layer._forward_pre_hooks) == 0
    empty = nn.Identity().eval()
    assert fuse_conv_bn(empty, IMAGE) is empty

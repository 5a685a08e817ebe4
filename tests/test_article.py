"""The article's worked example: two 2×2×3 filters on a 3×3×3 map, run through the modules that archcost builds.

The expected numbers follow from the article's equations (1), (4) and (8), which multiply element by element. Its
worked lines print others (G₁₁₁, G₁₁₂, G₁₂₁ = 12, 12, 19 and Ĝ₁₁₁, Ĝ₁₂₁, Ĝ₁₁₂ = 0, 7, 7), because there it took the
product of two matrices, rows times columns, where its equations multiply the elements that lie on each other.
"""

from fractions import Fraction

import pytest

from archcost.api import Model
from archcost.spec.document import parse

torch = pytest.importorskip("torch")

from archcost.live.build import build_module  # noqa: E402

D_K, D_G, M, N = 2, 2, 3, 2
"""Kernel, output map, input channels, filters."""

# Equation (3): F, one matrix for each channel.
F = torch.tensor(
    [
        [[0, 3, 2], [0, 4, 1], [1, 0, 1]],
        [[0, 1, 4], [2, 4, 2], [1, 3, 4]],
        [[4, 4, 0], [2, 1, 1], [1, 4, 3]],
    ],
    dtype=torch.float32,
)
# The two standard filters; the depthwise filters K̂ are the same numbers as the first.
K = torch.tensor(
    [
        [[[1, 0], [0, 0]], [[1, 0], [0, 1]], [[0, 0], [0, 1]]],
        [[[0, 1], [0, 0]], [[0, 1], [1, 0]], [[0, 0], [1, 0]]],
    ],
    dtype=torch.float32,
)
K_HAT = K[0]
# The article gives no pointwise filters: the first adds the channels up, the second weighs them.
K_TILDE = torch.tensor([[1, 1, 1], [2, -1, 3]], dtype=torch.float32)

EXAMPLE = """
name: worked_example
source: Introduction to MobileNetV1
input: [3, 3, 3]
layers:
  - conv: {out: 2, kernel: 2, padding: valid, name: standard}
  - depthwise: {kernel: 2, padding: valid, from: input}
  - pointwise: {out: 2}
"""


@pytest.fixture(scope="module")
def analysis():
    return Model(parse(EXAMPLE), {}).analyze()


@pytest.fixture(scope="module")
def run(analysis):
    """A layer's module, built from its recipe, with the given weights, on an input."""
    layers = {layer.name: layer for layer in analysis.network.layers}

    def run(name, weight, x):
        module = build_module(layers[name].op.recipe(layers[name].source))
        assert [parameter.numel() for parameter in module.parameters()] == [weight.numel()]
        with torch.no_grad():
            module.weight.copy_(weight.reshape(module.weight.shape))
            return module(x[None])[0]

    return run


@pytest.fixture(scope="module")
def standard(run):
    return run("standard", K, F)


@pytest.fixture(scope="module")
def depthwise(run):
    return run("depthwise", K_HAT, F)


def at(grid, k, l, n):  # noqa: E741 - the article's indices
    """G_k,l,n, from 1 and with the channel last, as the article counts."""
    return grid[n - 1, k - 1, l - 1].item()


def positions(channels):
    grid = range(1, D_G + 1)
    return [(k, l, n) for k in grid for l in grid for n in range(1, channels + 1)]  # noqa: E741


def test_equation_1(standard):
    """G_k,l,n = Σ_i,j,m K_i,j,m,n · F_k+i-1,l+j-1,m, written out."""
    assert tuple(standard.shape) == (N, D_G, D_G)
    for k, l, n in positions(N):  # noqa: E741
        window = F[:, k - 1 : k - 1 + D_K, l - 1 : l - 1 + D_K]
        assert at(standard, k, l, n) == (K[n - 1] * window).sum().item()


def test_standard_convolution_of_the_example(standard):
    """The article prints 12, 12, 19: matrix products in place of element-wise ones."""
    assert [at(standard, *index) for index in ((1, 1, 1), (1, 1, 2), (1, 2, 1))] == [5, 8, 7]


def test_equation_4(depthwise):
    """Ĝ_k,l,m = Σ_i,j K̂_i,j,m · F_k+i-1,l+j-1,m: no sum over channels."""
    assert tuple(depthwise.shape) == (M, D_G, D_G)
    for k, l, m in positions(M):  # noqa: E741
        window = F[m - 1, k - 1 : k - 1 + D_K, l - 1 : l - 1 + D_K]
        assert at(depthwise, k, l, m) == (K_HAT[m - 1] * window).sum().item()


def test_depthwise_convolution_of_the_example(depthwise):
    """The article prints 0, 7, 7: matrix products in place of element-wise ones."""
    assert [at(depthwise, *index) for index in ((1, 1, 1), (1, 2, 1), (1, 1, 2))] == [0, 3, 4]


def test_equation_8(run, depthwise):
    """G̃_k,l,n = Σ_m K̃_m,n · Ĝ_k,l,m."""
    separable = run("pointwise", K_TILDE, depthwise)
    for k, l, n in positions(N):  # noqa: E741
        expected = sum(K_TILDE[n - 1, m - 1].item() * at(depthwise, k, l, m) for m in range(1, M + 1))
        assert at(separable, k, l, n) == expected


def test_adding_the_depthwise_channels_gives_the_standard_convolution(run, standard, depthwise):
    """With K̃ = 1 equation (8) is equation (1) for the filter that K̂ was taken from: again 5 and 7."""
    separable = run("pointwise", K_TILDE, depthwise)
    assert torch.equal(separable[0], standard[0])
    assert [at(separable, *index) for index in ((1, 1, 1), (1, 2, 1))] == [5, 7]


def matrix_product_sum(window, kernel):
    """What the article's worked lines compute: eᵀ (window · kernel) e, summed over channels."""
    return sum((a @ b).sum().item() for a, b in zip(window, kernel, strict=True))


def test_where_the_articles_numbers_come_from():
    """Rows times columns gives what the article prints, 12, 12, 19 and 0, 7, 7; its own equations do not."""
    left, right = F[:, :2, :2], F[:, :2, 1:]
    assert [matrix_product_sum(*pair) for pair in ((left, K[0]), (left, K[1]), (right, K[0]))] == [12, 12, 19]
    channels = ((left[:1], K_HAT[:1]), (right[:1], K_HAT[:1]), (left[1:2], K_HAT[1:2]))
    assert [matrix_product_sum(*pair) for pair in channels] == [0, 7, 7]


# Costs


def macs(analysis):
    return {row.name: row.macs for row in analysis.layers}


def test_equation_2(analysis):
    assert macs(analysis)["standard"] == D_K * D_K * M * N * D_G * D_G == 96


def test_equation_5(analysis):
    assert macs(analysis)["depthwise"] == D_K * D_K * M * D_G * D_G == 48


def test_equation_7(analysis):
    assert macs(analysis)["pointwise"] == M * N * D_G * D_G == 24


def test_equation_9_and_the_saving(analysis):
    found = macs(analysis)
    separable = found["depthwise"] + found["pointwise"]
    assert separable == D_K * D_K * M * D_G * D_G + M * N * D_G * D_G == 72
    assert Fraction(separable, found["standard"]) == Fraction(1, N) + Fraction(1, D_K**2) == Fraction(3, 4)
    assert analysis.macs == separable + found["standard"]


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("filters", [1, 7, 64])
def test_the_saving_at_other_sizes(kernel, filters):
    """1/N + 1/D_K² is exact for every kernel and number of filters."""
    text = (
        EXAMPLE.replace("[3, 3, 3]", "[3, 9, 9]")
        .replace("out: 2", f"out: {filters}")
        .replace("kernel: 2", f"kernel: {kernel}")
    )
    found = macs(Model(parse(text), {}).analyze())
    saving = Fraction(found["depthwise"] + found["pointwise"], found["standard"])
    assert saving == Fraction(1, filters) + Fraction(1, kernel**2)

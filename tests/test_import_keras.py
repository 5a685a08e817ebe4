"""Models from Keras: against its own parameters and torch's counts, other sizes and widths against rebuilt models."""

import json
import math
import os
import subprocess
import sys
import warnings
import zipfile

import pytest

import archcost
from archcost.importers import opened

pytest.importorskip("torch")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")
if keras.config.backend() != "torch":
    pytest.skip("Keras runs on another back end here", allow_module_level=True)

MODELS = [
    *("DenseNet121", "EfficientNetB0", "InceptionV3", "MobileNet", "MobileNetV2", "MobileNetV3Small"),
    *("ResNet50", "VGG16", "Xception", "ConvNeXtTiny"),
]


def built(name, **given):
    with keras.device("meta"):
        return getattr(keras.applications, name)(weights=None, **given)


def trainable(model):
    return sum(math.prod(each.shape) for each in model.trainable_variables)


def counted(model, *sizes):
    """Multiply-adds by torch. sizes: height, width, channels."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with keras.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.empty(1, *sizes, device="meta"), training=False)
    return counter.get_total_flops() // 2


@pytest.mark.parametrize("name", MODELS)
def test_parameters(name):
    analysis, model = archcost.analyze(f"keras:{name}"), built(name)
    assert analysis.params == trainable(model)
    buffers = sum(layer.cost.buffers.value for layer in analysis.network.layers)
    statistics = [each for each in model.non_trainable_variables if "moving" in each.name]
    assert buffers == sum(math.prod(each.shape) for each in statistics)
    assert not any(layer.kind == "traced" for layer in analysis.network.layers)
    assert not opened(f"keras:{name}").imported.partial


@pytest.mark.parametrize("name", ["MobileNetV2", "MobileNetV3Small", "Xception"])
def test_multiply_adds(name):
    analysis = archcost.analyze(f"keras:{name}")
    channels, height, width = analysis.network.input_shape
    assert analysis.macs == counted(built(name, input_shape=(height, width, channels)), height, width, channels)


SPECS = {"MobileNet": "mobilenetv1", "MobileNetV2": "mobilenetv2", "ResNet50": "resnet50", "VGG16": "vgg16"}
SPECS |= {"DenseNet121": "densenet121", "InceptionV3": "inceptionv3", "EfficientNetB0": "efficientnet_b0"}
SPECS |= {"Xception": "xception", "MobileNetV3Small": "mobilenetv3_small"}


@pytest.mark.parametrize("name", SPECS)
def test_the_zoo_has_the_same(name):
    """The networks of papers that Keras has, too."""
    assert archcost.analyze(f"keras:{name}").macs == archcost.analyze(SPECS[name]).macs


@pytest.mark.parametrize(("name", "size"), [("MobileNetV2", 97), ("MobileNetV2", 160), ("ResNet50", 97)])
def test_another_resolution_is_a_rebuilt_model(name, size):
    """MobileNetV2 pads by amounts that follow the input's size, ResNet by the same ones at each."""
    fresh = archcost.analyze(f"keras:{name}?input=3x{size}x{size}")
    assert archcost.analyze(f"keras:{name}", resolution=size).macs == fresh.macs


@pytest.mark.parametrize("name", ["MobileNet", "MobileNetV2"])
@pytest.mark.parametrize("alpha", ["0.35", "1.4"])
def test_a_width_is_a_rebuilt_model(name, alpha):
    wide, fresh = archcost.analyze(f"keras:{name}", alpha=alpha), archcost.analyze(f"keras:{name}?alpha={alpha}")
    assert (wide.macs, wide.params) == (fresh.macs, fresh.params)


def test_arguments(run):
    words = ("analyze", "keras:MobileNetV2", "--kwargs", "classes=10", "--input", "3x96x96", "--format", "json")
    totals = json.loads(run(*words).stdout)["totals"]
    assert totals["params"] == trainable(built("MobileNetV2", classes=10))


def test_the_spec_is_the_same_each_time():
    """Keras numbers layers that nobody named for as long as a process lives."""
    from archcost.importers import text
    from archcost.importers.reference import parse

    source = parse("keras:ConvNeXtTiny")
    assert text(source) == text(source)


def save(model, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
    return path


@pytest.fixture
def saved(tmp_path):
    """A file of Keras, with branches, a model inside the model, and a layer that is used twice."""
    inner = keras.Sequential([keras.layers.Dense(8, activation="relu"), keras.layers.Dropout(0.5)], name="inside")
    twice = keras.layers.Conv2D(6, 3, padding="same", activation="relu", name="twice")
    x = keras.Input((16, 16, 6))
    y = keras.layers.Add()([twice(twice(x)), x])
    y = keras.layers.SeparableConv2D(12, 3, strides=2, padding="same")(y)
    y = keras.layers.Conv2DTranspose(4, 2, strides=2)(y)
    y = keras.layers.LeakyReLU()(keras.layers.BatchNormalization(scale=False)(y))
    y = inner(keras.layers.Flatten()(keras.layers.MaxPooling2D()(y)))
    y = keras.layers.Dense(3, activation="softmax", name="head")(y)
    model = keras.Model(x, y, name="mine")
    path = tmp_path / "mine.keras"
    return save(model, path), model


def test_a_file(saved, run):
    path, model = saved
    analysis = archcost.analyze(path)
    assert analysis.params == trainable(model)
    assert analysis.macs == counted(model, 16, 16, 6)
    names = [layer.name for layer in analysis.network.layers]
    assert {"twice.conv", "inside.dense.linear", "head.linear"} <= set(names)
    assert run("import", path).stdout.startswith("name: mine\nimported: {origin: ")


def test_a_layer_that_nobody_knows(tmp_path, run):
    @keras.saving.register_keras_serializable()
    class Mixing(keras.layers.Layer):
        def build(self, shape):
            self.matrix = self.add_weight(shape=(shape[-1], shape[-1]))

        def call(self, x):
            return x @ self.matrix

    x = keras.Input((8,))
    path = save(keras.Model(x, keras.layers.ReLU()(Mixing()(x))), tmp_path / "mixing.keras")
    result = run("analyze", path, "--format", "json", "--strict")
    assert result.exit_code == 1
    data = json.loads(result.stdout)
    assert (data["partial"], data["totals"]["params"]) == (["keras.Mixing"], 64)


def sequential(*layers):
    return keras.Sequential(list(layers))


LAYERS = keras.layers


def sequences():
    """Attention over two sequences, recurrent layers both ways, an open size, causal and distributed ones."""
    x, y = keras.Input((10, 12)), keras.Input((7, 6))
    z = LAYERS.MultiHeadAttention(3, 8, value_dim=5)(x, y)
    z = LAYERS.Conv1D(6, 3, dilation_rate=2, padding="causal")(z)
    z = LAYERS.EinsumDense("btc,cd->btd", output_shape=(None, 5))(z)
    z = LAYERS.TimeDistributed(LAYERS.Dense(4))(z)
    z = LAYERS.Reshape((10, 10))(LAYERS.Dot(axes=2)([z, z]))
    z = LAYERS.Bidirectional(LAYERS.LSTM(6, return_sequences=True))(z)
    return keras.Model([x, y], LAYERS.GRU(4)(z))


ATTENDED = 3 * (10 * 12 * 8 + 7 * 6 * (8 + 5) + 10 * 7 * (8 + 5) + 10 * 5 * 12)
SEQUENCES = ATTENDED + 10 * 3 * 12 * 6 + 10 * 6 * 5 + 10 * 5 * 4 + 10 * 10 * 4
SEQUENCES += 2 * 10 * 4 * 6 * (10 + 6) + 10 * 3 * 4 * (12 + 4)
OPEN = (LAYERS.Conv2D(4, 3, name="first"), LAYERS.ReLU(), LAYERS.GlobalMaxPooling2D())
SMALL = keras.Input((8, 8, 4))
SAVED = {
    "chain": (lambda: sequential(SMALL, LAYERS.Conv2D(6, 3), LAYERS.Flatten(), LAYERS.Dense(3)), "", 7776 + 648),
    "not_built": (lambda: sequential(*OPEN), "3x9x9", 49 * 27 * 4),
    "open_inside": (lambda: keras.Model(x := keras.Input((None, None, 3)), sequential(*OPEN)(x)), "3x9x9", 49 * 27 * 4),
    "spectral": (lambda: sequential(SMALL, LAYERS.SpectralNormalization(LAYERS.Conv2D(6, 3))), "", 36 * 36 * 6),
    "sequences": (sequences, "", SEQUENCES),
}


@pytest.mark.parametrize("name", SAVED)
def test_saved_models(tmp_path, name):
    make, given, macs = SAVED[name]
    model = make()
    path = save(model, tmp_path / "saved.keras")
    analysis = archcost.analyze(f"{path}?input={given}" if given else path)
    if given and not model.built:
        model.build((None, 9, 9, 3))
    assert (analysis.macs, analysis.params) == (macs, trainable(model))
    assert not analysis.document.imported.partial


def test_a_chain_takes_other_widths_and_sizes(tmp_path):
    chain = sequential(keras.Input((32, 32, 3)), *OPEN, LAYERS.Dense(2))
    found = archcost.analyze(save(chain, tmp_path / "chain.keras"), alpha="0.5", resolution=16)
    assert found.macs == 14 * 14 * 27 * 2 + 2 * 2


def test_inputs_that_are_not_the_models(tmp_path, run):
    path = save(sequences(), tmp_path / "two.keras")
    assert "reads 2 inputs, not 1: (None, 10, 12) and (None, 7, 6)" in run("analyze", path, "--input", "10x12").stderr


def test_code_in_a_file_is_named(tmp_path, run):
    class Own(keras.layers.Layer):
        def call(self, x):
            return x

    x = keras.Input((8,))
    result = run("analyze", save(keras.Model(x, Own()(x)), tmp_path / "own.keras"))
    assert result.exit_code == 2
    assert "has code of its own, which archcost does not run: Own" in " ".join(result.stderr.split())


MISTAKES = [
    ("keras:MobileNetV22", (), "unknown Keras model `MobileNetV22`; did you mean `MobileNetV2`?"),
    ("keras:MobileNetV2", ("--kwargs", "width=3"), "building the model failed"),
    ("keras:MobileNetV2", ("--input", "3x8x8"), "Input size must be at least 32x32"),
    ("keras:MobileNetV2", ("--input", "3x64x64", "--input", "3"), "reads one input, not 2"),
    ("nowhere.keras", (), "there is no file nowhere.keras"),
]


@pytest.mark.parametrize(("name", "words", "said"), MISTAKES)
def test_mistakes(run, name, words, said):
    result = run("analyze", name, *words)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


def test_files_that_are_none(run, tmp_path):
    text, archive = tmp_path / "text.keras", tmp_path / "archive.keras"
    text.write_text("name: x")
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("config.json", '{"class_name": "Nothing", "config": {}}')
    assert "is no file of Keras 3" in run("analyze", text).stderr
    result = run("analyze", archive)
    assert result.exit_code == 2 and "building the model failed" in " ".join(result.stderr.split())


def test_code_in_a_file_is_not_run(tmp_path, run):
    x = keras.Input((8,))
    result = run("analyze", save(keras.Model(x, keras.layers.Lambda(lambda x: x * 2)(x)), tmp_path / "code.keras"))
    assert result.exit_code == 2
    assert "has code of its own, which archcost does not run: Lambda" in " ".join(result.stderr.split())


def test_without_keras(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)
    result = run("analyze", "keras:VGG19")
    assert result.exit_code == 2
    assert "keras is not installed: pip install keras torch" in result.stderr


def test_the_back_end_is_set_for_keras_alone():
    """The variable is there while Keras is loaded, and gone after; weights of VGG16, 0.5 GB, are not there at all."""
    code = """
import os, resource
from archcost import analyze
analyze("keras:MobileNetV2")
import keras
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
analyze("keras:VGG16")
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(keras.config.backend(), "KERAS_BACKEND" in os.environ, grown)
"""
    variables = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=variables)
    backend, there, grown = done.stdout.split()
    assert (backend, there) == ("torch", "False")
    assert int(grown) < 100 * 1024  # KiB

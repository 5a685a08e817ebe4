"""Files of points and layers: what they may say, all that is wrong with one in one go, and the cells given back."""

from __future__ import annotations

import csv
import io

import pytest

from archcost.errors import ArchcostError
from archcost.latency import folders
from archcost.latency.points import ConvShape, read_layers, read_points
from archcost.latency.table import TableError

HEADER = "spec,alpha,resolution,batch,latency_ms\n"
LAYERS = "batch,in_channels,out_channels,kernel,input_size,stride,padding,milliseconds\n"


@pytest.fixture
def points(tmp_path):
    def write(text, name="points.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def problems(path, read=read_points, **chosen):
    with pytest.raises(TableError) as caught:
        read(path, **chosen)
    return [line.removeprefix(f"{path}:") for line in str(caught.value).split("\n")]


def test_values_and_seconds(points):
    found = read_points(points(HEADER + "mobilenetv1,0.5,160,32,12.5\nmobilenetv1,,,1,3\n"), measured=True)
    assert found.batches == [32, 1] and found.seconds == [0.0125, 0.003]
    assert found.settings[0].resolution == (160, 160) and found.settings[1].resolution == (224, 224)
    assert found.network(0).layers[0].output_shape == (16, 80, 80)
    assert found.network(1).layers[0].output_shape == (32, 112, 112)


def test_latency_is_read_only_where_it_must_be_there(points):
    assert read_points(points(HEADER + "mobilenetv1,1,224,1,\n")).seconds == []


def test_resolution_of_two_sizes_and_parameters_in_the_reference(points):
    found = read_points(points('spec,alpha,resolution,batch\n"mobilenetv1@depth=0,alpha=0.5",,160x192,1\n'))
    assert found.settings[0].resolution == (160, 192)
    assert found.settings[0].parameters["depth"] == 0
    assert found.network(0).layers[0].output_shape == (16, 80, 96)


def test_a_row_overrides_the_reference(points):
    found = read_points(points('spec,alpha,resolution,batch\n"mobilenetv1@alpha=0.5,rho=0.5",1,96,1\n'))
    assert found.network(0).layers[0].output_shape == (32, 48, 48)


def test_paths_begin_where_the_file_is(points, tmp_path, monkeypatch):
    points("name: one\ninput: [3, 8, 8]\nlayers: [relu]\n", "one.yaml")
    monkeypatch.chdir("/")
    assert read_points(points("spec,alpha,resolution,batch\none.yaml,1,,1\n")).network(0).document.name == "one"


def test_each_spec_is_read_once(points, monkeypatch):
    from archcost.spec import document

    read, count = document.read, []
    monkeypatch.setattr(document, "read", lambda path: count.append(path) or read(path))
    read_points(points("spec,alpha,resolution,batch\n" + "mobilenetv1,1,224,1\nmobilenetv2,1,224,1\n" * 50))
    assert len(count) == 2


def test_variants_are_the_rows_settings_as_arrays(points):
    text = "spec,alpha,resolution,batch\nmobilenetv1,0.35,96x128,1\nmobilenetv2,1,224,1\nmobilenetv1,,160,2\n"
    rows, settings = read_points(points(text)).variants("mobilenetv1")
    assert rows == [0, 2]
    assert settings.resolution[0].tolist() == [96, 160] and settings.resolution[1].tolist() == [128, 160]
    assert (settings.alpha.numerator / settings.alpha.denominator).tolist() == [0.35, 1.0]


def test_the_file_comes_back_with_columns_added(points):
    text = 'spec,alpha,resolution,batch,note\nmobilenetv1,1.00,224,1,"a, ""b"""\nmobilenetv1, 0.50,,1, c \n'
    table = read_points(points("\ufeff" + text)).table
    back = list(csv.reader(io.StringIO(table.to_csv({"predicted_ms": [1.5, None], "note": ["x", "y"]}))))
    assert back == [
        ["spec", "alpha", "resolution", "batch", "note", "predicted_ms"],
        ["mobilenetv1", "1.00", "224", "1", "x", "1.5"],
        ["mobilenetv1", " 0.50", "", "1", "y", ""],
    ]
    assert table.to_csv({}) == text


def test_all_problems_in_one_go_in_the_order_of_lines(points):
    path = points(
        HEADER + "mobilenetv1,abc,224,0,nan\n\nmobilenetv9,1,224,1.5,-3\n,1,224,1,0\nmobilenetv1@dep=1,1,224,1,1e999\n"
        "mobilenetv1,-1,224,1,x\nmobilenetv1,1,22x,1,1\nmobilenetv1,1,,,\nmobilenetv1@depth=9,1,224,1,1\n"
    )
    said = problems(path, measured=True)
    expected = [
        '2: batch must be a whole number from 1 to 1,000,000, not "0"',
        '2: alpha must be a positive number, not "abc"',
        '2: latency_ms must be a positive number, not "nan"',
        '4: batch must be a whole number from 1 to 1,000,000, not "1.5"',
        '4: latency_ms must be a positive number, not "-3"',
        "4: unknown spec `mobilenetv9`; did you mean `mobilenetv",
        '5: latency_ms must be a positive number, not "0"',
        "5: spec is missing",
        '6: latency_ms must be a positive number, not "1e999"',
        "unknown parameter `dep`; did you mean `depth`?",
        '7: alpha must be a positive number, not "-1"',
        '7: latency_ms must be a positive number, not "x"',
        "8: resolution",
        "9: batch is missing",
        "9: latency_ms is missing",
        "10: depth takes 0, 1, 2, 3, 4, 5; not 9",
    ]
    assert len(said) == len(expected)
    for line, wanted in zip(said, expected, strict=True):
        assert wanted in line


@pytest.mark.parametrize("cell", ["nan", "inf", "-inf", "1_0", "١", "0", "-0.0", "1e-999", "0x10", "1,5"])
def test_no_time(points, cell):
    (line,) = problems(points(HEADER + f'mobilenetv1,1,224,1,"{cell}"\n'), measured=True)
    assert "latency_ms must be a positive number" in line


def test_many_problems_are_counted(points):
    said = problems(points("spec,alpha,resolution,batch\n" + "mobilenetv1,1,224,x\n" * 1000))
    assert len(said) == 21 and said[0].startswith("2:") and said[-1].endswith("and 980 more problems")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("spec,alpha,resolution,batch\n", "has no rows"),
        ("spec,alpha\nmobilenetv1,1\n", "needs the columns spec, alpha, resolution, batch; resolution, batch missing"),
        ("spec;alpha;resolution;batch\na;1;2;3\n", "separate columns by commas"),
        ("spec,alpha,resolution,batch,batch\na,1,2,3,4\n", "two columns are named `batch`"),
        ("spec,alpha,resolution,batch\na,1,2\n", "2: 3 cells; the header has 4"),
        ("spec,alpha,resolution,batch\na,1,2,3,4\n", "2: 5 cells; the header has 4"),
        ('spec,alpha,resolution,batch\n"a,1,2,3\n', "2: not CSV"),
    ],
)
def test_no_table(points, text, wanted):
    assert wanted in "\n".join(problems(points(text)))


def test_a_row_over_several_lines_is_named_by_its_first(points):
    text = 'spec,alpha,resolution,batch,note\nmobilenetv1,1,224,1,"a\nb"\nmobilenetv1,1,224,x,"a\nb"\n'
    (line,) = problems(points(text))
    assert line.startswith("4: batch")


@pytest.mark.parametrize("content", [b"spec,alpha\n\xff\xfe,1\n", b"\x00\x01\xff"])
def test_not_utf8(points, content):
    with pytest.raises(ArchcostError, match="not UTF-8"):
        read_points(points(content))


def test_missing_and_directory(tmp_path):
    with pytest.raises(ArchcostError, match="no such file"):
        read_points(tmp_path / "none.csv")
    with pytest.raises(ArchcostError, match="is a directory"):
        read_points(tmp_path)


def test_a_spec_with_problems_is_one_problem(points):
    points("name: bad\ninput: [3, 8, 8]\nlayers:\n  - relv\n  - tanj\n", "bad.yaml")
    said = problems(points("spec,alpha,resolution,batch\n" + "bad.yaml,1,8,1\n" * 5))
    assert len(said) == 1 and "bad.yaml:4:5: unknown operator or block `relv`" in said[0]


def test_where(points):
    path = points("spec,alpha,resolution,batch,runtime\nmobilenetv1,1,224,1,a b\nnonsense,x,224,1,c\n")
    assert len(read_points(path, where={"runtime": "a b"})) == 1
    with pytest.raises(ArchcostError, match='no row has runtime "d"; there are "a b", "c"'):
        read_points(path, where={"runtime": "d"})
    with pytest.raises(ArchcostError, match="unknown column `runtim`; did you mean `runtime`"):
        read_points(path, where={"runtim": "c"})


def test_layers(points):
    found = read_layers(points(LAYERS + "8,64,128,3,56,2,1,0.25\n"), measured=True)
    assert found.shapes == [ConvShape(8, 64, 128, (3, 3), (56, 56), (2, 2), ((1, 1), (1, 1)), 1)]
    assert found.seconds == [0.00025]
    assert found.shapes[0].operator.shape(found.shapes[0].input_shape) == (128, 28, 28)


def test_layers_with_groups_and_sizes_by_axis(points):
    text = LAYERS.replace(",milliseconds", ",groups") + "1,32,32,1x7,17x15,1,0x3,32\n1,3,8,3,224,2,same,\n"
    found = read_layers(points(text))
    assert found.shapes[0] == ConvShape(1, 32, 32, (1, 7), (17, 15), (1, 1), ((0, 0), (3, 3)), 32)
    assert found.shapes[1].padding == ((0, 1), (0, 1)) and found.shapes[1].groups == 1


def test_a_shapes_cells_are_read_back(points):
    shape = ConvShape(2, 32, 64, (3, 5), (17, 17), (2, 1), ((0, 1), (2, 2)), 4)
    cells = shape.cells()
    assert cells["padding"] == "0:1x2"
    text = ",".join(cells) + "\n" + ",".join(cells.values()) + "\n"
    assert read_layers(points(text)).shapes == [shape]


def test_layers_problems(points):
    text = LAYERS + "1,64,64,3,2,1,0,1\n1,64,64,3,56,1,-1,0\n0,x,64,3,56,1,1,1\n"
    said = problems(points(text), read_layers, measured=True)
    assert "2: the 3×3 kernel is larger than its padded input" in said[0]
    assert len(said) == 5
    text = "batch,in_channels,out_channels,kernel,input_size,stride,padding,groups\n1,64,64,3,56,1,1,3\n"
    assert "64 input channels do not divide into 3 groups" in problems(points(text), read_layers)[0]


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {"XDG_DATA_HOME": "/data"}, "/data/archcost"),
        ("linux", {"XDG_DATA_HOME": "relative"}, "/home/me/.local/share/archcost"),
        ("linux", {}, "/home/me/.local/share/archcost"),
        ("darwin", {"XDG_DATA_HOME": "/data"}, "/home/me/Library/Application Support/archcost"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/archcost"),
    ],
)
def test_the_data_folder(monkeypatch, platform, environment, expected):
    monkeypatch.setattr("sys.platform", platform)
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA", "ARCHCOST_STORE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/me", **environment}.items():
        monkeypatch.setenv(name, value)
    assert str(folders.data()) == expected
    assert str(folders.store()) == f"{expected}/measurements.db"
    assert str(folders.devices()) == f"{expected}/devices"


def test_the_stores_name(monkeypatch):
    monkeypatch.setenv("ARCHCOST_STORE", "/elsewhere.db")
    assert str(folders.store()) == "/elsewhere.db" and str(folders.store("mine.db")) == "mine.db"

"""Damaged and hostile saved files, drawn by a seed from good ones."""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

Members = dict[str, bytes]

CONFIG, WEIGHTS, OURS = "config.json", "model.weights.h5", "logitkit.json"
#: What hostile files try to make: a test looks for it afterwards.
CANARY = "logitkit_canary"
_CODE = f"open('/tmp/{CANARY}', 'w')"

_VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 2, 7, 10**9, 10**18, 2**63, 2**64, 10**400, 0.0, -0.0, 1e308, 1e-320, 0.5, "", "x",
    "0", "float32", "object", "V999999999", "S999999999", "datetime64[ns]", "(9999,9999)f8", "nan", "category", "\0",
    "\ud800", "../../etc/passwd", "/etc/passwd", "x" * 10_000, [], {}, [[]], [None], [0], [1e308] * 5, ["a", "a"],
    {"a": 1}, [10**6, 10**6, 3], [None, 10**9], {"class_name": "Dense"}, "relu", "lambda x: x", _CODE, "%d" * 2_000,
    "isotonic",
]  # fmt: skip
_CLASSES: list[Any] = [
    "Lambda", "function", "__lambda__", "__numpy__", "__typespec__", "__bytes__", "__slice__", "__tensor__",
    "__tuple__", "__keras_tensor__", "__ellipsis__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "StringLookup",
    "TextVectorization",
    "IntegerLookup", "Hashing", "Wrapper", "TimeDistributed", "Bidirectional", "RNN", "LSTM", "SpectralNormalization",
    "Sequential", "Functional", "Model", "Layer", "eval", "exec", "system", "Popen", "load_model", "get_file", "Dense",
    "Embedding", "RepeatVector", "UpSampling1D", "ZeroPadding1D", "CategoryEncoding", "Discretization", "GaussianNoise",
    "LayerNormalization", "Orthogonal", "Constant", "L2", "relu", "", None, 1, [], {},
]  # fmt: skip
_MODULES: list[Any] = [
    "keras", "keras.layers", "keras.initializers", "keras.saving", "keras.utils", "keras.models", "keras.src.saving",
    "builtins", "os", "subprocess", "posix", "toolkit", "numpy", "tensorflow", "keras.activations", "", None, 3,
]  # fmt: skip
_WIDTHS = [0, -1, 2.5, "3", 10**6, 10**9, 10**12, 10**30, None, [10**9], [10**5, 10**5], True]


def unpack(data: bytes) -> Members:
    """Return the members of an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(members: Members, compression: int = zipfile.ZIP_STORED) -> bytes:
    """Return an archive of members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def files(sources: list[bytes], count: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield files, each with the name of its attack; the same for the same seed.

    Args:
        sources: Good files.
        count: How many.
        seed: The seed.
    """
    for number in range(count):
        dice = random.Random(f"{seed}/{number}")
        attack = ATTACKS[number % len(ATTACKS)]
        yield attack.__name__.strip("_"), attack(dice, sources)


def _flipped(dice: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(dice.choice([1, 1, 1, 2, 4, 16, 64])):
        where = dice.randrange(len(changed))
        changed[where] = dice.choice(
            [0, 1, 127, 128, 255, dice.randrange(256), changed[where] ^ 1 << dice.randrange(8)]
        )
    return bytes(changed)


def _flips(dice: random.Random, sources: list[bytes]) -> bytes:
    return _flipped(dice, dice.choice(sources))


def _flips_in_the_directory(dice: random.Random, sources: list[bytes]) -> bytes:
    data = dice.choice(sources)
    return data[:-300] + _flipped(dice, data[-300:])


def _cut_or_longer(dice: random.Random, sources: list[bytes]) -> bytes:
    data = dice.choice(sources)
    start, end = sorted(dice.randrange(len(data)) for _ in range(2))
    return dice.choice(
        [data[:start], data[start:], data[:start] + data[end:], data + data[start:end], data[:end] + data[start:],
         data[:start] + bytes(end - start) + data[end:], data[start:end], b"", data + b"\n", b"PK" + data]
    )  # fmt: skip


def _members(dice: random.Random, sources: list[bytes]) -> bytes:
    """Members of two files, missing, twice, under another name, compressed otherwise."""
    first, second = unpack(dice.choice(sources)), unpack(dice.choice(sources))
    name = dice.choice(list(first))
    change = dice.randrange(5)
    if change == 0:
        first[name] = second[name]
    elif change == 1:
        del first[name]
    elif change == 2:
        first[dice.choice(["../evil.py", "assets/a", "/etc/passwd", name.upper(), name + " ", "x" * 60_000])] = b"x"
    elif change == 3:
        first[name] = first[dice.choice(list(first))]
    compression = dice.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    return pack(first, compression)


def _flips_in_a_member(dice: random.Random, sources: list[bytes]) -> bytes:
    members = unpack(dice.choice(sources))
    name = dice.choice([WEIGHTS, WEIGHTS, WEIGHTS, CONFIG, OURS])
    return pack(members | {name: _flipped(dice, members[name])})


def _cut_member(dice: random.Random, sources: list[bytes]) -> bytes:
    members = unpack(dice.choice(sources))
    name = dice.choice([WEIGHTS, CONFIG, OURS])
    end = dice.randrange(len(members[name]))
    return pack(members | {name: dice.choice([members[name][:end], members[name] + members[name][end:]])})


def _nodes(value: Any) -> list[tuple[Any, Any]]:
    """Return every (container, key) in a JSON value."""
    nodes: list[tuple[Any, Any]] = []
    stack = [value]
    while stack:
        top = stack.pop()
        entries = list(top.items()) if isinstance(top, dict) else list(enumerate(top)) if isinstance(top, list) else []
        nodes += [(top, key) for key, _ in entries]
        stack += [entry for _, entry in entries]
    return nodes


def _edit(dice: random.Random, value: Any) -> None:
    """Change one to three values anywhere in a JSON value."""
    for _ in range(dice.choice([1, 1, 2, 3])):
        nodes = _nodes(value)
        if not nodes:
            return
        top, key = dice.choice(nodes)
        change = dice.randrange(6)
        if change <= 2:
            top[key] = dice.choice(_VALUES)
        elif change == 3:
            del top[key]
        elif change == 4:
            second, second_key = dice.choice(nodes)
            top[key], second[second_key] = second[second_key], top[key]
        elif isinstance(top, list):
            top.insert(key, dice.choice([top[key], dice.choice(_VALUES)]))
        else:
            top[dice.choice(["class_name", "config", "x", "dtype", "shape"])] = top.pop(key)


def _edited(dice: random.Random, sources: list[bytes], name: str, inside: Callable[[Any], Any]) -> bytes:
    members = unpack(dice.choice(sources))
    content = json.loads(members[name])
    for _ in range(5):
        changed = json.loads(members[name])
        _edit(dice, inside(changed))
        try:
            if changed != content:
                return pack(members | {name: json.dumps(changed).encode()})
        except (RecursionError, ValueError):  # a value that was put into itself
            continue
    return pack(members | {name: b"{"})


def _edited_settings(dice: random.Random, sources: list[bytes]) -> bytes:
    return _edited(dice, sources, OURS, lambda content: content)


def _edited_heart(dice: random.Random, sources: list[bytes]) -> bytes:
    """Edits of what predictions depend on."""
    part = dice.choice(["encoder", "target", "calibration", "metrics", "history", "table"])
    return _edited(dice, sources, OURS, lambda content: content[part] or content)


def _edited_layers(dice: random.Random, sources: list[bytes]) -> bytes:
    return _edited(dice, sources, CONFIG, lambda config: config)


def _classes(dice: random.Random, sources: list[bytes]) -> bytes:
    """Hostile names of classes, modules and functions."""
    members = unpack(dice.choice(sources))
    config = json.loads(members[CONFIG])
    for _ in range(dice.choice([1, 1, 2])):
        entries = [top for top, key in _nodes(config) if key == "class_name"]
        entry = dice.choice(entries)
        entry["class_name"] = dice.choice(_CLASSES)
        if dice.random() < 0.5:
            entry["module"] = dice.choice(_MODULES)
        if dice.random() < 0.3:
            entry["registered_name"] = dice.choice([*_CLASSES, *_MODULES])
        if dice.random() < 0.5:
            entry["config"] = dice.choice(
                [
                    {"name": "x", "function": {"class_name": "__lambda__", "config": {"value": "4wAAAA=="}}},
                    {"value": [1] * 5, "dtype": dice.choice(_VALUES)},
                    {"name": "x", "vocabulary": "/etc/passwd"},
                    {"name": "x", "filepath": "/etc"},
                    {"fn": _CODE, "name": "x"},
                    _CODE,
                    "system",
                ]
            )
    if dice.random() < 0.3:
        layers = [top for top, key in _nodes(config) if key == "activation"]
        if layers:
            dice.choice(layers)["activation"] = dice.choice(
                [{"class_name": "function", "module": "os", "config": "system", "registered_name": "system"}, _CODE]
            )
    return pack(members | {CONFIG: json.dumps(config).encode()})


def _widths(dice: random.Random, sources: list[bytes]) -> bytes:
    """Widths of layers, inputs and images that take all memory or fit nothing."""
    members = unpack(dice.choice(sources))
    config, content = json.loads(members[CONFIG]), json.loads(members[OURS])
    names = (
        "units",
        "filters",
        "batch_shape",
        "target_shape",
        "output_shape",
        "kernel_size",
        "input_shape",
        "pool_size",
    )
    widths = [(top, key) for top, key in _nodes(config) if key in (*names, "strides", "axis", "equation", "n")]
    if dice.random() < 0.3:
        extra = dice.choice(
            [
                ("RepeatVector", {"n": 10**9}), ("UpSampling1D", {"size": 10**9}),
                ("Reshape", {"target_shape": [10**9]}),
                ("Embedding", {"input_dim": 10**10, "output_dim": 9}), ("Dense", {"units": 10**9}),
                ("Rescaling", {"scale": [1.0] * 100}), ("LayerNormalization", {}),
                ("ZeroPadding1D", {"padding": 10**9}),
                ("EinsumDense", {"equation": "ab,bc->ac", "output_shape": [10**9]}), ("Normalization", {"axis": -1}),
                ("Dropout", {"rate": 0.1}), ("Flatten", {}), ("GaussianNoise", {"stddev": 1e308}),
                ("Permute", {"dims": [1]}),
            ]
        )  # fmt: skip
        layer = {"module": "keras.layers", "class_name": extra[0], "config": {"name": "x", **extra[1]}}
        layers = config["config"]["layers"]
        where = dice.randrange(1, len(layers) + 1)
        layers[where:where] = [layer] * dice.choice([1, 1, 2, 300, 5_000])
    else:
        for _ in range(dice.choice([1, 1, 2])):
            top, key = dice.choice(widths)
            top[key] = dice.choice(_WIDTHS)
    if dice.random() < 0.2 and "images" in content["encoder"]:
        content["encoder"]["images"]["shape"] = dice.choice([[10**6, 10**6, 3], [8, 8], [-8, -8, 1], [0, 0, 0]])
    return pack(members | {CONFIG: json.dumps(config).encode(), OURS: json.dumps(content).encode()})


def _bombs(dice: random.Random, sources: list[bytes]) -> bytes:
    """Small files that unpack to gigabytes, or to many objects."""
    members = unpack(dice.choice(sources))
    name = dice.choice([CONFIG, WEIGHTS, OURS, "metadata.json"])
    size = dice.choice([10**6, 10**7, 2 * 10**7])
    text = dice.choice(
        [bytes(size), b"[" * size, b"[]," * (size // 3), b'{"a":' * (size // 5), b"9" * size, b'"' + b"x" * size + b'"',
         b"[" + b"1," * (size // 2) + b"1]", b"[" + b"{}," * (size // 3) + b"1]", b" " * size + members[name],
         b'["' + b'a","' * (size // 4) + b'a"]', b"[" + b'{"a":1},' * (size // 8) + b"1]"]
    )  # fmt: skip
    choice = dice.randrange(6)
    if choice == 0:
        return pack(members | {name: text}, zipfile.ZIP_DEFLATED)
    if choice == 1:
        return pack(members | {name: text[: 3 * 10**6]})
    if choice == 2:
        content = json.loads(members[OURS])
        key = dice.choice(["residuals", "verdict", "notes", "history", "summary", "settings", "x", "encoder"])
        content[key] = dice.choice(
            [[0.1] * 10**6, [[]] * 10**6, ["x"] * 10**6, "x" * 10**7, {str(i): i for i in range(10**5)}]
        )
        return pack(members | {OURS: json.dumps(content).encode()}, zipfile.ZIP_DEFLATED)
    if choice == 3:
        return pack(members | {f"{index}": b"" for index in range(dice.choice([50, 5_000, 40_000]))})
    if choice == 4:
        return _with_sizes(dice, pack(members, zipfile.ZIP_DEFLATED))
    return pack(members | {WEIGHTS: _declared(dice, members[WEIGHTS])})


def _with_sizes(dice: random.Random, data: bytes) -> bytes:
    """The sizes and offsets of the directory, changed."""
    changed = bytearray(data)
    entries = [index for index in range(len(data) - 4) if data[index : index + 4] == b"PK\1\2"]
    for _ in range(dice.choice([1, 2, 4])):
        where = dice.choice(entries) + dice.choice([8, 10, 20, 24, 28, 30, 42])
        form = "<I" if where in {entry + offset for entry in entries for offset in (20, 24, 42)} else "<H"
        most = 2**32 if form == "<I" else 2**16
        changed[where : where + struct.calcsize(form)] = struct.pack(
            form, dice.choice([0, 1, 2**15, most - 1, most // 2])
        )
    return bytes(changed)


def _declared(dice: random.Random, data: bytes) -> bytes:
    """Weights whose file declares more, or other things, than it holds."""
    import h5py

    buffer = io.BytesIO(data)
    with h5py.File(buffer, "r+") as file:
        group = file["layers"]
        name = dice.choice(list(group))
        choice = dice.randrange(8)
        if choice == 0:
            group[name]["vars"].create_dataset("9", (10**9,), "f4")
        elif choice == 1:
            group[name]["vars"].create_dataset("9", (10**6,), "f4", chunks=True, compression="gzip", fillvalue=1.0)
        elif choice == 2:
            group[name]["vars"]["9"] = h5py.ExternalLink("/etc/passwd", "/")
        elif choice == 3:
            group[name]["vars"]["9"] = h5py.SoftLink("/layers")
        elif choice == 4:
            group[name]["again"] = group
        elif choice == 5:
            group[name]["vars"].create_dataset("9", (100,), "f4", external=[("/etc/passwd", 0, 400)])
        elif choice == 6:
            layout = h5py.VirtualLayout((100,), "f4")
            layout[:] = h5py.VirtualSource("/etc/passwd", "x", (100,))
            group[name]["vars"].create_virtual_dataset("9", layout)
        else:
            for index in range(3_000):
                group.create_group(f"x{index}")
    return buffer.getvalue()


def _numbers(dice: random.Random, sources: list[bytes]) -> bytes:
    """Weights of NaN and infinity, with a checksum that fits."""
    members = unpack(dice.choice(sources))
    weights = bytearray(members[WEIGHTS])
    for _ in range(dice.choice([1, 50])):
        where = dice.randrange(2_000, len(weights) - 4) // 4 * 4
        weights[where : where + 4] = struct.pack("<f", dice.choice([float("nan"), float("inf"), 3e38, -1e-45]))
    return pack(members | {WEIGHTS: bytes(weights)})


def _noise(dice: random.Random, sources: list[bytes]) -> bytes:
    size = dice.choice([0, 1, 22, 100, 10_000])
    return dice.choice(
        [dice.randbytes(size), b"PK\5\6" + bytes(18), zlib.compress(bytes(size)), b"\x89HDF\r\n\x1a\n" + bytes(size)]
    )


ATTACKS = [
    _flips, _flips_in_the_directory, _cut_or_longer, _members, _flips_in_a_member, _flips_in_a_member, _cut_member,
    _edited_settings, _edited_heart, _edited_heart, _edited_layers, _edited_layers, _classes, _classes, _widths, _bombs,
    _numbers, _noise,
]  # fmt: skip

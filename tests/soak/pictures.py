"""Read damaged and hostile pictures: `python -m tests.soak.pictures [seed] [count]`."""

from __future__ import annotations

import contextlib
import faulthandler
import gzip
import io
import random
import struct
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from tests.helpers.idx import idx
from tests.soak.loading import forget_peak, memory
from toolkit.common.errors import DataError
from toolkit.data.images.files import Form, read_pictures

SECONDS, BYTES = 5.0, 2**30


def sources() -> dict[str, bytes]:
    """Return a small picture in each format and kind of pixels, by a name with its ending."""
    random_pixels = np.random.default_rng(0).integers(0, 256, (40, 30, 4)).astype(np.uint8)
    color, alpha = Image.fromarray(random_pixels[..., :3]), Image.fromarray(random_pixels)
    gray, deep = color.convert("L"), Image.fromarray(random_pixels[..., 0].astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "x" * 200
    frames = {"save_all": True, "append_images": [gray.convert("P")] * 3}
    kinds = {
        "color.png": (color, {}), "alpha.png": (alpha, {}), "deep.png": (deep, {}), "bit.png": (gray.convert("1"), {}),
        "palette.png": (color.quantize(16), {"transparency": 3}), "animated.png": (color, frames),
        "plain.jpg": (color, {"exif": exif}), "progressive.jpg": (color, {"progressive": True}),
        "cmyk.jpg": (color.convert("CMYK"), {}), "plain.gif": (gray.convert("P"), frames), "plain.bmp": (color, {}),
        "plain.webp": (alpha, {"lossless": True}),
        "animated.webp": (alpha, {"save_all": True, "append_images": [color]}),
        "raw.tif": (deep, {}), "lzw.tif": (color, {"compression": "tiff_lzw"}), "pages.tif": (color, frames),
        "deflate.tif": (alpha, {"compression": "tiff_adobe_deflate"}), "jpeg.tif": (color, {"compression": "jpeg"}),
        "group4.tif": (gray.convert("1"), {"compression": "group4"}), "plain.ppm": (color, {}), "plain.pgm": (gray, {}),
        "run-length.tga": (alpha, {"compression": "tga_rle"}), "plain.avif": (color, {}), "plain.jp2": (color, {}),
    }  # fmt: skip
    files = {}
    for name, (image, options) in kinds.items():
        buffer = io.BytesIO()
        with contextlib.suppress(KeyError, OSError):  # Pillow may be built without a format
            image.save(buffer, Image.registered_extensions()[Path(name).suffix], **options)
            files[name] = buffer.getvalue()
    pixels = random_pixels[None, :32, :, :3].repeat(2, 0)
    for name, save in (("plain.npz", np.savez), ("deflated.npz", np.savez_compressed)):
        save(buffer := io.BytesIO(), x=pixels, y=np.arange(2))
        files[name] = buffer.getvalue()
    return files | {"train-images-idx3-ubyte": idx(pixels), "train-images-idx3-ubyte.gz": gzip.compress(idx(pixels))}


def _numbers(dice: random.Random, data: bytes) -> bytes:
    """Change a number in the header, such as a width: to nothing, all, or something large."""
    where, size = dice.randrange(min(len(data), 600)), dice.choice([1, 2, 4])
    value = dice.choice([0, 1, 255, 4_096, 60_000, 65_535, 2**31 - 1, 2**31, 2**32 - 1]) % 256**size
    return data[:where] + value.to_bytes(size, dice.choice(["big", "little"])) + data[where + size :]


def _flips(dice: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(dice.choice([1, 1, 3, 10, 50])):
        changed[dice.randrange(len(changed))] = dice.randrange(256)
    return bytes(changed)


def _cut(dice: random.Random, data: bytes) -> bytes:
    start, end = sorted(dice.randrange(len(data)) for _ in range(2))
    return dice.choice([data[:end], data[:start] + data[end:], data[:end] + data[start:], data + data[start:]])


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _ifd(entries: dict[int, int]) -> bytes:
    values = (struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries.items())
    return struct.pack("<H", len(entries)) + b"".join(values)


def bombs() -> Iterator[tuple[str, bytes]]:
    """Yield small files that claim or hold a lot: frames, pages, pixels, texts, tiles."""
    frame = b"!\xf9\4\0\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0"
    yield "frames.gif", b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff" + frame * 200_000 + b";"
    page = _ifd({256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 273: 0, 277: 1, 278: 8, 279: 64})
    starts = range(8, 200_000 * (len(page) + 4), len(page) + 4)
    yield "pages.tif", b"II*\0\10\0\0\0" + b"".join(page + struct.pack("<I", at + len(page) + 4) for at in starts)
    yield (
        "zeros-train-images-idx3-ubyte.gz",
        gzip.compress(bytes([0, 0, 8, 3]) + struct.pack(">III", 10**5, 60, 60) + bytes(36 * 10**7), 1),
    )
    np.savez_compressed(buffer := io.BytesIO(), x=np.zeros((10**5, 60, 60), np.uint8))
    yield "zeros.npz", buffer.getvalue()
    shape = {"shape": (10**7, 10**7), "fortran_order": False, "descr": "|u1"}
    np.lib.format.write_array_header_2_0(buffer := io.BytesIO(), shape)
    with zipfile.ZipFile(archived := io.BytesIO(), "w") as archive:
        archive.writestr("x.npy", buffer.getvalue())
    yield "shape.npz", archived.getvalue()
    head = b"\x89PNG\r\n\x1a\n"
    side = 6_300
    lines = _chunk(b"IDAT", zlib.compress(bytes(side * (4 * side + 1)), 1)) + _chunk(b"IEND", b"")
    for width, depth, kind in ((side, 8, 6), (side, 16, 0), (60_000, 8, 6), (2**31 - 1, 16, 6)):
        header = head + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, side, depth, kind, 0, 0, 0))
        yield f"{width}-{depth}-{kind}.png", header + lines
    text = zlib.compress(bytes(300_000_000), 1)
    yield "text.png", header + _chunk(b"zTXt", b"x\0\0" + text) + lines
    yield "profile.png", header + _chunk(b"iCCP", b"x\0\0" + text) + lines
    tile = _ifd({256: 64, 257: 64, 258: 8, 259: 8, 262: 1, 277: 1, 322: 60_000, 323: 60_000, 324: 134, 325: len(text)})
    yield "tile.tif", b"II*\0\10\0\0\0" + tile + bytes(4) + text
    for kind, mode, options in (("TIFF", "RGBA", {"compression": "tiff_lzw"}), ("JPEG", "CMYK", {"progressive": True})):
        buffer = io.BytesIO()
        Image.new(mode, (side, side)).save(buffer, kind, **options)
        yield f"{mode}.{kind.lower()}", buffer.getvalue()


def attacks(seed: int, count: int) -> list[tuple[str, bytes]]:
    """Return files with the name of their attack, the same for the same seed; those of `bombs` come first."""
    good = list(sources().items())
    files = list(islice(bombs(), count // 5))
    for number in range(count - len(files)):
        dice = random.Random(f"{seed}/{number}")
        name, data = good[number % len(good)]
        damage = dice.choice([_flips, _flips, _cut, _numbers, _numbers])
        files.append((f"{damage.__name__[1:]}-{name}", damage(dice, data)))
    return files


def main(seed: int = 0, count: int = 2_000) -> int:
    """Read pictures, print what came of them, and return 1 if one did harm."""
    start, bad, answers, slowest, largest = time.perf_counter(), [], 0, 0.0, 0
    files = attacks(seed, count)
    warnings.simplefilter("error")
    with tempfile.TemporaryDirectory() as folder:
        read_pictures([_write(Path(folder), "a.png", sources()["color.png"])], Form((32, 32, 3), "uint8"))
        for number, (name, data) in enumerate(files):
            path = _write(Path(folder), f"{number}-{name}", data)
            forget_peak()
            base, since = memory("VmRSS"), time.perf_counter()
            faulthandler.dump_traceback_later(4 * SECONDS, exit=True)
            try:
                pixels = read_pictures([path], Form((32, 32, 3), "uint8")).pixels
                answers += 1
                if pixels.shape[1:3] != (32, 32):
                    bad.append(f"{path.name}: {pixels.shape}")
            except DataError as error:
                if path.name not in str(error):
                    bad.append(f"{path.name}: not named: {error}")
            except Exception:  # noqa: BLE001 - whatever it is, it is counted
                bad.append(f"{path.name}: {traceback.format_exc(limit=-2)}")
            faulthandler.cancel_dump_traceback_later()
            seconds, used = time.perf_counter() - since, memory("VmHWM") - base
            slowest, largest = max(slowest, seconds), max(largest, used)
            if seconds > SECONDS or used > BYTES:
                bad.append(f"{path.name}: {seconds:.1f} s, {used / 2**20:.0f} MiB")
            path.unlink()
    print(
        f"{len(files)} damaged or hostile pictures in {time.perf_counter() - start:.0f} s: {answers} answers, harm "
        f"{len(bad)}; slowest {slowest:.2f} s, largest {largest / 2**20:.0f} MiB"
    )
    for line in bad:
        print("BAD", line)
    return bool(bad)


def _write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))

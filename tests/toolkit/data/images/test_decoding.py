"""Picture files to pixels."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from toolkit.common.errors import DataError
from toolkit.data.images.decoding import Form, check_size, decode, resize


def read(folder, *, strict=False, **options):
    """Decode every file of a folder, in the order of their names."""
    paths = sorted(folder.iterdir())
    return decode(paths, [path.name for path in paths], "folder", strict=strict, **options)


def noise(height, width, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels)).astype(np.uint8)


def blocks(height, width):
    """Return red, green, blue and white quarters, which JPEG hardly changes."""
    pixels = np.full((height, width, 3), 255, np.uint8)
    pixels[: height // 2, : width // 2] = (255, 0, 0)
    pixels[: height // 2, width // 2 :] = (0, 255, 0)
    pixels[height // 2 :, : width // 2] = (0, 0, 255)
    return pixels


def test_lossless_pictures_of_one_small_size_come_back_as_they_are(tmp_path):
    originals = [noise(20, 30, seed=seed) for seed in range(3)]
    for index, (pixels, ending) in enumerate(zip(originals, ("png", "bmp", "tif"), strict=True)):
        Image.fromarray(pixels).save(tmp_path / f"{index}.{ending}")
    stack = read(tmp_path)
    assert stack.pixels.dtype == np.uint8
    assert np.array_equal(stack.pixels, np.stack(originals))
    assert (stack.names, stack.notes) == (["0.png", "1.bmp", "2.tif"], [])
    assert stack.target.shape == (3, 0)


def test_pictures_decoded_in_parallel_keep_their_order(tmp_path):
    for index in range(120):
        Image.new("L", (4, 4), index).save(tmp_path / f"{index:03}.png")
    assert read(tmp_path).pixels[:, 0, 0, 0].tolist() == list(range(120))


def test_pictures_of_different_sizes_get_the_median_size_at_most_64(tmp_path):
    for index, (height, width) in enumerate([(100, 200), (300, 400), (200, 300)]):
        Image.new("RGB", (width, height), (10 * index, 0, 200)).save(tmp_path / f"{index}.png")
    stack = read(tmp_path)
    assert stack.pixels.shape == (3, 43, 64, 3)  # 200 x 300, by 64 / 300
    assert stack.pixels[:, 0, 0, 0].tolist() == [0, 10, 20]
    assert stack.notes[0].startswith("All 3 pictures were resized to 43 × 64 pixels, height × width")
    assert stack.notes[0].endswith("Before: 100 × 200 to 300 × 400.")
    assert stack.notes[1] == "2 of 3 pictures were stretched by more than a tenth, to fit this size."


def test_the_size_may_be_chosen(tmp_path):
    Image.fromarray(noise(20, 20)).save(tmp_path / "0.png")
    assert read(tmp_path, size=(8, 12)).pixels.shape == (1, 8, 12, 3)
    assert "(as asked)" in read(tmp_path, size=(8, 12)).notes[0]
    assert "(the size of the training images)" in read(tmp_path, form=Form((8, 12, 3), "uint8")).notes[0]


def test_large_pictures_of_one_size_are_scaled_down_too(tmp_path):
    Image.new("L", (1000, 500), 7).save(tmp_path / "0.png")
    stack = read(tmp_path)
    assert stack.pixels.shape == (1, 32, 64, 1)
    assert (stack.pixels == 7).all()


@pytest.mark.parametrize("size", [0, 3, 2000, 8.0, True, (), (8, 8, 3), "8"])
def test_a_size_that_can_not_be_used_is_refused(size):
    with pytest.raises(DataError, match=r"size=.*: expected a number of pixels from 4 to 1,024"):
        check_size(size)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_test_a_picture_is_rotated_upright_as_its_exif_data_says_as_its_exif_data_says(
    tmp_path, orientation
):
    upright = blocks(32, 48)
    # How a camera stores it: the inverse of what a reader must do for this orientation (EXIF 2.3, tag 274).
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "0.jpg", exif=exif, quality=95, subsampling=0)
    stack = read(tmp_path)
    assert stack.pixels.shape == (1, 32, 48, 3)
    assert np.abs(stack.pixels[0].astype(int) - upright).mean() < 4
    assert any("upright" in note for note in stack.notes) == (orientation > 1)


def test_a_transparent_picture_is_set_on_white(tmp_path):
    half = np.zeros((4, 4, 4), np.uint8)
    half[..., 0], half[..., 3] = 200, 255
    half[:, 2:, 3] = 0
    half[0, 0, 3] = 128
    Image.fromarray(half).save(tmp_path / "0.png")
    opaque = np.full((4, 4, 4), 255, np.uint8)
    opaque[..., 1] = 0
    Image.fromarray(opaque).save(tmp_path / "1.png")
    stack = read(tmp_path)
    assert stack.pixels[0, 1, 0].tolist() == [200, 0, 0]
    assert stack.pixels[0, 1, 3].tolist() == [255, 255, 255]
    assert stack.pixels[0, 0, 0] == pytest.approx([200 * 128 / 255 + 127, 127, 127], abs=1)
    assert stack.notes == ["1 of 2 pictures was transparent, and set on white."]


def test_transparent_palettes_and_grays_are_set_on_white_too(tmp_path):
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([9, 9, 9, 0, 0, 255])
    palette.putpixel((0, 0), 0)
    palette.save(tmp_path / "0.png", transparency=0)
    gray = Image.new("LA", (4, 4), (30, 255))
    gray.putpixel((0, 0), (30, 0))
    gray.save(tmp_path / "1.png")
    stack = read(tmp_path)
    assert stack.pixels[:, 0, 0].tolist() == [[255, 255, 255], [255, 255, 255]]
    assert stack.pixels[:, 1, 1].tolist() == [[0, 0, 255], [30, 30, 30]]
    assert "All 2 pictures were transparent, and set on white." in stack.notes


def test_printing_colors_become_red_green_and_blue(tmp_path):
    Image.fromarray(blocks(32, 32)).convert("CMYK").save(tmp_path / "0.jpg", quality=95)
    stack = read(tmp_path)
    assert np.abs(stack.pixels[0].astype(int) - blocks(32, 32)).mean() < 4
    assert any("CMYK" in note for note in stack.notes)


def test_a_palette_gives_its_colors(tmp_path):
    Image.fromarray(blocks(8, 8)).quantize(4).save(tmp_path / "0.gif")
    assert np.array_equal(read(tmp_path).pixels[0], blocks(8, 8))


def test_16_bits_keep_their_precision(tmp_path):
    deep = (np.arange(64).reshape(8, 8) * 13 + 4000).astype(np.uint16)  # 12-bit data, as from a scanner
    Image.fromarray(deep).save(tmp_path / "0.png")
    Image.new("L", (8, 8), 100).save(tmp_path / "1.png")
    stack = read(tmp_path)
    assert stack.pixels.dtype == np.float32
    assert stack.pixels[0, ..., 0] == pytest.approx(deep / 257, rel=1e-6)
    assert (stack.pixels[1] == 100).all()
    assert any("16 bits" in note for note in stack.notes)
    eight = read(tmp_path, form=Form((8, 8, 1), "uint8"))
    assert eight.pixels.dtype == np.uint8
    assert np.array_equal(eight.pixels[0, ..., 0], np.rint(deep / 257))


def test_black_and_white_is_0_and_255(tmp_path):
    bits = np.eye(6, dtype=bool)
    Image.fromarray(bits).save(tmp_path / "0.png")
    assert np.array_equal(read(tmp_path).pixels[0, ..., 0], bits * np.uint8(255))


def test_grays_that_are_stored_as_colors_need_one_channel(tmp_path):
    for seed in range(2):
        gray = noise(9, 9, 1, seed)
        Image.fromarray(np.repeat(gray, 3, axis=2)).save(tmp_path / f"{seed}.png")
    stack = read(tmp_path)
    assert stack.pixels.shape == (2, 9, 9, 1)
    assert np.array_equal(stack.pixels[1], noise(9, 9, 1, 1))
    assert any("one channel" in note for note in stack.notes)


def test_grays_among_colors_get_three_equal_channels_and_the_other_way_round(tmp_path):
    Image.fromarray(noise(9, 9)).save(tmp_path / "0.png")
    Image.fromarray(noise(9, 9, 1)[..., 0]).save(tmp_path / "1.png")
    stack = read(tmp_path)
    assert stack.pixels.shape == (2, 9, 9, 3)
    assert np.array_equal(stack.pixels[1], np.repeat(noise(9, 9, 1), 3, axis=2))
    gray = read(tmp_path, form=Form((9, 9, 1), "uint8"))
    weights = noise(9, 9) @ np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
    assert gray.pixels[0, ..., 0] == pytest.approx(weights, abs=1)


def test_the_first_frame_of_an_animation_is_taken(tmp_path):
    frames = [Image.new("L", (6, 6), shade) for shade in (50, 200)]
    frames[0].save(tmp_path / "0.gif", save_all=True, append_images=frames[1:])
    stack = read(tmp_path)
    assert (stack.pixels == 50).all()
    assert any("first frame" in note for note in stack.notes)


def spoil(folder, count):
    """Write files that can't be read, for four reasons in turn."""
    jpeg = io.BytesIO()
    Image.fromarray(noise(40, 40)).save(jpeg, "JPEG")
    content = jpeg.getvalue()
    kinds = [content[: len(content) // 2], b"", b"<html>", content[:20]]
    for index in range(count):
        (folder / f"bad{index}.jpg").write_bytes(kinds[index % len(kinds)])


def test_a_damaged_file_is_named_counted_and_left_out(tmp_path):
    for index in range(20):
        Image.fromarray(noise(40, 40, seed=index)).save(tmp_path / f"good{index:02}.png")
    spoil(tmp_path, 1)
    stack = read(tmp_path)
    assert stack.names == [f"good{index:02}.png" for index in range(20)]
    assert np.array_equal(stack.pixels[0], noise(40, 40))
    assert stack.notes[0] == "1 file that can't be read was left out: bad0.jpg (truncated)."


def test_more_than_one_in_a_hundred_is_an_error_that_names_them(tmp_path):
    for index in range(297):
        Image.new("L", (4, 4), index % 256).save(tmp_path / f"good{index}.png")
    spoil(tmp_path, 3)
    assert len(read(tmp_path).pixels) == 297
    spoil(tmp_path, 4)
    with pytest.raises(DataError, match=r"4 of 301 pictures can't be read, more than 1 in 100: bad0\.jpg") as error:
        read(tmp_path)
    for reason in ("bad0.jpg (truncated)", "bad1.jpg (empty)", "bad2.jpg (not a picture)", "bad3.jpg ("):
        assert reason in str(error.value)


def test_where_every_picture_counts_one_damaged_file_is_an_error(tmp_path):
    for index in range(5):
        Image.new("L", (4, 4), index).save(tmp_path / f"good{index}.png")
    spoil(tmp_path, 1)
    with pytest.raises(DataError, match=r"1 of 6 pictures can't be read: bad0\.jpg \(truncated\)"):
        read(tmp_path, strict=True)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"gone\.png can't be read as a picture: there is no such file"):
        decode([tmp_path / "gone.png"], ["gone.png"], "folder")


def test_a_picture_of_gigantic_size_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    Image.new("L", (50, 50)).save(tmp_path / "0.png")
    with pytest.raises(DataError, match="too large"):
        read(tmp_path)


def test_a_stack_that_can_not_fit_into_memory_is_refused():
    pixels = np.broadcast_to(np.zeros((4, 4, 3), np.uint8), (10**12, 4, 4, 3))  # one image repeated, without a copy
    with pytest.raises(DataError, match="need 11,444,092 GiB, more memory than there is: give a smaller size="):
        resize(pixels, (64, 64))


def test_resizing_arrays_keeps_type_channels_and_flat_colors():
    pixels = np.zeros((3, 10, 20, 3), np.float32)
    pixels[..., 1], pixels[2] = 0.5, -7.0
    resized = resize(pixels, (5, 40))
    assert (resized.dtype, resized.shape) == (np.float32, (3, 5, 40, 3))
    assert (resized[0, ..., 1] == 0.5).all()
    assert (resized[2] == -7).all()
    assert resize(pixels, (10, 20)) is pixels


def test_a_picture_of_too_many_pixels_is_left_out_by_name(tmp_path):
    Image.new("1", (8_000, 5_001)).save(tmp_path / "huge.png")
    Image.new("L", (8, 5)).save(tmp_path / "small.png")
    stack = read(tmp_path)
    assert stack.names == ["small.png"]
    assert "huge.png (too large: more than 40 million pixels)" in stack.notes[0]


def test_a_file_in_a_format_that_is_none_of_the_endings_is_no_picture(tmp_path):
    Image.new("RGB", (8, 5)).save(tmp_path / "a.png", format="PCX")
    Image.new("RGB", (8, 5)).save(tmp_path / "b.png")
    stack = read(tmp_path)
    assert stack.names == ["b.png"]
    assert "a.png (not a picture)" in stack.notes[0]

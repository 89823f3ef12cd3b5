"""Arrays of pixels as pictures for a page: small PNG data URIs, the same bytes each time."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["data_uri", "displayed", "heat", "scale_of", "shrunk", "signed", "strip"]

SIDE = 64  # pixels of a side up to which an image is shown as it is

# Two colors that can be seen on white as well as on black.
_BLUE, _ORANGE = (63, 134, 217), (221, 110, 38)
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def displayed(pixels: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Return images as bytes: black at the smallest pixel of the training images, white at the largest.

    Args:
        pixels: Shape (n, height, width, channels). Bytes are left as they are where more than half of their range is
            used.
        low: The smallest pixel.
        high: The largest pixel.

    Example:
        >>> displayed(np.array([[[[0.0]]], [[[16.0]]]]), 0, 16).ravel().tolist()
        [0, 255]
    """
    if pixels.dtype == np.uint8 and high - low > 127:
        return pixels
    share = (pixels.astype(np.float64) - low) / ((high - low) or 1.0)
    return np.rint(255 * share.clip(0, 1)).astype(np.uint8)


def shrunk(pixels: NDArray[np.uint8], side: int = SIDE) -> NDArray[np.uint8]:
    """Return images whose sides are at most `side` pixels; larger ones become means of squares.

    Example:
        >>> shrunk(np.zeros((2, 128, 96, 3), np.uint8)).shape
        (2, 64, 48, 3)
    """
    # Rounded up: 130 pixels at a side of 64 need squares of 3, and 43 of them fit.
    square = -(-max(pixels.shape[1:3]) // side)
    if square <= 1:
        return pixels
    down, across = (min(square, size) for size in pixels.shape[1:3])
    height, width = pixels.shape[1] // down, pixels.shape[2] // across
    cut = pixels[:, : height * down, : width * across].astype(np.float64)
    # (n, height * down, width * across, channels) -> (n, height, down, width, across, channels), then means of squares
    means = cut.reshape(len(pixels), height, down, width, across, -1).mean(axis=(2, 4))
    return np.rint(means).astype(np.uint8)


def scale_of(height: int, width: int, side: int = 48) -> int:
    """Return by what whole number to enlarge an image to a side of about `side` CSS pixels: its pixels stay sharp.

    Example:
        >>> scale_of(8, 8), scale_of(28, 28), scale_of(64, 48)
        (6, 2, 1)
    """
    return max(1, round(side / max(height, width)))


def data_uri(pixels: NDArray[np.uint8]) -> str:
    """Return one image as a PNG in a data URI.

    Args:
        pixels: Shape (height, width, channels): 1 channel (gray) or 3 (color), and one more for opacity.

    Example:
        >>> data_uri(np.zeros((2, 2, 1), np.uint8))[:30]
        'data:image/png;base64,iVBORw0K'
    """
    channels = pixels.shape[2]
    image = Image.fromarray(np.ascontiguousarray(pixels if channels > 1 else pixels[..., 0]))
    if image.mode != _MODES[channels]:
        raise ValueError(f"an image of {channels} channels became {image.mode}, expected {_MODES[channels]}")
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"


def strip(pixels: NDArray[np.uint8], gap: int = 1) -> NDArray[np.uint8]:
    """Return images side by side in one, with clear gaps.

    Args:
        pixels: Shape (n, height, width, channels), 1 or 3 channels.
        gap: Pixels between two images.

    Returns:
        Shape (height, n * width + (n - 1) * gap, channels + 1); the last channel is opacity.

    Example:
        >>> strip(np.zeros((3, 4, 5, 1), np.uint8)).shape
        (4, 17, 2)
    """
    opaque = np.concatenate([pixels, np.full_like(pixels[..., :1], 255)], axis=3)
    padded = np.pad(opaque, ((0, 0), (0, 0), (0, gap), (0, 0)))  # a clear gap to the right of each image
    # (n, height, width + gap, channels + 1) -> (height, n, width + gap, ...) -> (height, n * (width + gap), ...): a row
    # of the strip is that row of the first image, then of the second, and so on.
    joined = padded.transpose(1, 0, 2, 3).reshape(pixels.shape[1], -1, pixels.shape[3] + 1)
    return joined[:, : joined.shape[1] - gap]


def signed(weights: NDArray[Any]) -> NDArray[np.uint8]:
    """Return weights as an image: blue above 0, orange below, clear at 0; those of three channels as colors, gray at 0.

    Args:
        weights: Shape (height, width, 1) or (height, width, 3).

    Returns:
        Shape (height, width, 4) or (height, width, 3). The weight farthest from 0 has the full color.

    Example:
        >>> signed(np.array([[[2.0], [0.0], [-1.0]]]))[0].tolist()
        [[63, 134, 217, 255], [63, 134, 217, 0], [221, 110, 38, 128]]
    """
    share = weights.astype(np.float64) / (np.abs(weights).max(initial=0.0) or 1.0)
    if weights.shape[2] == 3:
        return np.rint(127.5 + 127.5 * share).astype(np.uint8)
    # share (height, width, 1) against a color (3,) -> (height, width, 3); the size of a weight becomes its opacity.
    color = np.where(share >= 0, _BLUE, _ORANGE)
    return np.concatenate([color, np.rint(255 * np.abs(share))], axis=2).astype(np.uint8)


def heat(image: NDArray[np.uint8], drop: NDArray[Any]) -> NDArray[np.uint8]:
    """Return a dim gray image under a map: orange where hiding it lowers a score, blue where that raises it.

    Args:
        image: Shape (height, width, channels), as `displayed` returns it.
        drop: Shape (height, width): by how much the score falls where that place is hidden.

    Returns:
        Shape (height, width, 3). The place that matters most has the full color.
    """
    # (height, width) -> (height, width, 1), to meet colors (3,)
    share = (drop / (np.abs(drop).max(initial=0.0) or 1.0))[..., None]
    # Gray from 45 to 172: neither black nor white, so that both colors stand out from it.
    gray = 45 + 0.5 * image.astype(np.float64).mean(axis=2, keepdims=True)
    cover = 0.85 * np.abs(share)
    return np.rint(gray * (1 - cover) + np.where(share >= 0, _ORANGE, _BLUE) * cover).astype(np.uint8)

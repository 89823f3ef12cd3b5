"""Read a page: its elements, its words, its pictures."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
from PIL import Image

VOID = {"meta", "link", "br", "img", "wbr", "hr", "input"}


class Page(HTMLParser):
    """The elements of a page, each with its attributes, its text and the tags around it. Tags must close in order."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.open = [], []
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        element = {"tag": tag, "text": "", "path": [entry["tag"] for entry in self.open], **dict(attrs)}
        assert len(dict(attrs)) == len(attrs), f"{tag} has an attribute twice"
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, tag
        assert self.open.pop()["tag"] == tag, tag

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def all(self, *tags):
        return [element for element in self.elements if element["tag"] in tags]

    def section(self, name):
        return words(next(element for element in self.all("section") if element["id"] == name)["text"])


def words(text):
    """Return a text without invisible characters, and with single spaces."""
    return " ".join(re.sub("[\u2068\u2069]", "", text).split())


def everything(value):
    """Return every leaf of a summary."""
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in everything(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in everything(item)]
    return [value]


def pixels_of(uri):
    """Return the pixels of a picture in a page, shape (height, width, channels)."""
    kind, content = uri.split(",")
    assert kind == "data:image/png;base64"
    array = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))
    return array if array.ndim == 3 else array[..., None]

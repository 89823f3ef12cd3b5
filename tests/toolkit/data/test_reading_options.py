"""The options of reading are checked before anything is read."""

from __future__ import annotations

import pytest

from toolkit.common.errors import DataError
from toolkit.data.reading_options import ReadingOptions


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"sep": ""}, "sep='': expected one character"),
        ({"sep": "::"}, "sep='::': expected one character"),
        ({"sep": '"'}, "sep='\"' can't separate cells"),
        ({"sep": 3}, "sep=3: expected one character"),
        ({"thousands": "  "}, "thousands='  ': expected one character"),
        ({"decimal": ";"}, "decimal=';'"),
        ({"decimal": ",", "thousands": ","}, "decimal and thousands are both ','; they must differ"),
        ({"encoding": 8}, "encoding=8: expected the name of an encoding"),
        ({"header": -1}, "header=-1: expected the number of a row, from 0, or 'none'"),
        ({"header": "first"}, "header='first': expected the number of a row"),
        ({"header": True}, "header=True: expected the number of a row"),
        ({"na_values": b"x"}, "na_values=b'x': expected a text or a list of texts"),
        ({"na_values": [None]}, r"na_values=\[None\]: expected a text or a list of texts"),
        ({"dayfirst": "yes"}, "dayfirst='yes': expected True, False or None"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused(options, says):
    with pytest.raises(DataError, match=says):
        ReadingOptions(**options)


def test_a_tab_may_be_written_as_on_a_command_line_and_missing_words_in_any_form():
    assert ReadingOptions(sep=r"\t").sep == "\t"
    assert ReadingOptions(na_values=None).na_values == ()
    assert ReadingOptions(na_values=-9).na_values == ReadingOptions(na_values=["-9"]).na_values
    assert ReadingOptions(na_values={"b", "a"}).na_values == ReadingOptions(na_values=["a", "b"]).na_values

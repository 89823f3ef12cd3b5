"""Files as people export them are read as they were meant, and what is unusual about them stands in the notes."""

import numpy as np
import pytest

from tests.helpers.exports import exports
from toolkit.data.prepare import prepare


@pytest.mark.parametrize("export", exports(), ids=lambda export: export.name)
def test_an_exported_file_is_read_as_it_was_meant(export, tmp_path):
    path = tmp_path / export.name
    path.write_bytes(export.content)
    data = prepare(path, export.target, task="binary")
    order = np.argsort(data.source_rows)
    rows = data.source_rows[order] - 1
    read = {name: data.features.frame[name].to_numpy()[order] for name in data.features.frame}
    for name, values in export.meant.items():
        assert name in read, f"set aside: {data.set_aside.get(name)}"
        np.testing.assert_array_equal(read[name].astype(values.dtype), values[rows])
    if export.labels is not None:
        assert data.target_frame.iloc[order, 0].astype(str).tolist() == export.labels[rows].tolist()
        assert len(rows) == len(export.labels)
    reasons = [f"'{name}': {reason}" for name, reason in data.set_aside.items()]
    for words in export.says:
        assert words in " ".join([*data.notes, *reasons])

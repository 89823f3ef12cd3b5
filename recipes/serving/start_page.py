"""The start page of the web application: a form with a field for each column."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from toolkit.common.formatting import listing
from toolkit.data.columns import CLOCK

if TYPE_CHECKING:
    from recipes.serving.records import Records
    from toolkit.data.columns import Column

__all__ = ["POLICY", "SCRIPT", "start_page"]

POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; form-action 'none'"

#: Sends the form as one record, and shows the answer. Empty fields are missing cells. What is no number in a field of
#: numbers goes as text, for the server to refuse.
SCRIPT = """\
const form = document.querySelector("form"), output = document.querySelector("output");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const record = Object.fromEntries([...form.elements].filter((field) => field.name).map((field) => {
    const text = field.value.trim(), lower = text.toLowerCase(), kind = field.dataset.kind;
    if (text === "") return [field.name, null];
    if (kind === "number" && Number.isFinite(Number(text))) return [field.name, Number(text)];
    if (kind === "boolean" && ["true", "false"].includes(lower)) return [field.name, lower === "true"];
    return [field.name, field.value];
  }));
  const headers = {"content-type": "application/json"};
  const response = await fetch("predict", {method: "POST", headers, body: JSON.stringify(record)});
  const answer = await response.json();
  const lines = response.ok
    ? [...Object.entries(answer.predictions[0]).map(([name, value]) => `${name}: ${value}`), ...answer.notes]
    : answer.detail.map((problem) => `${problem.loc.slice(1).join(" ")}: ${problem.msg}`);
  output.textContent = lines.join("\\n");
});
"""

# What a field shows while it is empty.
_HINTS = {"number": "a number", "boolean": "true or false", CLOCK: "14:30"}

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
body {{ max-width: 40rem; margin: 2rem auto; padding: 0 1rem; }}
p, label {{ overflow-wrap: anywhere; }}
label {{ display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; align-items: center; margin: .4rem 0; }}
input {{ min-width: 0; font: inherit; padding: .2rem .4rem; }}
button {{ font: inherit; padding: .3rem 1rem; margin-top: .5rem; }}
output {{ display: block; white-space: pre-wrap; margin: 1rem 0; }}
</style>
<h1>{title}</h1>
<p>Predicts {target}. Programs send records or a CSV table to <code>predict</code>; <a href="schema">schema</a> and
<a href="openapi.json">OpenAPI</a> describe them. An empty field is a missing cell.</p>
<form>
{fields}
<button>Predict</button>
</form>
<output aria-live="polite"></output>
<script src="form.js"></script>
</html>
"""


def start_page(title: str, target: list[str], records: Records) -> str:
    """Return the HTML of the start page.

    Args:
        title: The name of the model.
        target: What it predicts.
        records: The columns.
    """
    fields = "\n".join(_field(number, column, records) for number, column in enumerate(records.columns))
    return _PAGE.format(title=escape(title), target=escape(listing(target)), fields=fields)


def _field(number: int, column: Column, records: Records) -> str:
    name = escape(column.name)
    levels = ["true", "false"] if column.kind == "boolean" else records.levels(column)
    options = "".join(f'<option value="{escape(level)}">' for level in levels)
    choices = f'<datalist id="levels-{number}">{options}</datalist>' if levels else ""
    attributes = f' list="levels-{number}"' if levels else ' inputmode="decimal"' if column.kind == "number" else ""
    hint = _HINTS.get(column.format or column.kind, "")
    attributes += f' data-kind="{column.format or column.kind}" placeholder="{hint}"'
    return f'<label>{name} <input name="{name}"{attributes} autocomplete="off"></label>{choices}'

"""The directive ``lint-rules``: every rule of the linter, as its class tells it."""

from __future__ import annotations

import inspect
import typing as t

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from flask_datamigrate.lint.rules import RULES
from flask_datamigrate.lint.rules.base import Rule


class LintRules(SphinxDirective):
    """Write a table of the rules, and a section for each."""

    def run(self) -> list[nodes.Node]:
        for rule in RULES:
            self.env.note_dependency(inspect.getfile(type(rule)))
        lines = ["| rule | finds | severity |", "|---|---|---|"]
        lines += [
            f"| {rule.id} | {rule.title} | {rule.severity.value} |" for rule in RULES
        ]
        sections = "\n".join(_section(rule) for rule in RULES)
        text = "\n".join([*lines, sections])
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, t.Any]:
    app.add_directive("lint-rules", LintRules)
    return {"parallel_read_safe": True}


def _section(rule: Rule) -> str:
    return f"""
## {rule.id}: {rule.title}

Severity: {rule.severity.value}

{rule.breaks}

Found:

```python
{rule.wrong.strip()}
```

Instead:

```python
{rule.right.strip()}
```
"""

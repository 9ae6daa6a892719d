"""No example in the documentation stands outside of the tests by accident."""

from __future__ import annotations

import ast

import pytest

from tests.docs.blocks import Block
from tests.docs.blocks import all_blocks

KINDS = {
    "body": "python",
    "command": "sh",
    "error": "text",
    "fragment": "python",
    "patch": "diff",
    "revision": "python",
    "session": "console",
    "set": "python",
    "shown": None,
    "trap": "sql",
    "write": "python",
}


@pytest.mark.parametrize("block", all_blocks(), ids=str)
def test_each_block_says_how_it_is_tested(block: Block) -> None:
    assert block.kind in KINDS, "a block needs a marker, see tests/docs/blocks.py"
    assert KINDS[block.kind] in (None, block.language)


@pytest.mark.parametrize(
    "block", [b for b in all_blocks() if b.language == "python"], ids=str
)
def test_the_python_of_the_documentation_is_python(block: Block) -> None:
    ast.parse(block.text)


@pytest.mark.parametrize("kind", ["revision", "error", "trap"])
def test_no_two_examples_share_a_name(kind: str) -> None:
    names = [block.name for block in all_blocks(kind)]

    assert len(names) == len(set(names))

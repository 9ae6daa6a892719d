"""The rules, by id."""

from __future__ import annotations

from .base import Rule
from .constraints import DropUnnamed
from .constraints import UnnamedConstraint
from .ignoring import IgnoreWithoutReason
from .ignoring import UnusedIgnore
from .imports import AppImport
from .imports import ModelsImport
from .locks import LockingCheck
from .locks import LockingForeignKey
from .locks import LockingIndex
from .locks import LockingNotNull
from .locks import NotNullWithoutDefault
from .locks import TypeChange
from .rows import NeverClears
from .rows import OffsetPaging
from .rows import RowByRow
from .rows import WholeTable
from .shape import Drop
from .shape import MissingDowngrade
from .shape import Rename
from .texts import FormattedSql
from .texts import LimitedChange
from .texts import OneDialect
from .transactions import ConnectionCommit
from .transactions import OtherCommit
from .transactions import SchemaBesideData
from .tree import SeveralHeads
from .tree import UnreadableScript

UNREADABLE = UnreadableScript()
HEADS = SeveralHeads()
NO_REASON = IgnoreWithoutReason()
UNUSED = UnusedIgnore()

RULES: tuple[Rule, ...] = (
    UNREADABLE,
    ModelsImport(),
    AppImport(),
    WholeTable(),
    RowByRow(),
    OffsetPaging(),
    NeverClears(),
    SchemaBesideData(),
    ConnectionCommit(),
    OtherCommit(),
    OneDialect(),
    MissingDowngrade(),
    Drop(),
    UnnamedConstraint(),
    DropUnnamed(),
    LockingIndex(),
    LockingForeignKey(),
    LockingCheck(),
    LockingNotNull(),
    NotNullWithoutDefault(),
    TypeChange(),
    Rename(),
    LimitedChange(),
    FormattedSql(),
    HEADS,
    NO_REASON,
    UNUSED,
)
IDS = frozenset(rule.id for rule in RULES)

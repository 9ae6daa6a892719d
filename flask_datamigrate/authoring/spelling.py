"""The Python spelling of a type: portable where nothing is lost, exact otherwise."""

from __future__ import annotations

import ast
import dataclasses
import typing as t

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite

from .naming import literal
from .naming import quoted

_Type = sa.types.TypeEngine[t.Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Spelling:
    """The code of a type.

    :param code: an expression, such as ``sa.String(100)``.
    :param imports: the import lines it needs.
    """

    code: str
    imports: frozenset[str] = frozenset({"import sqlalchemy as sa"})

    @property
    def unknown(self) -> bool:
        """Whether the type is one that SQLAlchemy cannot name."""
        return self.code == _UNKNOWN


_UNKNOWN = "sa.types.NullType"


@dataclasses.dataclass(frozen=True, slots=True)
class _Portable:
    """A type of ``sqlalchemy`` itself that stands for one of a dialect.

    :param name: its name in ``sqlalchemy``.
    :param args: the attributes passed on by position, up to the last one set.
    :param keywords: the attributes passed on by name when set.
    """

    name: str
    args: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()


_STRING = ("length",), ("collation",)
_NUMBER = ("precision", "scale"), ()

# By __visit_name__, which a type of a dialect shares with its portable sibling.
_PORTABLE = {
    "BIGINT": _Portable("BigInteger"),
    "BINARY": _Portable("BINARY", ("length",)),
    "BLOB": _Portable("LargeBinary"),
    "BOOLEAN": _Portable("Boolean"),
    "BYTEA": _Portable("LargeBinary"),
    "CHAR": _Portable("CHAR", *_STRING),
    "CLOB": _Portable("Text"),
    "DATE": _Portable("Date"),
    "DATETIME": _Portable("DateTime", (), ("timezone",)),
    "DECIMAL": _Portable("Numeric", *_NUMBER),
    "DOUBLE": _Portable("Double"),
    "DOUBLE_PRECISION": _Portable("Double"),
    "FLOAT": _Portable("Float", ("precision",)),
    "INTEGER": _Portable("Integer"),
    "INTERVAL": _Portable("Interval"),
    "JSON": _Portable("JSON"),
    "NCHAR": _Portable("NCHAR", *_STRING),
    "NUMERIC": _Portable("Numeric", *_NUMBER),
    "NVARCHAR": _Portable("NVARCHAR", *_STRING),
    "REAL": _Portable("REAL"),
    "SMALLINT": _Portable("SmallInteger"),
    "TEXT": _Portable("Text", *_STRING),
    "TIME": _Portable("Time", (), ("timezone",)),
    "TIMESTAMP": _Portable("DateTime", (), ("timezone",)),
    "UUID": _Portable("Uuid"),
    "VARBINARY": _Portable("VARBINARY", ("length",)),
    "VARCHAR": _Portable("String", *_STRING),
    "big_integer": _Portable("BigInteger"),
    "boolean": _Portable("Boolean"),
    "date": _Portable("Date"),
    "datetime": _Portable("DateTime", (), ("timezone",)),
    "double": _Portable("Double"),
    "float": _Portable("Float", ("precision",)),
    "integer": _Portable("Integer"),
    "large_binary": _Portable("LargeBinary", ("length",)),
    "numeric": _Portable("Numeric", *_NUMBER),
    "small_integer": _Portable("SmallInteger"),
    "string": _Portable("String", *_STRING),
    "text": _Portable("Text", *_STRING),
    "time": _Portable("Time", (), ("timezone",)),
    "unicode": _Portable("Unicode", *_STRING),
    "unicode_text": _Portable("UnicodeText", *_STRING),
    "uuid": _Portable("Uuid"),
}

# What only a dialect's own type can say; any of these set keeps that type.
_EXACT = (
    "ascii",
    "binary",
    "charset",
    "fields",
    "fsp",
    "national",
    "unsigned",
    "zerofill",
)

_DIALECTS = {"mysql": mysql, "postgresql": postgresql, "sqlite": sqlite}


def spelled(type_: _Type) -> Spelling:
    """Spell a type as the code that makes it.

    Types of an app become the type they are stored as: a migration must not import
    what will have changed when it runs.

    :param type_: a type, reflected or of a model.
    """
    base = _base(type_)
    variants = dict(getattr(type_, "_variant_mapping", {}))
    variants.update(_implementations(type_))
    return _with_variants(base, {k: _base(v) for k, v in variants.items()})


def _base(type_: _Type) -> Spelling:
    if isinstance(type_, sa.Interval):
        return Spelling("sa.Interval")
    if isinstance(type_, sa.PickleType):
        return Spelling("sa.PickleType")
    if isinstance(type_, sa.types.TypeDecorator):
        return spelled(type_.impl_instance)
    if isinstance(type_, postgresql.DOMAIN):
        return _base(type_.data_type)
    if isinstance(type_, sa.ARRAY):
        return _array(type_)
    if isinstance(type_, sa.Enum):
        return _enum(type_)
    if type_.__visit_name__ == "TINYINT" and _is_flag(type_):
        return Spelling("sa.Boolean")
    portable = _PORTABLE.get(type_.__visit_name__)
    if portable is not None and not _exact(type_):
        return Spelling(_portable(type_, portable))
    return _own(type_)


def _is_flag(type_: t.Any) -> bool:
    # BOOLEAN is a name for TINYINT(1) in MySQL and MariaDB.
    return getattr(type_, "display_width", None) == 1 and not type_.unsigned


def _exact(type_: t.Any) -> bool:
    name = type_.__visit_name__
    if any(getattr(type_, attribute, None) for attribute in _EXACT):
        return True
    if name in ("TIME", "TIMESTAMP", "INTERVAL"):
        return getattr(type_, "precision", None) is not None
    if name in ("DOUBLE", "FLOAT", "REAL"):
        return getattr(type_, "scale", None) is not None
    return name == "JSON" and type(type_).__module__.startswith("sqlalchemy.dialects.m")


def _portable(type_: t.Any, portable: _Portable) -> str:
    given = [getattr(type_, name, None) for name in portable.args]
    while given and given[-1] is None:
        given.pop()
    parts = [repr(value) for value in given]
    for name in portable.keywords:
        value = getattr(type_, name, None)
        if value:
            parts.append(f"{name}={literal(value)}")
    parts += _readings(type_, portable.name)
    arguments = f"({', '.join(parts)})" if parts else ""
    return f"sa.{portable.name}{arguments}"


def _readings(type_: t.Any, name: str) -> t.Iterator[str]:
    """Spell the options of a type that decide what Python values it gives."""
    if name == "Numeric" and type_.asdecimal is False:
        yield "asdecimal=False"
    if name == "Float" and isinstance(type_, sa.Float) and type_.asdecimal is True:
        yield "asdecimal=True"
    if name == "Uuid":
        if not type_.as_uuid:
            yield "as_uuid=False"
        if not type_.native_uuid:
            yield "native_uuid=False"
    if name == "JSON" and type_.none_as_null:
        yield "none_as_null=True"


def _array(type_: sa.ARRAY[t.Any]) -> Spelling:
    item = spelled(type_.item_type)
    own = isinstance(type_, postgresql.ARRAY)
    parts = [item.code]
    if type_.dimensions:
        parts.append(f"dimensions={type_.dimensions}")
    code = f"{'postgresql' if own else 'sa'}.ARRAY({', '.join(parts)})"
    return Spelling(code, item.imports | _imports("postgresql" if own else None))


def _enum(type_: t.Any) -> Spelling:
    if not type_.native_enum:
        return Spelling(f"sa.String({type_.length})")
    labels = [quoted(label) for label in type_.enums]
    if type_.name:
        labels.append(f"name={quoted(type_.name)}")
    if type_.schema:
        labels.append(f"schema={quoted(type_.schema)}")
    return Spelling(f"sa.Enum({', '.join(labels)})")


def _own(type_: _Type) -> Spelling:
    """Spell the type by its own name, in the dialect it comes from."""
    for cls in type(type_).__mro__:
        place, _, dialect = cls.__module__.rpartition("sqlalchemy.dialects.")
        dialect = dialect.partition(".")[0]
        if not place and dialect in _DIALECTS:
            if hasattr(_DIALECTS[dialect], cls.__name__):
                return Spelling(
                    f"{dialect}.{cls.__name__}{_arguments(type_)}", _imports(dialect)
                )
        elif cls.__module__ == "sqlalchemy.sql.sqltypes" and hasattr(sa, cls.__name__):
            return Spelling(f"sa.{cls.__name__}{_arguments(type_)}")
    return Spelling(_UNKNOWN)


def _arguments(type_: _Type) -> str:
    """Take the arguments out of the type's ``repr()``, which spells its constructor."""
    try:
        call = ast.parse(repr(type_), mode="eval").body
    except SyntaxError:
        return ""
    if not isinstance(call, ast.Call):
        return ""
    # A nested type, such as JSONB(astext_type=Text()), is always the default.
    parts = [ast.unparse(arg) for arg in call.args if not isinstance(arg, ast.Call)]
    parts += [
        f"{item.arg}={ast.unparse(item.value)}"
        for item in call.keywords
        if not isinstance(item.value, ast.Call) and item.arg != "display_width"
    ]
    return f"({', '.join(parts)})" if parts else ""


def _implementations(type_: _Type) -> dict[str, _Type]:
    """Find what a decorator is on each database, where that is not its ``impl``."""
    if not isinstance(type_, sa.types.TypeDecorator) or isinstance(
        type_, sa.Interval | sa.PickleType
    ):
        return {}
    found = {}
    for name, module in _DIALECTS.items():
        impl = type_.load_dialect_impl(module.dialect())
        plain = type_.impl_instance.dialect_impl(module.dialect())
        if type(impl) is not type(plain) and type(impl) is not type(
            type_.impl_instance
        ):
            found[name] = impl
    return found


def _with_variants(base: Spelling, variants: dict[str, Spelling]) -> Spelling:
    code, imports = base.code, base.imports
    for name, variant in sorted(variants.items()):
        if variant == base:
            continue
        if not code.endswith(")"):
            code += "()"
        code += f".with_variant({_instance(variant.code)}, {quoted(name)})"
        imports |= variant.imports
    return Spelling(code, imports)


def _instance(code: str) -> str:
    return code if code.endswith(")") else f"{code}()"


def _imports(dialect: str | None) -> frozenset[str]:
    if dialect is None:
        return frozenset({"import sqlalchemy as sa"})
    return frozenset({f"from sqlalchemy.dialects import {dialect}"})

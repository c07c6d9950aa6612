"""A row to an event: foreign names are mapped, every field is checked, and a row that cannot go in says what to do.

Foreign names are given by a mapping from limner's field to theirs. Nothing is guessed: a likely name is only suggested.

    user_id  customer     the column `customer` holds the user
    item.title  movie     an attribute of the item; `meta.…` in the same way
    item.genres  genres|  a list in one cell, separated by the last character: | ; , or /
    kind  =rating         the same value for every row

Columns and keys that are neither limner's nor mapped are kept in `meta`; a column named `item.brand` needs no mapping.
Kinds have many names: `pv` goes in as a view, with its own name under `meta.kind`.
An event without an id gets one made from its content, so reading a file again, or after a crash, stores nothing twice.
"""

from __future__ import annotations

import difflib
import math
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError

from agents.kinds import reading
from agents.signals import KNOWN_KINDS
from limner.domain import Event
from limner.errors import InputError

MAX_TEXT = 1_000_000
"""Characters of an event's text."""
MAX_NESTED = 64 * 1024
"""Bytes of `item`, and of `meta`, written as JSON."""
MAX_DEPTH = 32
"""Levels of objects and lists in a row."""

_FIELDS = frozenset(Event.model_fields)
_REQUIRED = ("user_id", "kind")
_OPEN_FIELDS = ("item", "meta")
_SEPARATORS = "|;,/"
_NUMBERS = frozenset(
    {
        "price",
        "list_price",
        "discount",
        "quantity",
        "year",
        "duration",
        "dwell",
        "rating",
        "spend",
        "saved",
        "coupon_saved",
        "dwell_seconds",
    }
)
"""Attributes whose CSV cells are numbers. Every other cell stays text, as the film `1917` and the code `007` must."""
_LISTS = frozenset(
    {"genres", "genre", "categories", "category", "tags", "keywords", "topics"}
    | {"artists", "artist", "directors", "director", "actors", "actor", "authors"}
)
"""Attributes that hold several values as often as one."""
_ALIASES = {
    "user_id": "userid user uid customer_id customerid customer member_id member account_id account client_id client "
    "buyer_id buyer visitor_id reviewerid author 用户id 用户",
    "kind": "event_type eventtype event_name event action type activity behavior behaviour 行为",
    "ts": "timestamp time datetime date created_at createdat created event_time eventtime occurred_at order_date "
    "unixreviewtime unix_time reviewtime review_date event_date date_time 时间 日期",
    "text": "body message content comment review review_text reviewtext query description 内容",
    "value": "rating stars score price amount overall 评分 金额",
    "item_id": "product_id productid sku asin movie_id movieid article_id itemid 商品id",
}
"""Other names of fields, the likeliest first: suggested, never assumed."""
_STARS = frozenset({"rating", "stars", "score", "overall", "评分"})
"""Those of `value` that are told of a rating."""
_WORDS = {
    "missing": "is missing",
    "string_type": "must be text",
    "string_too_long": "is too long",
    "string_too_short": "is empty",
}

_EPOCH = re.compile(r"[+-]?\d+(?:\.\d*)?", re.ASCII)
_YEAR_FIRST = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[T\s]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?)?\s*(?:UTC|GMT|Z)?",
    re.ASCII,
)
"""A date with the year first, and a time in UTC."""
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_LAST_SECOND, _FIRST_MILLISECOND, _LAST_MILLISECOND = 4_133_980_800, 315_532_800_000, 4_133_980_800_000
"""End of 2100 in seconds, start of 1980 and end of 2100 in milliseconds; between the first two lies 9999 in seconds."""


class Refused(Exception):
    """Why a row does not go in: the reason is one of a few fixed wordings, the detail differs from row to row."""

    def __init__(self, reason: str, advice: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason, self.advice, self.detail = reason, advice, detail


class _Route(NamedTuple):
    """Where a field comes from."""

    target: str
    column: str
    separator: str = ""
    constant: str | None = None


class Wiring:
    """The mapping of foreign names, ready for use: from a row as it came to an event."""

    def __init__(self, mapping: Mapping[str, str]) -> None:
        self._routes = tuple(_route(target, origin) for target, origin in mapping.items())
        self._targets = frozenset(route.target for route in self._routes)
        self._columns = frozenset(route.column for route in self._routes)
        self.read_as: dict[str, str] = {}
        """Kinds of the rows so far that have another name here, each with that."""

    def lacks(self, columns: Iterable[str]) -> list[str]:
        """Required fields that these columns do not give."""
        given = set(columns)
        sources = {route.target: route for route in self._routes}
        return [
            field
            for field in _REQUIRED
            if not (sources[field].constant or sources[field].column in given if field in sources else field in given)
        ]

    def check(self, columns: Sequence[str], name: str) -> None:
        """Refuses a table that lacks a required or a mapped column.

        Raises:
            InputError: it does; the message lists the columns and a mapping to try.
        """
        twice = sorted(column for column, times in Counter(columns).items() if times > 1)
        if twice:
            raise InputError(f"{name} has more than one column named {', '.join(twice)}. Rename all but one.")
        listed = ", ".join(columns[:60]) + (" …" if len(columns) > 60 else "")
        absent = [route.column for route in self._routes if route.column and route.column not in columns]
        if absent:
            close = [match for column in absent for match in difflib.get_close_matches(column, columns, 1)]
            meant = f" Did you mean {', '.join(close)}?" if close else ""
            raise InputError(
                f"{name} has no column {', '.join(absent)}, which the mapping names.{meant} Its columns: {listed}."
            )
        lacking = self.lacks(columns)
        if lacking:
            raise InputError(
                f"{name} has no column {' and no column '.join(lacking)}. Its columns: {listed}. "
                f"Try {' '.join(_option(field, tuple(columns)) for field in lacking)}"
            )

    def numbers(self, columns: Sequence[str]) -> frozenset[str]:
        """The columns whose cells are numbers: those of attributes that are."""
        names = {column: column.rpartition(".")[2] for column in columns if column not in _FIELDS}
        names |= {route.column: route.target.rpartition(".")[2] for route in self._routes}
        return frozenset(column for column, name in names.items() if name in _NUMBERS)

    def hints(self, name: str, row: Mapping[str, Any]) -> Iterator[str]:
        """Mappings that may be meant, for fields that a row does not give."""
        spare = [column for column in row if column not in _FIELDS and column not in self._columns]
        for field in ("ts", "text", "value", "item_id") if spare else ():
            column = _alias(field, spare)
            if column and field not in row and field not in self._targets:
                yield f"The first row of {name} gives no `{field}`; if `{column}` is that, add --map {field}={column}"
        placed = {route.target: route.column for route in self._routes if not route.separator}
        placed |= {column: column for column in spare if column.startswith("item.")}
        for target, column in placed.items():
            if target.removeprefix("item.") in _LISTS and (sign := _separator(row.get(column))):
                yield (
                    f"In the first row of {name}, `{column}` is {row[column]!r:.60}; if that is a list, add "
                    f"--map {shlex.quote(f'{target}={column}{sign}')}"
                )

    def event(self, row: dict[str, Any], size: int) -> Event:
        """The event a row tells of; the row's dict is used up.

        Args:
            size: Bytes of the row as it came, an upper bound on what is nested in it.

        Raises:
            Refused: the row cannot be read as an event.
        """
        if self._routes or not row.keys() <= _FIELDS:
            row = self._wire(row)
        for field in ("user_id", "event_id", "item_id"):
            given = row.get(field)
            if type(given) is not str or not given or given.isspace():
                _identify(row, field, given)
        kind = row.get("kind")
        if type(kind) is not str or kind not in KNOWN_KINDS:
            row["kind"] = kind = _kind(kind, row)
        if (ts := row.get("ts")) is not None:
            row["ts"] = _instant(ts)
        if (value := row.get("value")) is not None:
            row["value"] = _amount(value)
        _check_texts(row)
        for field in _OPEN_FIELDS:
            if field in row:
                row[field] = _attributes(field, row[field], size)
        if "event_id" not in row:
            row["event_id"] = _made_id(row)
        if (known := reading(kind)) != kind:
            row["meta"] = {"kind": kind} | row.get("meta", {})
            row["kind"] = known
        try:
            event = Event.model_validate(row)
        except ValidationError as error:
            raise _in_words(error) from None
        if known != kind:
            self.read_as[kind] = known
        return event

    def _wire(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The row under limner's names; what limner has no name for is under `meta`."""
        row: dict[str, Any] = {}
        nested: dict[str, dict[str, Any]] = {}
        spare: dict[str, Any] = {}

        def place(target: str, value: Any) -> None:
            field, _, attribute = target.partition(".")
            if attribute and field in _OPEN_FIELDS:
                nested.setdefault(field, {})[attribute] = value
            elif target in _FIELDS and target not in row:
                row[target] = value
            else:
                spare[target] = value

        for route in self._routes:
            value = given.get(route.column) if route.constant is None else route.constant
            if route.separator and isinstance(value, str):
                value = [part.strip() for part in value.split(route.separator) if part.strip()]
            if value is not None:
                place(route.target, value)
        for key, value in given.items():
            if key in self._columns or (value is None and key not in _FIELDS):
                continue
            if key in self._targets:
                spare[key] = value
            else:
                place(key, value)
        for field, attributes in nested.items():
            row[field] = _attributes(field, row.get(field), 0) | attributes
        if spare:
            meta = _attributes("meta", row.get("meta"), 0)
            row["meta"] = meta | {(f"column.{key}" if key in meta else key): value for key, value in spare.items()}
        return row


def _route(target: str, origin: str) -> _Route:
    """A mapping's entry, read.

    Raises:
        InputError: limner has no such field, or no column is named.
    """
    field, _, attribute = target.partition(".")
    if target not in _FIELDS and not (field in _OPEN_FIELDS and attribute):
        close = difflib.get_close_matches(target, sorted(_FIELDS), 1)
        meant = f" Did you mean {close[0]}?" if close else ""
        raise InputError(
            f"The mapping gives `{target}`, which is no field of an event.{meant} "
            f"The fields are {', '.join(sorted(_FIELDS))}, and item.… and meta.… for attributes."
        )
    if origin.startswith("=") and len(origin) > 1:
        return _Route(target, "", constant=origin[1:])
    column, separator = (origin[:-1], origin[-1]) if origin[-1:] in tuple(_SEPARATORS) else (origin, "")
    if not column or column == "=":
        raise InputError(
            f"The mapping of `{target}` names no column. Write {target}=COLUMN, or {target}==VALUE for all rows."
        )
    return _Route(target, column, separator)


def _alias(field: str, columns: Iterable[str]) -> str | None:
    """The column that is a common other name of a field."""
    by_name = {column.lower().replace(" ", "_").replace("-", "_"): column for column in columns}
    return next((by_name[alias] for alias in _ALIASES[field].split() if alias in by_name), None)


def _separator(cell: Any) -> str:
    """What seems to separate the values in a cell; "" where it seems to hold one."""
    if isinstance(cell, str):
        for sign in _SEPARATORS[:3]:
            parts = [part.strip() for part in cell.split(sign)]
            if len(parts) > 1 and all(0 < len(part) <= 40 for part in parts):
                return sign
    return ""


@lru_cache(maxsize=256)
def _option(field: str, columns: tuple[str, ...]) -> str:
    """The command-line option that would give a field, as well as can be told from the columns."""
    close = difflib.get_close_matches(field, columns, 1)
    column = _alias(field, columns) or (close[0] if close else None)
    if column:
        return f"--map {field}={column if ' ' not in column else repr(column)}"
    if field == "kind":
        every = "rating" if _alias("value", columns) in _STARS else "view"
        return f"--map kind=COLUMN (or --map kind=={every}, where every row is a {every})"
    return f"--map {field}=COLUMN"


def _missing(field: str, row: Mapping[str, Any]) -> Refused:
    meta = row.get("meta")
    keys = tuple(meta)[:60] if isinstance(meta, dict) else ()
    return Refused(f"`{field}` is missing", f"Add it to the row, or name the key that holds it: {_option(field, keys)}")


def _blank(given: Any) -> bool:
    return given is None or (isinstance(given, str) and not given.strip())


def _identify(row: dict[str, Any], field: str, given: Any) -> None:
    """Reads an id that is not plain text: whole numbers are ids too, and an optional id may be absent.

    Raises:
        Refused: it is of another type, or the user's is missing.
    """
    if type(given) is int:
        row[field] = str(given)
    elif _blank(given):
        if field == "user_id":
            raise _missing(field, row)
        row.pop(field, None)
    else:
        raise Refused(f"`{field}` must be text or a whole number", "Write it in quotes.", f"it is {type_of(given)}")


def _kind(given: Any, row: Mapping[str, Any]) -> str:
    if _blank(given):
        raise _missing("kind", row)
    if not isinstance(given, str):
        raise Refused("`kind` must be text", "Write view, purchase, rating, message …", f"it is {type_of(given)}")
    plain = given.strip().lower()
    return plain if plain in KNOWN_KINDS else given


def _check_texts(row: dict[str, Any]) -> None:
    """Drops null texts.

    Raises:
        Refused: `text` is too long.
    """
    for field in ("source", "text"):
        given = row.get(field, "")
        if given is None:
            del row[field]
        elif type(given) is str and len(given) > MAX_TEXT:
            advice = "Cut it, or split it into several events."
            raise Refused(f"`{field}` is longer than {MAX_TEXT:,} characters", advice, f"it has {len(given):,}")


def _instant(given: Any) -> datetime | None:
    """The UTC time a text or number means, None for a blank; a time without a zone is UTC.

    Numbers are seconds or milliseconds since 1970, told apart by their size; eight digits that read as a date are one.

    Raises:
        Refused: it is no time, or one outside 1970 to 2100.
    """
    try:
        if isinstance(given, str):
            if given[4:5] != "-":
                given = given.strip()
                if not given:
                    return None
                if _EPOCH.fullmatch(given):
                    return _since_epoch(float(given))
            try:
                moment = datetime.fromisoformat(given)
            except ValueError:
                moment = _as_logs_write(given.strip())
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        elif isinstance(given, int | float) and not isinstance(given, bool):
            return _since_epoch(given)
        else:
            raise _not_a_time(given)
    except OverflowError:
        raise outside(given) from None
    except ValueError:
        raise _not_a_time(given) from None
    if not 1970 <= moment.year <= 2100:
        raise outside(given)
    return moment


def _as_logs_write(given: str) -> datetime:
    """A time in another form than ISO 8601: "2019-10-01 00:00:00 UTC", 2019/10/1 8:05, "11/15/2019 9:05:58 AM",
    2019年10月1日, "Tue, 01 Oct 2019 08:05:00 GMT", "Tue Oct 01 08:05:00 +0000 2019".

    Raises:
        ValueError: it is none, or which number is the day is anybody's guess.
    """
    if (found := _YEAR_FIRST.fullmatch(given)) is not None:
        year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    for form in ("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p", "%a %b %d %H:%M:%S %z %Y"):
        with suppress(ValueError):
            return datetime.strptime(given, form)
    return parsedate_to_datetime(given)


def _since_epoch(number: float) -> datetime:
    if 19_700_101 <= number <= 21_001_231 and number == int(number):
        with suppress(ValueError):
            return datetime.strptime(str(int(number)), "%Y%m%d").replace(tzinfo=UTC)
    if 0 <= number < _LAST_SECOND:
        return datetime.fromtimestamp(number, UTC)
    if _FIRST_MILLISECOND <= number < _LAST_MILLISECOND:
        return datetime.fromtimestamp(number / 1000, UTC)
    raise outside(number)


def _not_a_time(given: Any) -> Refused:
    advice = "Write ISO 8601 (2026-11-21T22:59:01Z) or seconds or milliseconds since 1970, or leave `ts` out."
    return Refused("`ts` is not a time", advice, _shown(given))


def _amount(given: Any) -> float | None:
    """`value` as a number, None for a blank.

    Raises:
        Refused: it is none, or not finite.
    """
    if _blank(given):
        return None
    try:
        if (
            isinstance(given, bool)
            or not isinstance(given, int | float | str)
            or (isinstance(given, str) and "_" in given)
        ):
            raise ValueError
        number = float(given)
    except ValueError:
        advice = "Write a plain number such as 19.99, or leave it out."
        raise Refused("`value` is not a number", advice, _shown(given)) from None
    if not math.isfinite(number):
        raise infinite()
    return number


def _attributes(field: str, given: Any, size: int) -> dict[str, Any]:
    """`item` or `meta` as an object: text that is a JSON object is that, other text is an item's title or a note.

    Args:
        size: An upper bound on its bytes as JSON; it is measured only where that is beyond the limit.

    Raises:
        Refused: it is a list, a number or a truth value, or nested too deep, or too large.
    """
    if given is None:
        return {}
    if isinstance(given, str):
        given = _told(given, "title" if field == "item" else "note")
    if not isinstance(given, dict):
        raise Refused(f"`{field}` must be an object", f'Write it as {{"{field}": {{…}}}}.', f"it is {type_of(given)}")
    if size > MAX_NESTED and len(orjson.dumps(given)) > MAX_NESTED:
        raise Refused(f"`{field}` is larger than {MAX_NESTED // 1024} KB", "Keep only what describes the user's act.")
    return given


def _told(text: str, name: str) -> dict[str, Any]:
    """The JSON object a text is, else the text under a name."""
    if text.lstrip().startswith("{"):
        with suppress(orjson.JSONDecodeError):
            inner = orjson.loads(text)
            if isinstance(inner, dict):
                if fault := unfit(inner, text.encode()):
                    raise fault
                return inner
    return {name: text} if text.strip() else {}


def _made_id(row: Mapping[str, Any]) -> str:
    """An id that is the same for the same content, in any format."""
    fields = ("user_id", "ts", "source", "kind", "text", "value", "item_id", "item", "meta")
    content = [row.get(field) or None if field != "value" else row.get(field) for field in fields]
    return blake2b(orjson.dumps(content, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def _in_words(error: ValidationError) -> Refused:
    """The first thing pydantic found wrong, in plain words."""
    first = error.errors(include_url=False, include_input=True)[0]
    field = str(first["loc"][0]) if first["loc"] else "row"
    words = _WORDS.get(first["type"], "is not what it should be")
    limit = first.get("ctx", {}).get("max_length")
    detail = f"at most {limit} characters" if limit else f"it is {type_of(first['input'])}"
    return Refused(f"`{field}` {words}", f"Correct `{field}` in this row.", detail)


def type_of(given: Any) -> str:
    """What a JSON value is, in words."""
    if given is None:
        return "null"
    if isinstance(given, bool):
        return "true or false"
    names = {dict: "an object", list: "a list", str: "text", int: "a number", float: "a number"}
    return names.get(type(given), type(given).__name__)


def _shown(given: Any) -> str:
    return repr(given)[:60] if isinstance(given, str) else f"it is {type_of(given)}"


def unfit(value: dict[str, Any], raw: bytes) -> Refused | None:
    """Why an object cannot be stored, whatever it says; `raw` is how it was written."""
    if b"\\u0000" in raw and _NUL.search(raw):
        return nul()
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and _too_deep(value):
        return deep()
    return None


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        children = [node.values() if isinstance(node, dict) else node for node in level]
        level = [child for some in children for child in some if isinstance(child, dict | list)]
        if not level:
            return False
    return True


def nul() -> Refused:
    return Refused("the row holds a NUL character", "Remove it: databases cannot store it.")


def deep() -> Refused:
    return Refused(f"the row is nested more than {MAX_DEPTH} levels deep", "Flatten `item` and `meta`.")


def infinite() -> Refused:
    return Refused("a number is NaN or infinite", "Write null where there is no number.")


def outside(given: Any) -> Refused:
    advice = (
        "Correct it, or leave `ts` out where the time is not known. Numbers are seconds or milliseconds since 1970."
    )
    return Refused("`ts` is outside 1970 to 2100", advice, str(given)[:60])

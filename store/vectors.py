"""Search by meaning: a Chroma index of what SQL holds, which can be lost and made again at any time.

The index knows numbers, vectors, a facet and a language, and no words: what a number stands for is in SQL. Embedded,
an index is built in a folder of its own, closed, renamed and then named in SQL as the current one; a folder in use is
never written to. (A process killed while it writes can leave Chroma's files so that opening them again fails, or fills
the disk: so a folder whose seal is broken is never opened.) On a server the collections are written in place.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args
from urllib.parse import urlsplit

import chromadb
import httpx
import numpy as np
import orjson
from chromadb.api import ClientAPI
from chromadb.api.models.Collection import Collection
from chromadb.config import Settings
from chromadb.errors import ChromaError, InternalError, NotFoundError
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Select, and_, delete, func, select

from limner.errors import StoreError
from store.database import Database
from store.profiles import text_digest
from store.tables import IndexEntryRow, IndexStateRow, LabelVectorRow, PersonaRow, ProfileRow, TagRow

Kind = Literal["tag-labels", "personas"]
Progress = Callable[[int, int], None]

PAGE = 2_000
SAMPLE = 32
SEAL = "seal.json"
CURE = "`limner doctor --rebuild-index` makes it again from the database"
SPACE = {"hnsw": {"space": "cosine", "ef_search": 200}}

Entry, Label, Persona = IndexEntryRow, LabelVectorRow, PersonaRow
NEWEST = select(func.max(ProfileRow.revision)).where(ProfileRow.user_id == Persona.user_id).scalar_subquery()


class _State(NamedTuple):
    current: str
    embedder: str
    whole: bool


class VectorIndex:
    """The vectors of tag labels and personas, searchable.

    Args:
        home: The embedded index lies in its folder `index`.
        url: http://host:port of a Chroma server; None means the embedded index.
    """

    def __init__(self, home: Path, database: Database, url: str | None = None) -> None:
        self._folder = (home / "index").resolve()
        self._database = database
        self._url = url
        self._place = url or str(self._folder)
        self._sound = ""
        """The folder whose seal this object has checked to the last byte."""

    def rebuild(self, embedder: str, progress: Progress | None = None) -> int:
        """Make the index again from SQL.

        Args:
            embedder: Only vectors of this one go in.
            progress: Called with vectors written and vectors in all.

        Returns:
            How many vectors the index holds.

        Raises:
            BusyError: another process is rebuilding it.
            StoreError: Chroma or the disk refused; the index that was current still is.
        """
        with self._database.exclusive("index"):
            stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
            total = self._list_entries(embedder, stamp)
            report = _counter(total, progress)
            if self._url is None:
                self._build_aside(embedder, stamp, report)
            else:
                self._build_in_place(embedder, report)
        return total

    def probe(self) -> list[str]:
        """What is wrong with the index, in words; nothing when it is healthy."""
        state = self._state()
        with self._database.reading() as connection:
            anything = connection.scalar(select(TagRow.key).limit(1)) is not None
        if state is None:
            return [f"There is no index yet; {CURE}."] if anything else []
        if not state.whole:
            return [f"The index was left half written; {CURE}."]
        if self._url is None and (broken := _broken_seal(self._folder / state.current)):
            return [f"The index is damaged: {broken}; {CURE}."]
        try:
            with self._client(state) as client:
                return [fault for kind in get_args(Kind) for fault in self._faults(client, kind, state.embedder)]
        except StoreError as error:
            return [str(error)]

    def nearest(
        self, kind: Kind, vector: NDArray[np.float32], k: int, where: Mapping[str, str] | None = None
    ) -> list[tuple[str, float]]:
        """Tag keys, or user ids, and their cosine distance (0 to 2), nearest first, each once.

        Args:
            vector: Of shape (d,), from the embedder the index was built for.
            k: Most results.
            where: Only this `facet` (tag labels) or `language`.

        Raises:
            StoreError: there is no index, it is damaged, or the vector is of another embedder.
        """
        state = self._state()
        while True:
            try:
                return self._nearest(state, kind, vector, k, where)
            except StoreError:
                before, state = state, self._state()
                if state == before:  # else another process has put a new index in its place
                    raise

    def _nearest(
        self, state: _State | None, kind: Kind, vector: NDArray[np.float32], k: int, where: Mapping[str, str] | None
    ) -> list[tuple[str, float]]:
        if state is None or not state.whole:
            raise StoreError(f"There is no whole index; {CURE}.")
        if self._url is None:
            if broken := _broken_seal(self._folder / state.current, contents=state.current != self._sound):
                raise StoreError(f"The index is damaged: {broken}; {CURE}.")
            self._sound = state.current
        with self._client(state) as client:
            collection = client.get_collection(_collection(kind, state.embedder), embedding_function=None)
            found = collection.query(
                query_embeddings=vector.reshape(1, -1),
                n_results=max(min(2 * k, collection.count()), 1),  # a label may stand for its tag in two languages
                where=_condition(where),
                include=["distances"],
            )
        ids = [int(one) for one in found["ids"][0]]
        distances = (found["distances"] or [[]])[0]
        with self._database.reading() as connection:
            rows = connection.execute(select(Entry.id, Entry.ref).where(Entry.id.in_(ids)))
            refs = {row.id: row.ref for row in rows}
        nearest: dict[str, float] = {}
        for id_, distance in zip(ids, distances, strict=True):
            if id_ in refs:
                nearest.setdefault(refs[id_], min(max(float(distance), 0.0), 2.0))
        return list(nearest.items())[:k]

    def _state(self) -> _State | None:
        row = IndexStateRow
        with self._database.reading() as connection:
            found = connection.execute(
                select(row.current, row.embedder, row.whole).where(row.place == self._place)
            ).first()
        return None if found is None else _State(*found)

    def _set_state(self, state: _State) -> None:
        fields = state._asdict() | {"built_at": datetime.now(UTC)}
        upsert = self._database.insert(IndexStateRow).values(place=self._place, **fields)
        with self._database.connection() as connection:
            connection.execute(upsert.on_conflict_do_update(index_elements=["place"], set_=fields))

    def _list_entries(self, embedder: str, build: str) -> int:
        """Give every label and persona a number, forget those that are gone; how many have a vector."""
        upsert = self._database.insert(Entry)
        upsert = upsert.on_conflict_do_update(
            index_elements=["kind", "ref", "facet", "language"],
            set_={"build": upsert.excluded.build, "digest": upsert.excluded.digest},
        )
        labels = (
            select(TagRow.key, TagRow.facet, func.max(TagRow.label_en), func.max(TagRow.label_zh))
            .where(TagRow.retired_revision.is_(None))
            .group_by(TagRow.key, TagRow.facet)
        )
        people = select(Persona.user_id, Persona.language).where(_current(embedder))
        pages = {"yield_per": PAGE}
        with self._database.connection() as connection:
            for page in connection.execute(labels, execution_options=pages).partitions():
                rows: list[dict[str, Any]] = [
                    {"kind": "tag-labels", "ref": key, "facet": facet, "language": language, "build": build}
                    | {"digest": text_digest(label)}
                    for key, facet, en, zh in page
                    for language, label in (("en", en), ("zh", zh))[: 1 if en == zh else 2]
                ]
                connection.execute(upsert, rows)
            for someone in connection.execute(people, execution_options=pages).partitions():
                rows = [
                    {
                        "kind": "personas",
                        "ref": user_id,
                        "facet": "",
                        "language": language,
                        "build": build,
                        "digest": None,
                    }
                    for user_id, language in someone
                ]
                connection.execute(upsert, rows)
            connection.execute(delete(Entry).where(Entry.build != build))
            return sum(_count(connection, kind, embedder) for kind in get_args(Kind))

    def _build_aside(self, embedder: str, stamp: str, report: Callable[[int], None]) -> None:
        aside, finished = self._folder / f"{stamp}.tmp", self._folder / stamp
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for left in self._folder.glob("*.tmp"):
                shutil.rmtree(left)
            with opened(aside) as client:
                for kind in get_args(Kind):
                    self._fill(client, kind, embedder, report)
            _seal(aside)
            aside.rename(finished)
            self._set_state(_State(stamp, embedder, whole=True))
            for old in self._folder.iterdir():
                if old != finished:
                    shutil.rmtree(old)
        except ChromaError as error:
            raise _unusable(self._place, error) from error
        except OSError as error:
            raise StoreError(f"The index cannot be written in {self._folder}: {error.strerror}.") from error
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _build_in_place(self, embedder: str, report: Callable[[int], None]) -> None:
        before = self._state()
        self._set_state(_State("", embedder, whole=False))
        with self._client(None) as client:
            for kind in get_args(Kind):
                if before is not None and before.embedder != embedder:
                    _drop(client, _collection(kind, before.embedder))
                collection = self._fill(client, kind, embedder, report)
                self._forget(collection)
        self._set_state(_State("", embedder, whole=True))

    def _fill(self, client: ClientAPI, kind: Kind, embedder: str, report: Callable[[int], None]) -> Collection:
        name = _collection(kind, embedder)
        collection = client.get_or_create_collection(name, embedding_function=None, configuration=SPACE)  # type: ignore[arg-type]
        after = 0
        while True:
            with self._database.reading() as connection:
                rows = connection.execute(_vectors(kind, embedder).where(Entry.id > after).limit(PAGE)).all()
            if not rows:
                return collection
            collection.upsert(
                ids=[str(row.id) for row in rows],
                embeddings=np.stack([np.frombuffer(row.vector, np.float32) for row in rows]),
                metadatas=[{"language": row.language} | ({"facet": row.facet} if row.facet else {}) for row in rows],
            )
            report(len(rows))
            after = rows[-1].id

    def _forget(self, collection: Collection) -> None:
        """Take out of a server's collection what is no longer in SQL."""
        gone: list[str] = []
        for offset in range(0, collection.count(), PAGE):
            ids = collection.get(limit=PAGE, offset=offset, include=[])["ids"]
            with self._database.reading() as connection:
                known = set(connection.scalars(select(Entry.id).where(Entry.id.in_([int(one) for one in ids]))))
            gone += [one for one in ids if int(one) not in known]
        for start in range(0, len(gone), PAGE):
            collection.delete(ids=gone[start : start + PAGE])

    def _faults(self, client: ClientAPI, kind: Kind, embedder: str) -> Iterator[str]:
        collection = client.get_collection(_collection(kind, embedder), embedding_function=None)
        with self._database.reading() as connection:
            due, listed = _count(connection, kind, embedder), _listed(connection, kind, embedder)
            count = collection.count()
            rows = connection.execute(
                _vectors(kind, embedder).order_by(None).order_by(func.random()).limit(SAMPLE)
            ).all()
        if count != due or not listed:
            yield f"The index of {kind} holds {count} vectors and does not match the database; {CURE}."
        elif rows:
            asked = np.stack([np.frombuffer(row.vector, np.float32) for row in rows])
            found = collection.query(query_embeddings=asked, n_results=1, include=["distances"])["distances"] or []
            lost = sum(not one or one[0] > 1e-3 for one in found)
            if lost > len(rows) // 10:  # search is approximate: one in ten may be missed
                yield f"The index of {kind} does not find {lost} of {len(rows)} vectors that it holds; {CURE}."

    @contextmanager
    def _client(self, state: _State | None) -> Iterator[ClientAPI]:
        """Chroma, opened for one block, its errors put into words."""
        if self._url is None:
            opening = opened(self._folder / state.current if state else self._folder)
        else:
            opening = connected(self._url)
        try:
            with opening as client:
                yield client
        except (ChromaError, ValueError, httpx.HTTPError) as error:
            raise _unusable(self._place, error) from error


@contextmanager
def opened(folder: Path) -> Iterator[ClientAPI]:
    """An embedded Chroma."""
    try:
        client = chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))
    except AttributeError as error:  # what its own cleaning up raises after it could not read its files
        raise InternalError("its files cannot be read") from error
    try:
        yield client
    finally:
        client.close()  # type: ignore[attr-defined]


@contextmanager
def connected(address: str) -> Iterator[ClientAPI]:
    """A Chroma server."""
    url = urlsplit(address)
    secure = url.scheme == "https"
    port = url.port or (443 if secure else 8000)
    client = chromadb.HttpClient(url.hostname or "", port, secure, settings=Settings(anonymized_telemetry=False))
    try:
        yield client
    finally:
        for server in (client._server, client._admin_client._server):  # type: ignore[attr-defined]
            server._session.close()  # close() forgets the connections
        client.close()  # type: ignore[attr-defined]


def _unusable(place: str, error: Exception) -> StoreError:
    reason = str(error).strip().split("\n")[0][:300]
    return StoreError(f"The index in {place} could not be used ({reason}). If nothing else is wrong, {CURE}.")


def _vectors(kind: Kind, embedder: str) -> Select[*tuple[Any, ...]]:
    """(id, facet, language, vector) of what belongs into the index, by id."""
    labels = select(Entry.id, Entry.facet, Entry.language, Label.vector).join(
        Label, and_(Label.digest == Entry.digest, Label.embedder == embedder)
    )
    people = select(Entry.id, Entry.facet, Entry.language, Persona.vector).join(
        Persona, and_(Persona.user_id == Entry.ref, Persona.language == Entry.language, _current(embedder))
    )
    return (labels if kind == "tag-labels" else people).where(Entry.kind == kind).order_by(Entry.id)


def _current(embedder: str) -> ColumnElement[bool]:
    """A persona of a user's newest revision, with a vector."""
    return and_(Persona.revision == NEWEST, Persona.embedder == embedder)


def _count(connection: Connection, kind: Kind, embedder: str) -> int:
    return connection.scalar(select(func.count()).select_from(_vectors(kind, embedder).order_by(None).subquery())) or 0


def _listed(connection: Connection, kind: Kind, embedder: str) -> bool:
    """Whether everything that SQL holds by now has its number."""
    if kind == "personas":
        held = select(func.count()).select_from(Persona).where(_current(embedder))
        return connection.scalar(held) == _count(connection, kind, embedder)
    keys = select(TagRow.key, TagRow.facet).where(TagRow.retired_revision.is_(None)).distinct().subquery()
    entries = select(func.count()).select_from(Entry).where(Entry.kind == kind, Entry.language == "en")
    return connection.scalar(select(func.count()).select_from(keys)) == connection.scalar(entries)


def _collection(kind: Kind, embedder: str) -> str:
    return f"{kind}-{hashlib.sha256(embedder.encode()).hexdigest()[:12]}"


def _condition(where: Mapping[str, str] | None) -> dict[str, Any] | None:
    parts: list[dict[str, Any]] = [{name: value} for name, value in (where or {}).items()]
    return {"$and": parts} if len(parts) > 1 else parts[0] if parts else None


def _drop(client: ClientAPI, name: str) -> None:
    try:
        client.delete_collection(name)
    except NotFoundError:
        return


def _counter(total: int, progress: Progress | None) -> Callable[[int], None]:
    done = 0

    def report(more: int) -> None:
        nonlocal done
        done += more
        if progress is not None:
            progress(done, total)

    return report


def _seal(folder: Path) -> None:
    """Write down what a finished folder consists of. Chroma rewrites its SQLite file even when it only reads.

    It also writes lengths of vectors that it never set, which is whatever this process had in memory: blanked out.
    """
    for path in folder.rglob("length.bin"):
        path.write_bytes(bytes(path.stat().st_size))
    files = {str(path.relative_to(folder)): _sealed(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    (folder / SEAL).write_bytes(orjson.dumps(files))


def _sealed(path: Path) -> list[int | str]:
    """Size and digest. None of the latter for what Chroma writes while it reads: its SQLite file, and the graph of a
    collection so small that its vectors are only there (then it has no `index_metadata.pickle`)."""
    if path.suffix == ".sqlite3" or (path.suffix == ".bin" and not path.with_name("index_metadata.pickle").exists()):
        return [path.stat().st_size, ""]
    with path.open("rb") as file:
        return [path.stat().st_size, hashlib.file_digest(file, "blake2b").hexdigest()]


def _broken_seal(folder: Path, *, contents: bool = True) -> str | None:
    """What is missing or changed in a finished folder; with `contents`, down to the last byte."""
    try:
        files = orjson.loads((folder / SEAL).read_bytes())
        for name, (size, digest) in files.items():
            path = folder / name
            if path.stat().st_size < size or (contents and digest and _sealed(path) != [size, digest]):
                return f"{name} has changed"
    except (OSError, orjson.JSONDecodeError) as error:
        return f"{getattr(error, 'filename', None) or SEAL} is missing or unreadable"
    return None

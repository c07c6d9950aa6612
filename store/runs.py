"""What was done to whom: runs, how each user fared, and the ledger of model calls."""

from __future__ import annotations

import os
import secrets
import socket
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Literal, TypeVar

import psutil
from sqlalchemy import Select, bindparam, func, insert, select, update
from sqlalchemy.orm import InstrumentedAttribute

from limner.domain import ModelCall, Outcome, RunSummary
from limner.errors import StoreError
from store.database import Database, Direct
from store.tables import AnyRow, ModelCallRow, RunItemRow, RunRow, UserRow

T = TypeVar("T")
State = Literal["running", "done", "stopped", "failed"]
PAGE = 5_000
NEWEST_FIRST = select(RunRow).order_by(RunRow.started_at.desc(), RunRow.run.desc())
ENTRY = ("run", "at", *ModelCall.model_fields)
ANSWER = Direct(
    select(ModelCallRow.answer)
    .where(ModelCallRow.request_digest == bindparam("asked"), ModelCallRow.answer.is_not(None))
    .order_by(ModelCallRow.id.desc())
    .limit(1)
)
DIED = "Its process died. `limner run --resume` goes on; what is done stays done."


class RunStore:
    """The runs and their ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._settle = settle(database)

    def start(self, *, config: Mapping[str, Any], users_total: int) -> str:
        """The id of a new run of this process; one of a later second sorts later."""
        now = datetime.now(UTC)
        run = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"
        row: dict[str, Any] = {
            "run": run,
            "state": "running",
            "note": "",
            "config": dict(config),
            "users_total": users_total,
        }
        times: dict[str, Any] = {"started_at": now, "resumed_at": now, "seconds": 0.0}
        with self._database.connection() as connection:
            connection.execute(insert(RunRow), row | times | _myself())
        return run

    def resume(self, run: str) -> None:
        """Make an unfinished run this process's own."""
        with self._database.connection() as connection:
            row = connection.execute(select(RunRow).where(RunRow.run == run)).first()
            if row is None:
                raise _no_run(run)
            worked = row.seconds
            if row.state == "running":  # its process died: it worked until it last settled a user
                last = connection.scalar(select(func.max(RunItemRow.at)).where(RunItemRow.run == run))
                worked += max((last - row.resumed_at).total_seconds(), 0) if last else 0
            again = {"state": "running", "note": "", "resumed_at": datetime.now(UTC), "seconds": worked}
            connection.execute(update(RunRow).where(RunRow.run == run).values(**again, **_myself()))

    def finish(self, run: str, state: State, note: str = "") -> None:
        """Close a run; `note` says why, and how to go on."""
        with self._database.connection() as connection:
            row = connection.execute(select(RunRow).where(RunRow.run == run)).first()
            if row is None:
                raise _no_run(run)
            seconds = row.seconds + (datetime.now(UTC) - row.resumed_at).total_seconds()
            connection.execute(update(RunRow).where(RunRow.run == run).values(state=state, note=note, seconds=seconds))

    def latest(self, states: Collection[State] = ()) -> str | None:
        """The newest run, or the newest in one of these states; one whose process died counts as stopped."""
        with self._database.reading() as connection:
            rows = connection.execute(NEWEST_FIRST)
            return next((row.run for row in rows if not states or _state(row)[0] in states), None)

    def config(self, run: str) -> dict[str, Any]:
        """What the run was started with."""
        with self._database.reading() as connection:
            config = connection.scalar(select(RunRow.config).where(RunRow.run == run))
        if config is None:
            raise _no_run(run)
        return dict(config)

    def configs(self) -> dict[str, dict[str, Any]]:
        """What runs were started with, by the digest of it."""
        with self._database.reading() as connection:
            return {config["digest"]: config for config in connection.scalars(select(RunRow.config))}

    def fail(self, run: str, outcome: Outcome) -> None:
        """Put a user among the dead letters of a run."""
        item = outcome.__dict__ | {"state": "failed", "error": outcome.error.replace("\0", "\ufffd")}
        at = self._database.moment(datetime.now(UTC))
        with self._database.connection() as connection:
            self._settle.run(connection, item | {"run": run, "revision": None, "at": at})

    def unchanged(self, run: str, user_ids: Sequence[str]) -> None:
        """Note that nothing had to be done for these users; one that the run has settled already stays as it is."""
        row = {"run": run, "state": "unchanged", "error_kind": "", "error": "", "seconds": 0.0, "at": datetime.now(UTC)}
        if user_ids:
            with self._database.connection() as connection:
                connection.execute(
                    self._database.insert(RunItemRow).on_conflict_do_nothing(),
                    [row | {"user_id": user_id} for user_id in user_ids],
                )

    def settled(self, run: str) -> Iterator[str]:
        """The users that the run has done or found unchanged, in order, read page by page."""
        return self._users(run, ("done", "unchanged"))

    def failed_users(self, run: str) -> list[str]:
        """The users among the dead letters, in order."""
        return list(self._users(run, ("failed",)))

    def dead_letters(self, run: str) -> list[Outcome]:
        """How the failed users of a run failed, in order of user id."""
        row = RunItemRow
        failed = select(row.user_id, row.state, row.error_kind, row.error, row.seconds)
        with self._database.reading() as connection:
            rows = connection.execute(failed.where(row.run == run, row.state == "failed").order_by(row.user_id))
            return [Outcome(**found._mapping) for found in rows]

    def at_once(self, jobs: Sequence[Callable[[], T]]) -> list[T | Exception]:
        """See `Database.at_once`."""
        return self._database.at_once(jobs)

    def record(self, run: str, call: ModelCall) -> None:
        """Enter one attempt at asking the model into the ledger."""
        at = self._database.moment(datetime.now(UTC))
        fields = call.__dict__ | {"detail": call.detail.replace("\0", "\ufffd"), "run": run, "at": at}
        with self._database.connection() as connection:
            self._database.write(connection, ModelCallRow, ENTRY, [tuple(fields[name] for name in ENTRY)])

    def answer(self, request_digest: str) -> str | None:
        """The newest validated answer that was given to exactly this request."""
        with self._database.reading() as connection:
            answer: str | None = ANSWER.scalar(connection, {"asked": request_digest})
        return answer

    def kept(self, request_digest: str, model: str) -> ModelCall | None:
        """What such a model answered last to exactly this request, and what all its attempts at it cost; None where it
        never did."""
        call = ModelCallRow
        of_request = (call.request_digest == request_digest, call.model == model)
        answered = select(call).where(*of_request, call.outcome == "ok").order_by(call.id.desc()).limit(1)
        cost = select(func.sum(call.tokens_in), func.sum(call.tokens_out), func.sum(call.seconds)).where(*of_request)
        with self._database.reading() as connection:
            row = connection.execute(answered).first()
            if row is None:
                return None
            tokens_in, tokens_out, seconds = connection.execute(cost.where(call.run == row.run)).one()
        fields: dict[str, Any] = {name: row._mapping[name] for name in ModelCall.model_fields}
        fields |= {"tokens_in": int(tokens_in), "tokens_out": int(tokens_out), "seconds": seconds}
        fields |= {"outcome": "kept", "detail": ""}
        return ModelCall(**fields)

    def spent(self, run: str) -> dict[str, tuple[int, int]]:
        """Tokens asked and answered for each user in a run, repeated and failed attempts included."""
        return {user_id: (tokens_in, tokens_out) for user_id, (_, tokens_in, tokens_out) in self.asked(run).items()}

    def asked(self, run: str, *outcomes: str) -> dict[str, tuple[int, int, int]]:
        """Calls for each user in a run, with their tokens asked and answered; all outcomes where none is named."""
        call = ModelCallRow
        sums = select(call.user_id, func.count(), func.sum(call.tokens_in), func.sum(call.tokens_out))
        sums = sums.where(call.run == run, *([call.outcome.in_(outcomes)] if outcomes else []))
        with self._database.reading() as connection:
            rows = connection.execute(sums.where(call.user_id.is_not(None)).group_by(call.user_id))
            return {str(user_id): (calls, int(given), int(got)) for user_id, calls, given, got in rows}

    def rates(self, model: str) -> tuple[float | None, float | None]:
        """Tokens of one answer, and tokens answered per second, over the newest finished run with this model.

        Both are None where there was none.
        """
        row, call = RunRow, ModelCallRow
        finished = select(row.run, row.seconds).where(row.state == "done", row.config["model"].as_string() == model)
        spent = select(func.avg(call.tokens_out), func.sum(call.tokens_out)).where(call.outcome == "ok")
        with self._database.reading() as connection:
            for run, seconds in connection.execute(finished.order_by(row.started_at.desc())):
                mean, total = connection.execute(spent.where(call.run == run)).one()
                if total and seconds:
                    return float(mean), float(total) / seconds
        return None, None

    def summary(self, run: str | None = None) -> RunSummary:
        """How a run, or the newest one, stands.

        Raises:
            StoreError: there is no such run, or none at all.
        """
        wanted = NEWEST_FIRST.limit(1) if run is None else select(RunRow).where(RunRow.run == run)
        item, call = RunItemRow, ModelCallRow
        with self._database.reading() as connection:
            row = connection.execute(wanted).first()
            if row is None:
                raise _no_run(run)
            of_run = item.run == row.run
            settled = select(item.state, item.error_kind, func.count(), func.max(item.at)).where(of_run)
            items = connection.execute(settled.group_by(item.state, item.error_kind)).all()
            spent = select(func.count(), func.sum(call.tokens_in), func.sum(call.tokens_out)).where(call.run == row.run)
            calls, tokens_in, tokens_out = connection.execute(spent).one()
        users, failures = Counter[str](), Counter[str]()
        for state, kind, count, _ in items:
            users[state] += count
            if state == "failed":
                failures[kind] += count
        state, note = _state(row)
        seconds = row.seconds
        if row.state == "running":
            until = datetime.now(UTC) if state == "running" else max((at for *_, at in items), default=row.resumed_at)
            seconds += max((until - row.resumed_at).total_seconds(), 0)
        return RunSummary(
            run=row.run,
            state=state,
            users={"total": row.users_total} | {name: users[name] for name in ("done", "unchanged", "failed")},
            tokens={"in": int(tokens_in or 0), "out": int(tokens_out or 0)},
            model_calls=calls,
            seconds=seconds,
            started_at=row.started_at,
            failures=dict(failures),
            note=note,
            prompts=row.config.get("prompts", {}),
        )

    def work(
        self, config_digest: str, *, users: Sequence[str] | None = None, limit: int | None = None
    ) -> Iterator[tuple[str, bool]]:
        """(user id, changed) for every user in order, read page by page.

        A user is changed when their events, or the configuration, are not what their profile was made from.

        Args:
            users: Only these.
            limit: Only the first so many.

        Raises:
            StoreError: a user in `users` has no events.
        """
        user = UserRow
        page = select(user.user_id, user.digest, user.profiled_digest).order_by(user.user_id)
        pages = self._pages(page, user.user_id) if users is None else self._named(page, sorted(set(users)))
        for row in islice(pages, limit):
            yield row.user_id, row.profiled_digest != f"{row.digest}:{config_digest}"

    def _users(self, run: str, states: Sequence[State | Literal["unchanged"]]) -> Iterator[str]:
        item = RunItemRow
        users = select(item.user_id).where(item.run == run, item.state.in_(states)).order_by(item.user_id)
        return (row.user_id for row in self._pages(users, item.user_id))

    def _pages(self, rows: Select[*tuple[Any, ...]], user_id: InstrumentedAttribute[str]) -> Iterator[AnyRow]:
        """All rows in the order of user ids, with a short transaction for each page."""
        after = ""
        while True:
            with self._database.reading() as connection:
                page = connection.execute(rows.where(user_id > after).limit(PAGE)).all()
            yield from page
            if len(page) < PAGE:
                return
            after = page[-1].user_id

    def _named(self, rows: Select[*tuple[Any, ...]], names: Sequence[str]) -> Iterator[AnyRow]:
        """The rows of these users, in order."""
        for start in range(0, len(names), PAGE):
            wanted = names[start : start + PAGE]
            with self._database.reading() as connection:
                page = connection.execute(rows.where(UserRow.user_id.in_(wanted))).all()
            if unknown := sorted(set(wanted) - {row.user_id for row in page}):
                raise StoreError(f"There are no events of {', '.join(unknown[:5])}: `limner ingest` brings events in.")
            yield from page


def settle(database: Database) -> Direct:
    """Writes how a user fared in a run, in place of what was written before."""
    item = database.insert(RunItemRow)
    news = {name: item.excluded[name] for name in ("state", "error_kind", "error", "seconds", "revision", "at")}
    return Direct(item.on_conflict_do_update(index_elements=["run", "user_id"], set_=news))


def _myself() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": os.getpid(), "process_started": psutil.Process().create_time()}


def _state(row: AnyRow) -> tuple[State, str]:
    """The state of a run and its note; a running one whose process is gone has stopped."""
    if row.state != "running" or row.host != socket.gethostname():
        return row.state, row.note
    try:
        alive = abs(psutil.Process(row.pid).create_time() - row.process_started) < 2
    except psutil.Error:
        alive = False
    return ("running", row.note) if alive else ("stopped", DIED)


def _no_run(run: str | None) -> StoreError:
    return StoreError(f"There is no run {run}." if run else "There was no run yet: `limner run` starts one.")

"""What can go wrong, and what the reader can do about it.

LimnerError
├── SetupError             the installation or a setting is wrong: fix it, then start again
├── InputError             a file that was named cannot be read at all: give another one
├── PromptError            a prompt file is malformed, or was given the wrong inputs
├── TaxonomyError          a taxonomy file is malformed: `limner taxonomy lint` names the line
├── ModelError             the model server could not be reached, or refused: try again later
│   ├── Unreachable        nothing answers at its address, or it answers only with errors
│   ├── Refused            it does not take this request: too long, or a schema that it cannot hold a model to
│   ├── AnswerError        it answered, but not in the promised shape (.answer holds the text)
│   ├── ServerDied         a server limner started has ended (.log holds the end of its log)
│   └── SupplyError        a model could not be fetched or converted: network, disk, checksum
└── StoreError             the database or the index could not be used
    ├── BusyError          another limner process holds what this one needs (.holder)
    ├── ProfileNotFound    this user has no profile yet (.user_id)
    ├── TagNotFound        this user has no such tag (.user_id, .key)
    └── TagPinned          a person pinned it, so there is no estimate to judge (.user_id, .key)

Anything outside the tree is a defect and keeps its traceback. `exit_code` is what the command line
returns: 1 the work failed, 2 wrong use.
"""

from __future__ import annotations

from typing import ClassVar


class LimnerError(Exception):
    """The root of the tree; its text is a plain sentence that says what to do next."""

    exit_code: ClassVar[int] = 1


class SetupError(LimnerError):
    exit_code = 2


class InputError(LimnerError):
    exit_code = 2


class PromptError(LimnerError):
    pass


class TaxonomyError(LimnerError):
    pass


class ModelError(LimnerError):
    pass


class Unreachable(ModelError):
    pass


class Refused(ModelError):
    pass


class AnswerError(ModelError):
    def __init__(self, message: str, answer: str) -> None:
        super().__init__(message)
        self.answer = answer


class ServerDied(ModelError):
    def __init__(self, message: str, log: str = "") -> None:
        super().__init__(message)
        self.log = log


class SupplyError(ModelError):
    pass


class StoreError(LimnerError):
    pass


class BusyError(StoreError):
    def __init__(self, message: str, holder: str = "") -> None:
        super().__init__(message)
        self.holder = holder


class ProfileNotFound(StoreError):
    def __init__(self, user_id: str) -> None:
        super().__init__(
            f"User {user_id} has no profile. `limner status` tells whether a run has reached them; "
            f"`limner run --users {user_id}` makes one."
        )
        self.user_id = user_id


class TagNotFound(StoreError):
    def __init__(self, user_id: str, key: str) -> None:
        super().__init__(
            f"User {user_id} has no tag {key}. `limner profile {user_id} --include candidates` lists theirs."
        )
        self.user_id = user_id
        self.key = key


class TagPinned(StoreError):
    def __init__(self, user_id: str, key: str) -> None:
        super().__init__(
            f"{key} of user {user_id} is pinned by a person, not estimated: `limner override list {user_id}` says by "
            "whom, and `limner override withdraw ID` takes that back."
        )
        self.user_id = user_id
        self.key = key

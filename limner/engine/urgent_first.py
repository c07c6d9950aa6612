"""vLLM's scheduler, in whose steps a more urgent prompt is read before a less urgent batch goes on.

With `--scheduling-policy priority` vLLM only takes urgent requests in first: in every step the running ones come before
them, the rest of a prompt that is being read and a token of each answer. On a processor a step takes a second, so that
a question waits for the prompts of a batch. Here a step is for the urgent prompts alone while there are any (a smaller
priority than that of somebody who runs); the others keep what they have and go on after it.

`agents/server.py` has vLLM load this by name, in vLLM's own environment. It relies on attributes of `Scheduler` that
are no public interface: those of the version in `limner/locks`.
"""

from __future__ import annotations

from typing import Any

from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.core.sched.scheduler import Scheduler
from vllm.v1.request import Request, RequestStatus


class UrgentFirst(Scheduler):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read: dict[str, int] = {}
        """How much of each urgent prompt was read when a step was last theirs alone."""

    def schedule(self, *args: Any, **kwargs: Any) -> SchedulerOutput:
        urgent = self._urgent()
        read = {request.request_id: request.num_computed_tokens for request in urgent}
        # Where their last step did not get them on, there is no room for them until others end.
        if not urgent or read == self._read:
            return super().schedule(*args, **kwargs)
        self._read = read
        last = max(request.priority for request in urgent)
        held = [request for request in self.running if request.priority > last]
        self.running = [request for request in self.running if request.priority <= last]
        most = self.max_num_active_reqs
        entering = sum(request.status != RequestStatus.RUNNING for request in urgent)
        self.max_num_active_reqs = min(most - len(held), len(self.running) + entering)
        try:
            return super().schedule(*args, **kwargs)
        finally:
            self.running = [*held, *self.running]
            self.max_num_active_reqs = most

    def _urgent(self) -> list[Request]:
        """Requests whose prompt can be read and is not read yet, and that are more urgent than one that runs."""
        least = max((request.priority for request in self.running), default=0)
        waiting = [one for one in self.waiting if one.priority < least and self._handle_blocked_waiting_request(one)]
        running = [
            one for one in self.running if one.priority < least and one.num_computed_tokens < one.num_prompt_tokens
        ]
        return [*waiting, *running]

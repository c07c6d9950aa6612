"""What limner knows of one user, as a LangChain retriever and tools for other people's agents.

    agent = create_agent(model, user_tools(person, ask=ask, embed=embedder.embed))

They read and never write. What a history says is data to the agent, as it is to limner: it comes redacted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import BaseTool, tool
from pydantic import ConfigDict

from agents.ask import Person
from agents.digest import safe
from agents.recall import Embed, said
from agents.when import asks_for_now, window
from limner.domain import Reply


class UserRetriever(BaseRetriever):
    """The events of one user that bear most on a query, as documents: redacted text, event id and time."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    person: Person
    embed: Embed
    k: int = 10

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        memory = self.person.memory
        asked = window(query, memory.newest) if memory.newest else None
        hits = memory.recalled(query, self.k, embed=self.embed, window=asked, newest=asks_for_now(query))
        return [
            Document(
                page_content=safe(said(event)),
                id=event.event_id,
                metadata={
                    "event_id": event.event_id,
                    "kind": event.kind,
                    "ts": event.ts.isoformat() if event.ts else None,
                    "score": hit.score,
                },
            )
            for hit, event in zip(hits, memory.events(hit.row for hit in hits), strict=True)
        ]


def user_tools(person: Person, *, embed: Embed, ask: Callable[[str], Awaitable[Reply]]) -> list[BaseTool]:
    """Tools with which an agent learns about one user: ask_user, search_events, list_tags.

    Args:
        ask: `agents.ask.ask`, bound to the user and a model.
    """
    retriever = UserRetriever(person=person, embed=embed)

    @tool
    async def ask_user(question: str) -> str:
        """Answer a question about the user from their history; JSON with the answer and the ids of its events."""
        return (await ask(question)).model_dump_json(include={"answer", "count", "citations", "abstained"})

    @tool
    def search_events(query: str) -> list[dict[str, str | None]]:
        """Find what the user did or said, by words, meaning and time; each event with id, kind, time and text."""
        return [
            {
                "event_id": found.id,
                "kind": found.metadata["kind"],
                "ts": found.metadata["ts"],
                "text": found.page_content,
            }
            for found in retriever.invoke(query)
        ]

    @tool
    def list_tags() -> list[dict[str, str | int | float]]:
        """List what is proven about the user, each with polarity (1 likes, -1 dislikes, 0 a fact) and probability."""
        return [
            {"key": tag.key, "label": tag.label.en, "polarity": tag.polarity, "probability": tag.probability}
            for tag in person.tags
        ]

    return [ask_user, search_events, list_tags]

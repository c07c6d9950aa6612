from __future__ import annotations

import json
from typing import Any

from agents.tools import UserRetriever, user_tools
from limner.domain import Reply
from tests.agents.person import embed, somebody
from tests.agents.test_ask import JAZZ


async def answered(question: str) -> Reply:
    return Reply(question=question, scope="user", answer="Oscar", citations=("d3",))


def tools() -> dict[str, Any]:
    return {tool.name: tool for tool in user_tools(somebody(tags=(JAZZ,)), embed=embed, ask=answered)}


def test_a_retriever_gives_redacted_documents_with_their_event_ids() -> None:
    found = UserRetriever(person=somebody(), embed=embed, k=2).invoke("mail Caroline")
    assert [one.id for one in found] == [one.metadata["event_id"] for one in found]
    assert len(found) == 2
    assert "Mail me at [EMAIL]" in found[0].page_content


async def test_an_agent_may_ask_search_and_list() -> None:
    given = tools()
    assert set(given) == {"ask_user", "search_events", "list_tags"}
    reply = json.loads(await given["ask_user"].ainvoke({"question": "Who teaches?"}))
    assert reply == {"answer": "Oscar", "count": None, "citations": ["d3"], "abstained": False}
    assert given["search_events"].invoke({"query": "adopted a goose"})[0]["event_id"] == "d4"
    assert given["list_tags"].invoke({}) == [{"key": "music/jazz", "label": "jazz", "polarity": 1, "probability": 0.9}]


def test_every_tool_tells_an_agent_what_it_is_for() -> None:
    assert all(tool.description and tool.args_schema for tool in tools().values())

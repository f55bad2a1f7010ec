"""Answers held to a JSON schema while the thought before them stays free: vLLM is told in ids where a thought ends."""

from collections.abc import Iterable, Sequence
from typing import Any

from lib.engine import thinking
from lib.engine.thinking import Marks

NAME = "midthought"  # under which vLLM finds our marks


def config(marks: Marks) -> dict[str, Any]:
    """What vLLM needs to know at its start, so that a schema binds from the end of the thinking on.

    The parsers that vLLM brings know a model by its text, and not every family has one; this one knows any family.
    """
    from vllm.reasoning import ReasoningParser, ReasoningParserManager

    class Thought(ReasoningParser):
        """The end of a thought, by ids; nothing else of it is asked."""

        def is_reasoning_end(self, input_ids: Sequence[int]) -> bool:
            return ended(input_ids, marks)

        def is_reasoning_end_streaming(self, input_ids: Sequence[int], delta_ids: Iterable[int]) -> bool:
            return ends(input_ids, len(list(delta_ids)), marks)

        def extract_content_ids(self, input_ids: list[int]) -> list[int]:
            raise NotImplementedError

        extract_reasoning = extract_reasoning_streaming = extract_content_ids

    ReasoningParserManager.register_module(NAME, force=True, module=Thought)
    # without free white space, of which small models would write no end; only xgrammar and guidance can be told so
    return {"reasoning_parser": NAME, "backend": "xgrammar", "disable_any_whitespace": True}


def ended(prompt_ids: Sequence[int], marks: Marks) -> bool:
    """Whether a prompt closes a thought and opens none after it."""
    ids = list(prompt_ids)
    return bool(thinking.places(ids, marks.closing)) and thinking.begun(ids, marks) is None


def ends(ids: Sequence[int], new: int, marks: Marks) -> bool:
    """Whether the last `new` ids complete the mark that closes a thought."""
    return bool(thinking.places(list(ids[-(new + len(marks.closing) - 1) :]), marks.closing))


def response_format(json_schema: dict[str, Any]) -> dict[str, Any]:
    """The field of OpenAI's protocol that holds an answer to a schema."""
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": json_schema, "strict": True}}

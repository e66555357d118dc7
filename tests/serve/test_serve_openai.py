"""The official OpenAI client, unchanged, against SmolLM2 and a release of ours: whole, streamed, side by side."""

import asyncio

import openai
import pytest
from running import Suite

QUESTION = [{"role": "user", "content": "What is the capital of France? Answer with one word."}]


@pytest.fixture
def official(suite: Suite) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{suite.server.url}/v1", api_key="none", max_retries=0, timeout=60)


@pytest.fixture
def name(official: openai.OpenAI) -> str:
    return official.models.list().data[0].id


def test_a_chat_is_answered(official: openai.OpenAI, name: str, suite: Suite) -> None:
    answer = official.chat.completions.create(model=name, messages=QUESTION, temperature=0, max_tokens=12)  # type: ignore[call-overload]
    assert "Paris" in answer.choices[0].message.content or not suite.sensible
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_streamed_chat_says_the_same(official: openai.OpenAI, name: str, suite: Suite) -> None:
    stream = official.chat.completions.create(
        model=name, messages=QUESTION, temperature=0, max_tokens=12, stream=True, stream_options={"include_usage": True}
    )  # type: ignore[call-overload]
    chunks = list(stream)
    whole = official.chat.completions.create(model=name, messages=QUESTION, temperature=0, max_tokens=12)  # type: ignore[call-overload]
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert said == whole.choices[0].message.content
    assert chunks[-1].usage.completion_tokens <= 12


def test_a_text_is_completed_with_log_probabilities(official: openai.OpenAI, name: str, suite: Suite) -> None:
    answer = official.completions.create(
        model=name, prompt="The capital of France is", temperature=0, max_tokens=1, logprobs=2
    )
    assert answer.choices[0].text == " Paris" or not suite.sensible
    told = answer.choices[0].logprobs
    assert told is not None and told.token_logprobs is not None and told.token_logprobs[0] is not None
    assert told.token_logprobs[0] < 0
    assert told.token_logprobs[0] > -1.5 or not suite.sensible
    assert told.top_logprobs is not None and told.token_logprobs[0] == max(told.top_logprobs[0].values())


def test_chat_log_probabilities_hold_the_alternatives(official: openai.OpenAI, name: str, suite: Suite) -> None:
    answer = official.chat.completions.create(
        model=name, messages=QUESTION, temperature=0, max_tokens=2, logprobs=True, top_logprobs=3
    )  # type: ignore[call-overload]
    content = answer.choices[0].logprobs.content
    assert all(len(item.top_logprobs) == 3 for item in content)
    raw = bytes(byte for item in content for byte in item.bytes)
    assert raw.decode(errors="replace") == answer.choices[0].message.content


def test_refusals_raise_the_clients_own_errors(official: openai.OpenAI, name: str, suite: Suite) -> None:
    with pytest.raises(openai.NotFoundError, match="There is no model"):
        official.completions.create(model="gpt-4", prompt="a")
    with pytest.raises(openai.BadRequestError, match="temperature"):
        official.completions.create(model=name, prompt="a", temperature=9)
    with pytest.raises(openai.UnprocessableEntityError, match="at most 16 choices"):
        official.completions.create(model=name, prompt="a", n=17)


def test_eight_conversations_at_once_are_all_answered(suite: Suite, name: str) -> None:
    async def run() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{suite.server.url}/v1", api_key="none", max_retries=0) as client:

            async def ask() -> str:
                answer = await client.chat.completions.create(
                    model=name, messages=QUESTION, temperature=0, max_tokens=12
                )  # type: ignore[call-overload]
                return str(answer.choices[0].message.content)

            return list(await asyncio.gather(*(ask() for _ in range(8))))

    answers = asyncio.run(run())
    assert len(answers) == 8 and all(answers)
    assert all("Paris" in answer for answer in answers) or not suite.sensible

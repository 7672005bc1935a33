#!/usr/bin/env python3
"""The official openai client against a running server: every feature that is served, and the
errors of what is not. Needs the package openai.

  tests/web/try_openai.py http://127.0.0.1:8080/v1 [KEY]

Exits with 1 at the first deviation.
"""
import json
import sys

import openai

if len(sys.argv) not in (2, 3):
    sys.exit(__doc__)
client = openai.OpenAI(base_url=sys.argv[1], api_key=sys.argv[2] if len(sys.argv) == 3 else "none",
                       max_retries=0, timeout=120)
model = client.models.list().data[0].id
question = [{"role": "user", "content": "Name three colours."}]


def check(name, good, what=""):
    print(("ok      " if good else "FAILED  ") + name, what if not good else "")
    if not good:
        sys.exit(1)


def refused(name, kind, param, call):
    try:
        call()
    except openai.APIStatusError as e:
        check(name, isinstance(e, kind) and (param is None or e.body.get("param") == param),
              repr(e))
    else:
        check(name, False, "not refused")


def chat(**more):
    return client.chat.completions.create(**{"model": model, "messages": question, "seed": 1,
                                             "max_completion_tokens": 24, **more})


def complete(**more):
    return client.completions.create(**{"model": model, "prompt": "Once upon a time", "seed": 1,
                                        "max_tokens": 24, **more})


check("model by name", client.models.retrieve(model).id == model)

# chats
first = chat()
check("chat answers", bool(first.choices[0].message.content))
check("finish reason", first.choices[0].finish_reason in ("stop", "length"))
check("usage adds up", first.usage.total_tokens ==
      first.usage.prompt_tokens + first.usage.completion_tokens)
check("fingerprint", first.system_fingerprint.startswith("fp_"))
again = chat()
check("a seed repeats", again.choices[0].message.content == first.choices[0].message.content)
check("the prompt is cached", again.usage.prompt_tokens_details.cached_tokens > 0)
check("without a seed answers differ",
      len({chat(seed=None).choices[0].message.content for _ in range(4)}) > 1)
many = chat(n=3)
check("n", len(many.choices) == 3 and [c.index for c in many.choices] == [0, 1, 2])
check("the first of n is the one alone",
      many.choices[0].message.content == first.choices[0].message.content)
parts = chat(messages=[{"role": "developer", "content": "Be brief."},
                       {"role": "user", "content": [{"type": "text", "text": "Name three "},
                                                    {"type": "text", "text": "colours."}]}])
check("developer and parts", bool(parts.choices[0].message.content))

text, finish, usage, n_deltas = "", None, None, 0
for event in chat(stream=True, stream_options={"include_usage": True}):
    usage = event.usage or usage
    for choice in event.choices:
        text += choice.delta.content or ""
        finish = choice.finish_reason or finish
        n_deltas += 1
check("a stream says the same", text == first.choices[0].message.content)
check("a stream ends", finish == first.choices[0].finish_reason)
check("a stream's usage", usage.completion_tokens == first.usage.completion_tokens)
check("a stream has many pieces", n_deltas > 2)

told = chat(logprobs=True, top_logprobs=2, temperature=0)
content = told.choices[0].logprobs.content
check("logprobs for every token", len(content) == told.usage.completion_tokens)
check("top_logprobs", all(len(t.top_logprobs) == 2 for t in content))
check("greedy takes the top", all(t.top_logprobs[0].token == t.token for t in content))
check("tokens' bytes are the text",
      b"".join(bytes(t.bytes) for t in content).decode(errors="replace")
      .startswith(told.choices[0].message.content))
word = told.choices[0].message.content.split()[1]
stopped = chat(temperature=0, stop=[word])
check("stop", word not in stopped.choices[0].message.content and
      told.choices[0].message.content.startswith(stopped.choices[0].message.content) and
      stopped.choices[0].finish_reason == "stop")

# completions
plain = complete(prompt=["Once upon a time", "The sky is"], n=2)
check("prompts times n", [c.index for c in plain.choices] == [0, 1, 2, 3])
echo = complete(echo=True, logprobs=2, max_tokens=2, temperature=0)
l = echo.choices[0].logprobs
check("echo", echo.choices[0].text.startswith("Once upon a time"))
check("logprobs line up", len(l.tokens) == len(l.token_logprobs) == len(l.top_logprobs) ==
      len(l.text_offset) == echo.usage.total_tokens and l.token_logprobs[0] is None)
check("offsets", all(echo.choices[0].text[o:o + len(t)] == t
                     for o, t in zip(l.text_offset, l.tokens) if not t.startswith("bytes:")))
score = complete(echo=True, logprobs=0, max_tokens=0)
check("scoring alone", score.choices[0].text == "Once upon a time" and
      score.usage.completion_tokens == 0)
check("scores repeat when cached", score.choices[0].logprobs.token_logprobs ==
      l.token_logprobs[:len(score.choices[0].logprobs.tokens)])
best = complete(n=1, best_of=4, logprobs=0)
check("best_of", len(best.choices) == 1 and best.usage.completion_tokens >= 4)
joined = "".join(e.choices[0].text for e in complete(stream=True) if e.choices)
check("a stream of text", joined == complete().choices[0].text)
check("extensions", bool(complete(extra_body={"top_k": 5, "min_p": 0.05}).choices))

# forms
schema = {"type": "object", "properties": {"reason": {"type": "string", "maxLength": 40},
                                           "verdict": {"enum": [1, 0, -1]}}}
held = chat(max_tokens=200, response_format={
    "type": "json_schema", "json_schema": {"name": "verdict", "strict": True, "schema": schema}})
told = json.loads(held.choices[0].message.content)
check("a form", list(told) == ["reason", "verdict"] and told["verdict"] in (1, 0, -1) and
      held.choices[0].finish_reason == "stop")

# refusals
BAD = openai.BadRequestError
refused("tools", BAD, "tools", lambda: chat(tools=[{"type": "function", "function": {"name": "f"}}]))
refused("response_format", BAD, "response_format", lambda: chat(response_format={
    "type": "json_schema", "json_schema": {"name": "a", "schema": {"oneOf": []}}}))
refused("logit_bias", BAD, "logit_bias", lambda: chat(logit_bias={"1": 5}))
refused("presence_penalty", BAD, "presence_penalty", lambda: chat(presence_penalty=1.0))
refused("suffix", BAD, "suffix", lambda: complete(suffix="x"))
refused("temperature", BAD, "temperature", lambda: complete(temperature=3))
refused("an unknown field", BAD, "surprise", lambda: complete(extra_body={"surprise": 1}))
refused("best_of in a stream", BAD, "best_of", lambda: complete(stream=True, best_of=2))
refused("another model", openai.NotFoundError, "model", lambda: chat(model="no-such-model"))
refused("a context too long", BAD, "prompt", lambda: complete(prompt=[1] * 200000))
refused("an unknown route", openai.NotFoundError, None, lambda: client.embeddings.create(
    model=model, input="x"))
check("user and metadata are passed over", bool(chat(user="u", metadata={"a": "b"}).choices))
print("every feature is as the client expects it")

#!/usr/bin/env python3
"""A policy that is no model: a server of OpenAI's protocol that works out sums line by line, now and
then wrongly. What it answers hangs on the request alone, so that trees can be grown again.

  examples/scripted-policy/policy.py [PORT]      prints its URL, and serves until it is stopped
"""
import hashlib
import http.server
import json
import re
import sys

WRONG = 0.3  # chance of a wrong product or sum


def chances(body):
    """Numbers in [0, 1) drawn from the request's bytes."""
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).digest()
    return [b / 256 for b in digest]


def next_line(text, draws):
    """The line that follows a problem and the lines after it."""
    problem = re.findall(r"Problem: What is ([\d +*]+)\?", text)[-1]
    lines = re.findall(r"^(\d+)\. .*leaves ([\d +*]+)\.$", text.split(problem)[-1], re.M)
    number = len(lines) + 1
    left = (lines[-1][1] if lines else problem).split()
    if len(left) == 1:
        return f"{number}. The answer is \\boxed{{{left[0]}}}."
    places = [i for i in range(1, len(left), 2) if left[i] == "*"] or list(range(1, len(left), 2))
    at = places[int(draws[0] * len(places))]
    a, sign, b = int(left[at - 1]), left[at], int(left[at + 1])
    result = a * b if sign == "*" else a + b
    if draws[1] < WRONG:
        result += 1 + int(draws[2] * 9)
    left[at - 1:at + 2] = [str(result)]
    return f"{number}. {a} {sign} {b} = {result} leaves {' '.join(left)}."


class Policy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        chat = "messages" in body
        text = "\n".join(m["content"] for m in body["messages"]) if chat else body["prompt"]
        line = next_line(text, chances(body))
        choice = {"index": 0, "finish_reason": "stop"}
        choice |= {"message": {"role": "assistant", "content": line}} if chat else {"text": line}
        tokens = {"prompt_tokens": len(text.split()), "completion_tokens": len(line.split())}
        tokens["total_tokens"] = sum(tokens.values())
        answer = json.dumps({"choices": [choice], "usage": tokens}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if sys.argv[1:] else 0),
                                         Policy)
print(f"http://127.0.0.1:{server.server_port}/v1", flush=True)
server.serve_forever()

"""The flows of a capture as a mitmproxy dump, and how long mitmproxy takes to load that.

mitmproxy_load.py CAPTURE DUMP
"""

import json
import os
import resource
import subprocess
import sys
import time
from datetime import datetime

from mitmproxy import http, io
from mitmproxy.test import tflow


def seconds(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def headers(fields):
    return http.Headers([(field[0].encode(), field[1].encode()) for field in fields])


def body(message):
    content = message.get("body")
    if message.get("body_kind") == "json":
        return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    return (content or "").encode()


def flow(line):
    sent, came = line["request"], line["response"]
    began, ended = seconds(line["started"]), seconds(line["ended"])
    request = http.Request(
        "chatgpt.com", 443, sent["method"].encode(), b"https", b"", sent["path"].encode(), b"HTTP/1.1",
        headers(sent["headers"]), body(sent), None, began, began,
    )
    response = http.Response(
        b"HTTP/1.1", came["status"], b"", headers(came["headers"]), body(came), None, ended, ended,
    )
    made = tflow.tflow(req=request, resp=response)
    made.id = line["id"]
    return made


def main():
    capture, dump = sys.argv[1:]
    if sys.argv[2] == "--load":
        began = time.monotonic()
        with open(capture, "rb") as file:
            flows = list(io.FlowReader(file).stream())
        spent = time.monotonic() - began
        size = os.path.getsize(capture)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        work = resource.getrusage(resource.RUSAGE_SELF)
        work = work.ru_utime + work.ru_stime
        print(
            f"mitmproxy, {len(flows)} flows, {size / 1e6:.0f} MB: {spent:.1f} s = {size / 1e6 / spent:.0f} MB/s "
            f"({work:.1f} s of processor time), peak {peak:.0f} MB"
        )
        return
    with open(capture, encoding="utf-8") as lines, open(dump, "wb") as file:
        writer = io.FlowWriter(file)
        for line in lines:
            writer.add(flow(json.loads(line)))
    subprocess.run([sys.executable, __file__, dump, "--load"], check=True)


main()

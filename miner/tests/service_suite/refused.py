"""Makes one call of raw messages and prints how it was refused: the code, the reason, and how much came with it.

    refused.py ADDRESS /package.Service/Method unary|stream FILE...

Each file is one message. No code is generated: what counts is what the gRPC library lets through.
"""

import sys

import grpc

address, method, kind, *files = sys.argv[1:]
messages = [open(name, "rb").read() for name in files]
with grpc.insecure_channel(address) as channel:
    try:
        if kind == "unary":
            channel.unary_unary(method)(messages[0], timeout=60)
        else:
            list(channel.stream_stream(method)(iter(messages), timeout=60))
        print("OK")
    except grpc.RpcError as error:
        trailers = dict(error.trailing_metadata() or ())
        details = trailers.get("grpc-status-details-bin", b"")
        # ErrorInfo's reason is a run of capitals before the domain; a substring will do here.
        print(error.code().name, b"cityseal" in details, len(error.details()), len(details))
        print(error.details())
        print(details.decode("latin-1"))

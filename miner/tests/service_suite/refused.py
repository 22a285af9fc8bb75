"""Makes one call with raw messages and prints how it was refused: the code, the reason, and the sizes.

    refused.py ADDRESS /package.Service/Method unary|stream FILE...

Each file is one message. No code is generated: the test is about what the gRPC library lets through.
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
        # ErrorInfo holds the reason and the domain; a substring check suffices here.
        print(error.code().name, b"cityseal" in details, len(error.details()), len(details))
        print(error.details())
        print(details.decode("latin-1"))

#!/usr/bin/env python3
"""Uses a CitySeal service from Python.

The example needs a running `cityseal serve`. It lists the services by reflection, checks their health, seals a block and
watches the job, cancels another job, streams a chain of headers or whole blocks and expects VALID, interrupts an upload
and resumes it with its token, and ends an upload without its closing message and expects INCOMPLETE. It does not trust
the service: it hashes the seal again.

The messages are built from the service's reflection, so no generated files are needed.

    python3 cityseal_example.py 127.0.0.1:50051 [--headers FILE | --blocks FILE] [--network NAME | FILE.toml]
                                                [--start-height H] [--receipt FILE]
                                                [--ca FILE] [--cert FILE --key FILE] [--token-file FILE]

--headers: packed headers of 80 bytes. --blocks: whole blocks, framed as in Bitcoin Core's block files or one after
another. Without either, the example first seals a short regtest chain. --receipt: the file for the signed receipt.
--ca: connect over TLS, and trust services of this CA; --cert and --key: present this client certificate; --token-file:
present the bearer token in this file.
Exit codes: 0 every answer was right, 1 an answer was wrong, 2 anything else.
"""

import argparse
import hashlib
import struct
import sys
import threading
import uuid

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

HEADER_LEN = 80
# The service judges this many headers at once, so a shorter stream cannot be resumed.
HEADERS_AT_ONCE = 4096
# Larger chunks are no faster. A larger block gets a message of its own.
CHUNK_BYTES = 1 << 20
CALL_TIMEOUT_S = 30
STREAM_TIMEOUT_S = 120

# The genesis header of Bitcoin's regtest network: every second nonce seals a block there.
REGTEST_GENESIS = bytes.fromhex(
    "01000000" + "00" * 32
    + "3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a"
    + "dae5494dffff7f2002000000"
)
OWN_CHAIN_HEADERS = 200


class WrongAnswer(Exception):
    """The service gave a wrong answer."""


def expect(condition, complaint):
    if not condition:
        raise WrongAnswer(complaint)


def double_sha256(data):
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def display_hex(wire_hash):
    """Hashes are shown most significant byte first, which is the reverse of their order on the wire."""
    return wire_hash[::-1].hex()


def target_of(header):
    """The target of a header's compact bits; those of regtest and mainnet are neither negative nor too large."""
    bits = struct.unpack_from("<I", header, 72)[0]
    exponent, mantissa = bits >> 24, bits & 0x007FFFFF
    return mantissa << (8 * (exponent - 3)) if exponent > 3 else mantissa >> (8 * (3 - exponent))


def meets_target(header):
    return int.from_bytes(double_sha256(header), "little") <= target_of(header)


class Service:
    """Calls and messages of one service, from its reflection."""

    def __init__(self, channel, tenant):
        self.channel = channel
        self.tenant = tenant
        self.database = ProtoReflectionDescriptorDatabase(channel)
        self.pool = DescriptorPool(self.database)

    def services(self):
        return sorted(self.database.get_services())

    def message(self, name, **fields):
        return GetMessageClass(self.pool.FindMessageTypeByName("cityseal.v1." + name))(**fields)

    def call(self, service, method):
        """Returns the callable of a method, streaming or not according to its descriptor."""
        found = self.pool.FindServiceByName("cityseal.v1." + service).FindMethodByName(method)
        kinds = {
            (False, False): self.channel.unary_unary,
            (False, True): self.channel.unary_stream,
            (True, True): self.channel.stream_stream,
        }
        return kinds[found.client_streaming, found.server_streaming](
            f"/cityseal.v1.{service}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(found.output_type).FromString,
        )

    def enum_name(self, enum, number):
        value = self.pool.FindEnumTypeByName("cityseal.v1." + enum).values_by_number.get(number)
        return value.name if value else f"{enum} {number}"


def list_services(service):
    names = service.services()
    print("services by reflection:", ", ".join(names))
    for wanted in ("SealService", "VerifyService", "DeviceService"):
        expect("cityseal.v1." + wanted in names, f"reflection does not list {wanted}")


def check_health(channel):
    health = health_pb2_grpc.HealthStub(channel)
    status = health.Check(health_pb2.HealthCheckRequest(service=""), timeout=CALL_TIMEOUT_S).status
    print("health:", health_pb2.HealthCheckResponse.ServingStatus.Name(status))
    expect(status == health_pb2.HealthCheckResponse.SERVING, "the service is not SERVING")


def submit(service, template, **fields):
    request = service.message(
        "SubmitSealRequest", request_id=uuid.uuid4().hex, tenant=service.tenant, template=template, priority=1, **fields
    )
    answer = service.call("SealService", "SubmitSeal")(request, timeout=CALL_TIMEOUT_S)
    print(f"job {answer.job.id}: {answer.job.volume} hashes to search at most")
    return answer.job.id


def watch(service, job_id):
    """Follows a job to its end and returns its last event."""
    request = service.message("WatchJobRequest", job_id=job_id, from_seq=1)
    last = None
    for event in service.call("SealService", "WatchJob")(request, timeout=STREAM_TIMEOUT_S):
        state = service.enum_name("JobState", event.job.state)
        print(f"  event {event.seq}: {event.WhichOneof('event')}, {state}, {event.job.hashes} hashes")
        expect(event.seq == (last.seq + 1 if last else 1), "an event is missing")
        last = event
    expect(last is not None and last.WhichOneof("event") == "ended", "the job's events ended before the job did")
    return last


def seal_a_block(service):
    template = service.message("SealTemplate", header=REGTEST_GENESIS, version_mask=0x1FFFE000)
    end = watch(service, submit(service, template))
    expect(service.enum_name("JobState", end.job.state) == "JOB_STATE_SEALED", "the job did not end SEALED")
    expect(len(end.ended.seals) == 1, "a sealed job has one seal")
    seal = end.ended.seals[0]
    expect(double_sha256(seal.header) == seal.hash, "the seal's hash is not that of its header")
    expect(meets_target(seal.header), "the seal's hash is above its target")
    expect(seal.header[4:76] == REGTEST_GENESIS[4:76], "the seal is of another block")
    print("  sealed, and hashed again here:", display_hex(seal.hash))


def cancel_a_job(service):
    # No hash is as low as 1, so this job would run until its deadline.
    template = service.message("SealTemplate", header=REGTEST_GENESIS, version_mask=0x1FFFE000)
    job_id = submit(service, template, target=(1).to_bytes(32, "little"))
    cancel = service.message("CancelJobRequest", job_id=job_id, cancelled_by="the Python example")
    service.call("SealService", "CancelJob")(cancel, timeout=CALL_TIMEOUT_S)
    job = watch(service, job_id).job
    expect(service.enum_name("JobState", job.state) == "JOB_STATE_CANCELLED", "the job did not end CANCELLED")
    print("  cancelled by", job.reason)


class Chain:
    """Headers or whole blocks, and the fields of the first message of an upload."""

    def __init__(self, kind, items, **begin):
        self.kind, self.items, self.begin = kind, items, begin

    def messages(self, service, start=0, end=None, is_closed=True, **begin):
        """An upload of some of the items. Without its closing message it counts as truncated."""

        def message(**part):
            return service.message("VerifyChainRequest", **part)

        items = self.items[start:end]
        yield message(begin=service.message("VerifyBegin", **self.begin, **begin))
        for chunk in chunks(items):
            yield message(chunk=service.message("VerifyChunk", **{"packed_" + self.kind: b"".join(chunk)}))
        if is_closed:
            last = double_sha256(items[-1][:HEADER_LEN]) if items else b""
            yield message(finish=service.message("VerifyFinish", count=len(items), last_block_hash=last))


def chunks(items):
    """Whole items, about a megabyte at a time. No item is split across messages."""
    chunk, size = [], 0
    for item in items:
        if chunk and size + len(item) > CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
        chunk.append(item)
        size += len(item)
    if chunk:
        yield chunk


def verdict_of(service, messages):
    """Streams an upload and returns the verdict and its name."""
    verdict = None
    for answer in service.call("VerifyService", "VerifyChain")(messages, timeout=STREAM_TIMEOUT_S):
        if answer.WhichOneof("part") == "verdict":
            verdict = answer.verdict
    expect(verdict is not None, "the call ended without a verdict")
    return verdict, service.enum_name("VerdictKind", verdict.kind)


def expect_valid(chain, verdict, kind):
    if kind == "VERDICT_KIND_FAULT":
        fault = verdict.fault
        print(f"  rule {fault.rule} {fault.name} broken at height {fault.height}, byte {fault.offset}")
    expect(kind == "VERDICT_KIND_VALID", f"expected VALID, got {kind} {verdict.incomplete_reason}")
    expect(verdict.count == len(chain.items), f"VALID for another number of {chain.kind}")
    expect(verdict.tip.hash == double_sha256(chain.items[-1][:HEADER_LEN]), "VALID for another last header")


def verify_a_chain(service, name, chain, receipt_path):
    wants = {"want_receipt": True} if receipt_path else {}
    verdict, kind = verdict_of(service, chain.messages(service, **wants))
    print(f"streamed {len(chain.items)} {chain.kind} of {name}: {kind} in {verdict.seconds:.3f} s")
    expect_valid(chain, verdict, kind)
    print(f"  tip {verdict.tip.height} {display_hex(verdict.tip.hash)}, work {verdict.tip.chain_work[::-1].hex()}")
    print(f"  checked: {' '.join(verdict.checked)}; not checked: {' '.join(verdict.out_of_scope)}")
    for left in verdict.not_checked:
        print(f"  not checked: {left.rule} from height {left.from_height} to {left.to_height}: {left.why}")
    if chain.kind == "blocks":
        expect(verdict.bodies.bytes == sum(map(len, chain.items)), "VALID for other bodies")
        print(f"  {verdict.bodies.transactions} transactions in {verdict.bodies.bytes} bytes")
    if receipt_path:
        with open(receipt_path, "wb") as file:
            file.write(verdict.receipt)
        print("  receipt saved to", receipt_path)


def resume_a_chain(service, name, chain):
    """Interrupts a call after a resume token arrives, and sends the rest in another call."""
    stop, half = threading.Event(), (len(chain.items) + 1) // 2
    if chain.kind == "headers" and half < HEADERS_AT_ONCE or half == len(chain.items):
        return

    def first_half():
        yield from chain.messages(service, end=half, is_closed=False, want_resume_tokens=True)
        stop.wait(STREAM_TIMEOUT_S)

    call = service.call("VerifyService", "VerifyChain")(first_half(), timeout=STREAM_TIMEOUT_S)
    progress = next((answer.progress for answer in call if answer.progress.resume_token), None)
    call.cancel()
    stop.set()
    expect(progress is not None, "no resume token arrived")
    done = progress.validated_through + 1 - chain.begin.get("start_height", 0)
    expect(sum(map(len, chain.items[:done])) == progress.validated_bytes, "the token's place is not between two items")
    verdict, kind = verdict_of(service, chain.messages(service, start=done, resume_token=progress.resume_token))
    print(f"resumed {name} after {done} {chain.kind}, with {len(chain.items) - done} more: {kind}")
    expect_valid(chain, verdict, kind)


def cut_a_stream(service, chain):
    verdict, kind = verdict_of(service, chain.messages(service, end=len(chain.items) // 2, is_closed=False))
    print(f"cut the stream after {verdict.count} {chain.kind}: {kind}, {verdict.incomplete_reason}")
    expect(kind == "VERDICT_KIND_INCOMPLETE", f"expected INCOMPLETE, got {kind}")


def seal_own_chain():
    """A regtest chain from its genesis, sealed here."""
    packed = bytearray(REGTEST_GENESIS)
    for height in range(1, OWN_CHAIN_HEADERS):
        # Version 4 is valid at every height; blocks are ten minutes apart.
        time, bits = struct.unpack_from("<II", packed, len(packed) - 12)
        start = struct.pack("<i", 4) + double_sha256(bytes(packed[-HEADER_LEN:])) + height.to_bytes(32, "little")
        nonce = 0
        while not meets_target(header := start + struct.pack("<III", time + 600, bits, nonce)):
            nonce += 1
        packed += header
    return bytes(packed)


def split_headers(packed):
    return [packed[start : start + HEADER_LEN] for start in range(0, len(packed), HEADER_LEN)]


# The magic in front of each block in the block files of mainnet, testnet3, testnet4, signet and regtest.
MAGICS = {bytes.fromhex(magic) for magic in ("f9beb4d9", "0b110907", "1c163f28", "0a03cf40", "fabfb5da")}


def split_framed(data):
    """Blocks with a magic and a length before each. Zeros between them are reserved space."""
    blocks, at = [], 0
    while at < len(data):
        if data[at] == 0:
            at += 1
            continue
        (length,) = struct.unpack_from("<I", data, at + 4)
        if data[at : at + 4] not in MAGICS or at + 8 + length > len(data):
            raise ValueError(f"no whole block at byte {at}")
        blocks.append(data[at + 8 : at + 8 + length])
        at += 8 + length
    return blocks


def split_raw(data):
    """Blocks one after another. Their counts and lengths give the end of each."""
    blocks, at = [], 0
    while at < len(data):
        end = block_end(data, at)
        if end > len(data):
            raise ValueError(f"the block at byte {at} is cut")
        blocks.append(data[at:end])
        at = end
    return blocks


def block_end(data, at):
    transactions, at = compact_size(data, at + HEADER_LEN)
    for _ in range(transactions):
        at = transaction_end(data, at)
    return at


def transaction_end(data, at):
    inputs, at = compact_size(data, at + 4)
    has_witness = inputs == 0
    if has_witness:
        inputs, at = compact_size(data, at + 1)
    for _ in range(inputs):
        at = skip_bytes(data, at + 36) + 4
    outputs, at = compact_size(data, at)
    for _ in range(outputs):
        at = skip_bytes(data, at + 8)
    for _ in range(inputs if has_witness else 0):
        items, at = compact_size(data, at)
        for _ in range(items):
            at = skip_bytes(data, at)
    return at + 4


def skip_bytes(data, at):
    length, at = compact_size(data, at)
    return at + length


def compact_size(data, at):
    """A number of one, three, five or nine bytes, and where the next field begins."""
    if at >= len(data):
        raise ValueError(f"cut at byte {at}")
    if data[at] < 0xFD:
        return data[at], at + 1
    width = 2 << (data[at] - 0xFD)
    return int.from_bytes(data[at + 1 : at + 1 + width], "little"), at + 1 + width


def chain_of(arguments):
    """The name of the network, and the chain."""
    begin = {"start_height": arguments.start_height}
    if arguments.network.endswith(".toml"):
        with open(arguments.network, encoding="utf-8") as file:
            begin["parameters_toml"] = file.read()
    else:
        begin["network"] = arguments.network
    if not arguments.headers and not arguments.blocks:
        print(f"no file given: sealing {OWN_CHAIN_HEADERS} blocks of regtest here")
        return "regtest", Chain("headers", split_headers(seal_own_chain()), network="regtest")
    if arguments.blocks is not None:
        with open(arguments.blocks, "rb") as file:
            data = file.read()
        blocks = split_framed(data) if data[:4] in MAGICS else split_raw(data)
        if not blocks or min(map(len, blocks)) <= HEADER_LEN:
            raise ValueError(f"{arguments.blocks}: expected whole blocks")
        return arguments.network, Chain("blocks", blocks, **begin)
    with open(arguments.headers, "rb") as file:
        packed = file.read()
    if not packed or len(packed) % HEADER_LEN:
        raise ValueError(f"{arguments.headers}: expected whole headers of 80 bytes, found {len(packed)} bytes")
    return arguments.network, Chain("headers", split_headers(packed), **begin)


def read(path):
    """The content of a file; None if there is no path."""
    if path is None:
        return None
    with open(path, "rb") as file:
        return file.read()


def channel_of(arguments):
    """A channel with the credentials of the command line."""
    if arguments.ca is None:
        if arguments.cert or arguments.key or arguments.token_file:
            raise ValueError("--cert, --key and --token-file need --ca")
        return grpc.insecure_channel(arguments.address)
    tls = grpc.ssl_channel_credentials(read(arguments.ca), read(arguments.key), read(arguments.cert))
    if arguments.token_file is None:
        return grpc.secure_channel(arguments.address, tls)
    token = grpc.access_token_call_credentials(read(arguments.token_file).decode().strip())
    return grpc.secure_channel(arguments.address, grpc.composite_channel_credentials(tls, token))


def run(arguments):
    name, chain = chain_of(arguments)
    # A service that knows its callers finds the tenant itself; on loopback the name is a label.
    tenant = "" if arguments.ca else "python"
    with channel_of(arguments) as channel:
        grpc.channel_ready_future(channel).result(timeout=CALL_TIMEOUT_S)
        service = Service(channel, tenant)
        list_services(service)
        check_health(channel)
        seal_a_block(service)
        cancel_a_job(service)
        verify_a_chain(service, name, chain, arguments.receipt)
        resume_a_chain(service, name, chain)
        cut_a_stream(service, chain)
    print("every answer was right")


def main():
    parser = argparse.ArgumentParser(description="Uses a CitySeal service from Python.")
    parser.add_argument("address", help="address of the service, such as 127.0.0.1:50051")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--headers", help="a file of packed headers")
    source.add_argument("--blocks", help="a file of whole blocks, framed or one after another")
    network_help = "name of a network, or a TOML file of custom network parameters (default: mainnet)"
    parser.add_argument("--network", default="mainnet", help=network_help)
    parser.add_argument("--start-height", type=int, default=0, help="height of the first header or block")
    parser.add_argument("--receipt", help="save the service's signed receipt to this file")
    parser.add_argument("--ca", help="connect over TLS, and trust services of this CA (PEM)")
    parser.add_argument("--cert", help="present this client certificate (PEM)")
    parser.add_argument("--key", help="its secret key (PEM)")
    parser.add_argument("--token-file", help="present the bearer token in this file")
    arguments = parser.parse_args()
    try:
        run(arguments)
    except WrongAnswer as error:
        print(f"wrong: {error}", file=sys.stderr)
        return 1
    except grpc.FutureTimeoutError:
        print(f"failed: no service at {arguments.address} within {CALL_TIMEOUT_S} s", file=sys.stderr)
        return 2
    except grpc.RpcError as error:
        print(f"failed: {error.code().name}: {error.details()}", file=sys.stderr)
        return 2
    except (OSError, ValueError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""A CitySeal service seen from Python.

Against a running `cityseal serve` it lists the services by reflection, asks for their health, submits a job and watches it to its seal,
cancels another one, streams a chain of headers and gets VALID, cuts a stream and gets INCOMPLETE. The seal is hashed
again here: the service is not believed.

No generated files are needed: the messages are built from what the service's reflection says of them.

    python3 cityseal_example.py 127.0.0.1:50051 [--headers FILE --network NAME]

FILE holds packed headers of 80 bytes from height 0 on; without one a short regtest chain is sealed here first.
Exit codes: 0 everything came out as it should, 1 an answer was not the right one, 2 anything else.
"""

import argparse
import hashlib
import struct
import sys
import uuid

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

HEADER_LEN = 80
# 13,107 headers, just below 1 MiB: larger chunks are no faster.
CHUNK_HEADERS = (1 << 20) // HEADER_LEN
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
    """The service answered, and the answer is not the right one."""


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

    def __init__(self, channel):
        self.channel = channel
        self.database = ProtoReflectionDescriptorDatabase(channel)
        self.pool = DescriptorPool(self.database)

    def services(self):
        return sorted(self.database.get_services())

    def message(self, name, **fields):
        return GetMessageClass(self.pool.FindMessageTypeByName("cityseal.v1." + name))(**fields)

    def call(self, service, method):
        """The callable of one method, streaming or not as its description says."""
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
        "SubmitSealRequest", request_id=uuid.uuid4().hex, tenant="python", template=template, priority=1, **fields
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
        expect(event.seq == (last.seq + 1 if last else 1), "an event was left out")
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
    # No hash is as low as 1: this job would run until its deadline.
    template = service.message("SealTemplate", header=REGTEST_GENESIS, version_mask=0xFFFFFFFF)
    job_id = submit(service, template, target=(1).to_bytes(32, "little"))
    cancel = service.message("CancelJobRequest", job_id=job_id, cancelled_by="the Python example")
    service.call("SealService", "CancelJob")(cancel, timeout=CALL_TIMEOUT_S)
    job = watch(service, job_id).job
    expect(service.enum_name("JobState", job.state) == "JOB_STATE_CANCELLED", "the job did not end CANCELLED")
    print("  cancelled by", job.reason)


def upload(service, network, packed, is_closed):
    """The messages of one upload; without its closing one where it is to look cut."""

    def message(**part):
        return service.message("VerifyChainRequest", **part)

    yield message(begin=service.message("VerifyBegin", network=network))
    step = CHUNK_HEADERS * HEADER_LEN
    for start in range(0, len(packed), step):
        yield message(chunk=service.message("VerifyChunk", packed_headers=packed[start : start + step]))
    if is_closed:
        count, last = len(packed) // HEADER_LEN, packed[-HEADER_LEN:]
        finish = service.message("VerifyFinish", count=count, last_block_hash=double_sha256(last))
        yield message(finish=finish)


def verify(service, network, packed, is_closed):
    """Streams a chain and returns the verdict, and its name."""
    answers = service.call("VerifyService", "VerifyChain")(
        upload(service, network, packed, is_closed), timeout=STREAM_TIMEOUT_S
    )
    verdict = None
    for answer in answers:
        if answer.WhichOneof("part") == "verdict":
            verdict = answer.verdict
    expect(verdict is not None, "the call ended without a verdict")
    return verdict, service.enum_name("VerdictKind", verdict.kind)


def verify_a_chain(service, network, packed):
    verdict, kind = verify(service, network, packed, is_closed=True)
    print(f"streamed {len(packed) // HEADER_LEN} headers of {network}: {kind} in {verdict.seconds:.3f} s")
    if kind == "VERDICT_KIND_FAULT":
        print(f"  rule {verdict.fault.rule} {verdict.fault.name} broken at height {verdict.fault.height}")
    expect(kind == "VERDICT_KIND_VALID", f"expected VALID, got {kind} {verdict.incomplete_reason}")
    expect(verdict.count == len(packed) // HEADER_LEN, "VALID for another number of headers")
    expect(verdict.tip.hash == double_sha256(packed[-HEADER_LEN:]), "VALID for another last header")
    print(f"  tip {verdict.tip.height} {display_hex(verdict.tip.hash)}, work {verdict.tip.chain_work[::-1].hex()}")


def cut_a_stream(service, network, packed):
    verdict, kind = verify(service, network, packed[: len(packed) // HEADER_LEN // 2 * HEADER_LEN], is_closed=False)
    print(f"cut the stream after {verdict.count} headers: {kind}, {verdict.incomplete_reason}")
    expect(kind == "VERDICT_KIND_INCOMPLETE", f"expected INCOMPLETE, got {kind}")


def seal_own_chain():
    """A regtest chain from its genesis, sealed here."""
    packed = bytearray(REGTEST_GENESIS)
    for height in range(1, OWN_CHAIN_HEADERS):
        # Version 4 stands after every buried height; blocks come ten minutes apart.
        time, bits = struct.unpack_from("<II", packed, len(packed) - 12)
        start = struct.pack("<i", 4) + double_sha256(bytes(packed[-HEADER_LEN:])) + height.to_bytes(32, "little")
        nonce = 0
        while not meets_target(header := start + struct.pack("<III", time + 600, bits, nonce)):
            nonce += 1
        packed += header
    return bytes(packed)


def chain_of(arguments):
    if arguments.headers is None:
        print(f"no file of headers given: sealing {OWN_CHAIN_HEADERS} blocks of regtest here")
        return "regtest", seal_own_chain()
    with open(arguments.headers, "rb") as file:
        packed = file.read()
    if not packed or len(packed) % HEADER_LEN:
        raise ValueError(f"{arguments.headers}: expected whole headers of 80 bytes, found {len(packed)} bytes")
    return arguments.network, packed


def run(arguments):
    network, packed = chain_of(arguments)
    with grpc.insecure_channel(arguments.address) as channel:
        grpc.channel_ready_future(channel).result(timeout=CALL_TIMEOUT_S)
        service = Service(channel)
        list_services(service)
        check_health(channel)
        seal_a_block(service)
        cancel_a_job(service)
        verify_a_chain(service, network, packed)
        cut_a_stream(service, network, packed)
    print("everything came out as it should")


def main():
    parser = argparse.ArgumentParser(description="A CitySeal service seen from Python.")
    parser.add_argument("address", help="where the service listens, e.g. 127.0.0.1:50051")
    parser.add_argument("--headers", help="a file of packed headers from height 0 on")
    parser.add_argument("--network", default="mainnet", help="the network of the file's headers (default: mainnet)")
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

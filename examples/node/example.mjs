#!/usr/bin/env node
// Uses a CitySeal service from Node.
//
//     node example.mjs HOST:PORT [--ca FILE] [--cert FILE --key FILE] [--token-file FILE]
//
// The example lists the devices, seals a block and watches the job, and streams a chain of headers and expects VALID.
// It does not trust the service: it hashes the seal again. With --ca it connects over TLS, and presents a client
// certificate (--cert, --key), a bearer token (--token-file), or both. Without --ca the service must be on loopback.
// Exit codes: 0 every answer was right, 1 an answer was wrong, 2 anything else.

import { createHash, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const HEADER_LEN = 80;
const CHAIN_HEADERS = 200;
const CALL_TIMEOUT_MS = 30_000;

// The genesis header of Bitcoin's regtest network: every second nonce seals a block there.
const REGTEST_GENESIS = Buffer.from(
  "01000000" + "00".repeat(32) +
  "3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a" +
  "dae5494dffff7f2002000000",
  "hex",
);

class WrongAnswer extends Error {}

function expect(condition, complaint) {
  if (!condition) {
    throw new WrongAnswer(complaint);
  }
}

function doubleSha256(bytes) {
  const sha256 = (input) => createHash("sha256").update(input).digest();
  return sha256(sha256(bytes));
}

// Hashes are shown most significant byte first, which is the reverse of their order on the wire.
function displayHex(wireHash) {
  return Buffer.from(wireHash).reverse().toString("hex");
}

// On regtest a hash meets its target if its most significant bit is 0.
function meetsTarget(header) {
  return doubleSha256(header)[31] < 0x80;
}

// The messages and services of `cityseal.v1`, from the .proto files of this repository.
function loadServices() {
  const folder = process.env.CITYSEAL_PROTO ?? join(dirname(fileURLToPath(import.meta.url)), "../../proto");
  const files = ["seal", "verify", "device"].map((name) => `cityseal/v1/${name}.proto`);
  const options = { includeDirs: [folder], keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true };
  return grpc.loadPackageDefinition(loader.loadSync(files, options)).cityseal.v1;
}

function credentialsOf(options) {
  const read = (path) => (path ? readFileSync(path) : null);
  if (!options.ca) {
    if (options.cert || options.key || options["token-file"]) {
      throw new Error("--cert, --key and --token-file need --ca");
    }
    return grpc.credentials.createInsecure();
  }
  const tls = grpc.credentials.createSsl(read(options.ca), read(options.key), read(options.cert));
  if (!options["token-file"]) {
    return tls;
  }
  const token = read(options["token-file"]).toString().trim();
  const bearer = grpc.credentials.createFromMetadataGenerator((_call, done) => {
    const metadata = new grpc.Metadata();
    metadata.set("authorization", `Bearer ${token}`);
    done(null, metadata);
  });
  return grpc.credentials.combineChannelCredentials(tls, bearer);
}

function deadline() {
  return { deadline: Date.now() + CALL_TIMEOUT_MS };
}

function unary(client, method, request) {
  return new Promise((resolve, reject) => {
    client[method](request, deadline(), (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

async function listDevices(client) {
  const { devices } = await unary(client, "ListDevices", {});
  for (const device of devices) {
    console.log(`device ${device.id} (${device.name}): ${device.state}`);
  }
  expect(devices.some((device) => device.state === "DEVICE_STATE_READY"), "no device is ready");
}

async function sealABlock(client) {
  const template = { header: REGTEST_GENESIS, version_mask: 0x1fffe000 };
  const { job } = await unary(client, "SubmitSeal", { request_id: randomUUID(), template, priority: 1 });
  console.log(`job ${job.id}: ${job.volume} hashes to search at most`);
  let last = null;
  for await (const event of client.WatchJob({ job_id: job.id, from_seq: 1 }, deadline())) {
    console.log(`  event ${event.seq}: ${event.event}, ${event.job.state}, ${event.job.hashes} hashes`);
    last = event;
  }
  expect(last?.event === "ended", "the job's events ended before the job did");
  expect(last.job.state === "JOB_STATE_SEALED" && last.ended.seals.length === 1, "the job did not end SEALED");
  const [seal] = last.ended.seals;
  expect(doubleSha256(seal.header).equals(seal.hash), "the seal's hash is not that of its header");
  expect(meetsTarget(seal.header), "the seal's hash is above its target");
  expect(seal.header.subarray(4, 76).equals(REGTEST_GENESIS.subarray(4, 76)), "the seal is of another block");
  console.log("  sealed, and hashed again here:", displayHex(seal.hash));
}

// A regtest chain from its genesis, sealed here.
function sealOwnChain() {
  const headers = [REGTEST_GENESIS];
  for (let height = 1; height < CHAIN_HEADERS; height += 1) {
    const parent = headers.at(-1);
    const header = Buffer.from(parent);
    // Version 4 is valid at every height; blocks are ten minutes apart.
    header.writeInt32LE(4, 0);
    doubleSha256(parent).copy(header, 4);
    header.writeUInt32LE(parent.readUInt32LE(68) + 600, 68);
    let nonce = 0;
    do {
      header.writeUInt32LE(nonce, 76);
      nonce += 1;
    } while (!meetsTarget(header));
    headers.push(header);
  }
  return headers;
}

async function verifyAChain(client) {
  const headers = sealOwnChain();
  const last = doubleSha256(headers.at(-1));
  const call = client.VerifyChain(deadline());
  call.write({ begin: { network: "regtest" } });
  call.write({ chunk: { packed_headers: Buffer.concat(headers) } });
  // Without its closing message the chain counts as truncated.
  call.write({ finish: { count: headers.length, last_block_hash: last } });
  call.end();
  let verdict = null;
  for await (const answer of call) {
    verdict = answer.verdict ?? verdict;
  }
  expect(verdict !== null, "the call ended without a verdict");
  console.log(`streamed ${headers.length} headers of ${HEADER_LEN} bytes: ${verdict.kind}`);
  expect(verdict.kind === "VERDICT_KIND_VALID", `expected VALID, got ${verdict.kind} ${verdict.incomplete_reason}`);
  expect(verdict.count === headers.length && verdict.tip.hash.equals(last), "VALID for another chain");
}

async function run(address, options) {
  const services = loadServices();
  const credentials = credentialsOf(options);
  const clients = ["DeviceService", "SealService", "VerifyService"].map(
    (name) => new services[name](address, credentials),
  );
  try {
    const [devices, sealing, verification] = clients;
    await listDevices(devices);
    await sealABlock(sealing);
    await verifyAChain(verification);
  } finally {
    clients.forEach((client) => client.close());
  }
  console.log("every answer was right");
}

async function main() {
  const text = { type: "string" };
  const { values, positionals } = parseArgs({
    options: { ca: text, cert: text, key: text, "token-file": text },
    allowPositionals: true,
  });
  if (positionals.length !== 1) {
    throw new Error("expected one argument, the address of the service, such as 127.0.0.1:50051");
  }
  await run(positionals[0], values);
}

main().catch((error) => {
  const status = Object.keys(grpc.status).find((name) => grpc.status[name] === error.code);
  const what = error instanceof WrongAnswer ? "wrong" : "failed";
  console.error(`${what}: ${status ? `${status}: ` : ""}${error.details ?? error.message}`);
  process.exitCode = error instanceof WrongAnswer ? 1 : 2;
});

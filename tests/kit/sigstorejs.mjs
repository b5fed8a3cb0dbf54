// sigstore-js for tests: signs or verifies one bundle, as one JSON document on stdin asks.
//
// usage: node sigstorejs.mjs FOLDER sign|verify
//   FOLDER has node_modules
//   sign    {payload, payloadType, key} or {payload, payloadType, token, signingConfig}; without
//           payloadType it is a message signature, keyless alone
//   verify  {bundle, trustedRoot, key} or {bundle, trustedRoot, subject, issuer}
// It prints the bundle, or what the verifier says of the signer; a refusal's code and text go to
// stderr, and the exit code is 1.

import { createHash, createPrivateKey, createPublicKey, sign as signWith } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [folder, command] = process.argv.slice(2);
const load = createRequire(`${folder}/`);
const { bundleFromJSON, bundleToJSON } = load("@sigstore/bundle");
const { SigningConfig, TrustedRoot } = load("@sigstore/protobuf-specs");
const { DSSEBundleBuilder, bundleBuilderFromSigningConfig } = load("@sigstore/sign");
const { Verifier, toSignedEntity, toTrustMaterial } = load("@sigstore/verify");

// with one attempt and an answer within 20 seconds, or not at all
const fetchOptions = { timeout: 20000, retry: false };

function der(pem) {
  return createPublicKey(pem).export({ type: "spki", format: "der" });
}

function keySigner(pem) {
  const key = createPrivateKey(pem);
  const hint = createHash("sha256").update(der(key)).digest("base64");
  const publicKey = createPublicKey(key).export({ type: "spki", format: "pem" });
  return {
    sign: async (data) => ({
      signature: signWith("sha256", data, key),
      key: { $case: "publicKey", publicKey, hint },
    }),
  };
}

async function sign(asked) {
  const builder = asked.key
    ? new DSSEBundleBuilder({ signer: keySigner(asked.key), witnesses: [] })
    : bundleBuilderFromSigningConfig({
        signingConfig: SigningConfig.fromJSON(asked.signingConfig),
        identityProvider: { getToken: async () => asked.token },
        bundleType: asked.payloadType ? "dsseEnvelope" : "messageSignature",
        fetchOptions,
      });
  const data = Buffer.from(asked.payload, "base64");
  return bundleToJSON(await builder.create({ data, type: asked.payloadType }));
}

function verify(asked) {
  const find = () => ({ publicKey: createPublicKey(asked.key), validFor: () => true });
  const trusted = toTrustMaterial(TrustedRoot.fromJSON(asked.trustedRoot), asked.key && find);
  const nothing = { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 };
  const verifier = new Verifier(trusted, asked.key ? nothing : {});
  const policy = asked.key
    ? undefined
    : { subjectAlternativeName: asked.subject, extensions: { issuer: asked.issuer } };
  const signer = verifier.verify(toSignedEntity(bundleFromJSON(asked.bundle)), policy);
  return { subject: signer.identity?.subjectAlternativeName ?? null };
}

const asked = JSON.parse(readFileSync(0, "utf8"));
try {
  const answer = command === "sign" ? await sign(asked) : verify(asked);
  process.stdout.write(JSON.stringify(answer));
} catch (error) {
  process.stderr.write(`${error.code ?? error.name}: ${error.message}\n`);
  process.exitCode = 1;
}

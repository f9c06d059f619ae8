// Checks Kubernetes' YAML against its API's types: each document becomes a typed literal, in which TypeScript accepts no unknown field.
// Then checks that a NetworkPolicy names who reaches each port of a Deployment's pods.
//   node check.mjs FILE…
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { loadAll } from "js-yaml";

const documents = process.argv.slice(2).flatMap(file => loadAll(readFileSync(file, "utf8")));
writeFileSync("documents.ts", documents.map((document, index) => {
  const module = `kubernetes-models/${document.apiVersion}/${document.kind}`;
  return `import type { I${document.kind} as T${index} } from "${module}";\nexport const d${index}: T${index} = ${JSON.stringify(document, null, 1)};\n`;
}).join("\n"));
try {
  execFileSync("node_modules/.bin/tsc", ["--noEmit", "--strict", "--skipLibCheck", "--module", "preserve", "documents.ts"], { encoding: "utf8" });
} catch (failure) {
  console.error(failure.stdout);
  process.exit(1);
}

const policies = documents.filter(({ kind }) => kind === "NetworkPolicy").map(({ spec }) => spec);
for (const { metadata, spec: { template } } of documents.filter(({ kind }) => kind === "Deployment")) {
  const isSelected = ({ podSelector }) => Object.entries(podSelector.matchLabels ?? {}).every(([name, value]) => template.metadata.labels[name] === value);
  const rules = policies.filter(isSelected).flatMap(({ ingress }) => ingress ?? []);
  const admitted = rules.filter(({ from }) => from?.length > 0).flatMap(({ ports }) => ports ?? []).map(({ port }) => port);
  const missing = template.spec.containers.flatMap(({ ports }) => ports).map(({ containerPort }) => containerPort).filter(port => !admitted.includes(port));
  if (missing.length === 0 && rules.every(({ from, ports }) => from?.length > 0 && ports?.length > 0)) continue;
  console.error(`No NetworkPolicy names who reaches the pods of the Deployment ${metadata.name}${missing.length > 0 ? ` on port ${missing.join(", ")}` : ""}.`);
  process.exit(1);
}
console.log(documents.length, "documents:", documents.map(document => document.kind).join(", "));
process.exit(documents.length === 0 ? 1 : 0);

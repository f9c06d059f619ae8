// Checks Kubernetes' YAML against its API's types: each document becomes a typed literal, in which TypeScript accepts no unknown field.
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
console.log(documents.length, "documents:", documents.map(document => document.kind).join(", "));
process.exit(documents.length === 0 ? 1 : 0);

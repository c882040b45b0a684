// The manifests of deploy/kubernetes, as their schemas want them, and what schemas do not say.
//
// usage: node schema_test.mjs FOLDER_OF_MANIFESTS FOLDER_OF_PACKAGES
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [manifests, packages] = process.argv.slice(2).map((path) => resolve(path));
const modules = `${packages}/node_modules`;
if (!existsSync(`${packages}/package-lock.json`)) {
  console.log('skipped: the npm packages of tests/container/kubernetes are not there');
  process.exit(77);
}
const load = (path) => import(pathToFileURL(`${modules}/${path}`));
const { parse } = await load('yaml/dist/index.js').then((yaml) => yaml.default ?? yaml);

// Which file of which package describes an object.
function modelOf({ apiVersion, kind }) {
  const [version, group = ''] = apiVersion.split('/').reverse();
  const name = group.replace(/\.k8s\.io$/, '');
  if (group === 'monitoring.coreos.com')
    return `@kubernetes-models/prometheus-operator/${group}/${version}/${kind}.js`;
  return `kubernetes-models/${name ? `${name}/` : ''}${version}/${kind}.js`;
}

async function validate(object) {
  const model = (await load(modelOf(object)))[object.kind];
  new model(object).validate();
}

async function isRefused(object, change) {
  const changed = structuredClone(object);
  change(changed);
  await assert.rejects(() => validate(changed), `${object.kind}: the schema takes anything`);
}

const read = (file) => parse(readFileSync(`${manifests}/${file}`, 'utf8'));
const files = readdirSync(manifests).filter((file) => file !== 'kustomization.yaml');
const objects = Object.fromEntries(files.map((file) => [read(file).kind, read(file)]));
for (const object of Object.values(objects)) {
  await validate(object);
  console.log(`${object.apiVersion} ${object.kind} ${object.metadata.name}: valid`);
}
// That schemas are looked at.
await isRefused(objects.Service, (it) => { delete it.spec.ports[0].port; });
await isRefused(objects.StatefulSet, (it) => { delete it.spec.selector; });
await isRefused(objects.StatefulSet, (it) => { it.spec.replicas = 'three'; });
await isRefused(objects.HorizontalPodAutoscaler, (it) => { delete it.spec.maxReplicas; });
await isRefused(objects.PodMonitor, (it) => { it.spec.podMetricsEndpoints = {}; });

// Schemas allow keys that they do not know. The types do not, in literals: what does not compile is misspelt.
const { default: ts } = await load('typescript/lib/typescript.js');
function complaints(values) {
  const file = `${packages}/manifests.ts`;
  writeFileSync(file, values.map((object, i) =>
    `import type { I${object.kind} as Type${i} } from './node_modules/${modelOf(object)}';\n` +
    `export const value${i}: Type${i} = ${JSON.stringify(object)};\n`).join(''));
  const program = ts.createProgram([file], { noEmit: true, strict: true, skipLibCheck: true, target: ts.ScriptTarget.ES2022,
                                             module: ts.ModuleKind.NodeNext,
                                             moduleResolution: ts.ModuleResolutionKind.NodeNext });
  return ts.getPreEmitDiagnostics(program).map((it) => ts.flattenDiagnosticMessageText(it.messageText, ' '));
}
assert.deepEqual(complaints(Object.values(objects)), []);
const misspelt = structuredClone(objects.StatefulSet);
misspelt.spec.template.spec.containers[0].comand = [];
assert.match(complaints([misspelt]).join(), /comand/, 'a misspelt key is not noticed');

// The folder as a whole.
const kustomization = read('kustomization.yaml');
assert.deepEqual([...kustomization.resources].sort(), files.sort(), 'kustomization.yaml does not list every file');

const { Service: service, StatefulSet: set, HorizontalPodAutoscaler: autoscaler, PodMonitor: monitor } = objects;
const pod = set.spec.template;
const [container] = pod.spec.containers;
assert.equal(service.spec.clusterIP, 'None', 'the service is not headless');
assert.equal(set.spec.serviceName, service.metadata.name);
for (const selector of [service.spec.selector, set.spec.selector.matchLabels, monitor.spec.selector.matchLabels])
  for (const [label, value] of Object.entries(selector)) assert.equal(pod.metadata.labels[label], value, label);
assert.deepEqual(autoscaler.spec.scaleTargetRef,
                 { apiVersion: set.apiVersion, kind: set.kind, name: set.metadata.name });
assert.ok(kustomization.images.some((image) => image.name === container.image), 'no image to name');
const ports = Object.fromEntries(container.ports.map((port) => [port.name, port.containerPort]));
for (const port of service.spec.ports) assert.equal(ports[port.name], port.port, port.name);
for (const endpoint of monitor.spec.podMetricsEndpoints) {
  assert.ok(endpoint.port in ports, endpoint.port);
  const secrets = pod.spec.volumes.map((volume) => volume.secret?.secretName);
  assert.ok(secrets.includes(endpoint.authorization.credentials.name), 'the monitor has another token');
}
// What an autoscaler of utilization counts from, and what keeps a pod from taking its node along.
for (const resource of ['cpu', 'memory'])
  for (const bound of ['requests', 'limits']) assert.ok(container.resources[bound][resource], `${bound} ${resource}`);
console.log('passed');

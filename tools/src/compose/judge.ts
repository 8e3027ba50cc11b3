import { type ComposeFile, type ComposeService, isOnce, mountsOf, networkOwner } from './compose-file.js';

/** What is wrong with a compose file, one sentence each; empty where nothing is. */
export function judgeCompose(file: ComposeFile): string[] {
  return Object.entries(file.services).flatMap(([name, service]) => {
    const faults = [
      ...hardening(service),
      ...secrets(service),
      ...reach(service),
      ...relations(file, name, service),
      ...paths(service),
    ];
    return faults.map((fault) => `${name}: ${fault}`);
  });
}

const PINNED = /^[a-z0-9./-]+:v?\d+\.\d+(?:\.\d+)?[a-z0-9.-]*(?:@sha256:[0-9a-f]{64})?$/;

type Rule = readonly [holds: (service: ComposeService) => boolean, fault: string];

const HARDENING: readonly Rule[] = [
  [({ image }) => PINNED.test(image ?? ''), 'the image is not pinned'],
  [({ user }) => /^[1-9]\d*(?::|$)/.test(user ?? ''), 'it may run as root'],
  [(service) => service.read_only === true, 'its root file system can be written to'],
  [(service) => !!service.cap_drop?.includes('ALL'), 'it keeps capabilities'],
  [(service) => !!service.security_opt?.includes('no-new-privileges:true'), 'it may gain privileges'],
  [({ privileged }) => !privileged, 'it is privileged'],
  [({ restart }) => restart !== undefined, 'nothing says when it is started again'],
  [(service) => isOnce(service) || !!service.healthcheck?.test?.length, 'it has no healthcheck'],
  [
    (service) => !isOnce(service) || service.healthcheck?.disable === true,
    'it ends by itself and yet is asked for its health',
  ],
];

function hardening(service: ComposeService): string[] {
  return HARDENING.filter(([holds]) => !holds(service)).map(([, fault]) => fault);
}

const SECRET_NAME = /(?:password|passwd|secret|token|_key|credential|storeurl|_url)$/i;
const SECRET_VALUE = /:\/\/[^/@\s]*:[^/@\s]+@|-----BEGIN|kf[es]?_[A-Za-z0-9]{16,}/;
/** Addresses that carry no password. */
const OPEN_ADDRESS = /^(?:tls|https?):\/\/[^@]+$/;

function secrets(service: ComposeService): string[] {
  const inEnvironment = Object.entries(service.environment ?? {})
    .filter(([name, value]) => {
      if (SECRET_VALUE.test(value)) return true;
      return SECRET_NAME.test(name) && !OPEN_ADDRESS.test(value);
    })
    .map(([name]) => `${name} holds a secret and not the name of a file`);
  const inCommand = (service.command ?? [])
    .filter((word) => SECRET_VALUE.test(word) || /^--?(?:requirepass|pass(?:word)?)\b(?!-file)/.test(word))
    .map(() => 'its command line holds a secret');
  return [...inEnvironment, ...inCommand];
}

function reach(service: ComposeService): string[] {
  return (service.ports ?? [])
    .filter((port) => !port.startsWith('127.0.0.1:'))
    .map((port) => `the port ${port} is open to other machines`);
}

function relations(file: ComposeFile, name: string, service: ComposeService): string[] {
  const needs = Object.entries(service.depends_on ?? {}).flatMap(([needed, { condition }]) =>
    need(file, needed, condition),
  );
  const volumes = mountsOf(service).filter(({ volume }) => !(volume in file.volumes));
  const networks = (service.networks ?? []).filter((network) => !(network in file.networks));
  const hosts = hostsNamedBy(file, service).filter((host) => !canReach(file, name, host));
  return [
    ...needs,
    ...volumes.map(({ volume }) => `the volume ${volume} is not declared`),
    ...networks.map((network) => `the network ${network} is not declared`),
    ...hosts.map((host) => `it cannot reach ${host}`),
  ];
}

function need(file: ComposeFile, needed: string, condition: string): string[] {
  const other = file.services[needed];
  if (!other) return [`it needs ${needed}, which is not there`];
  const wanted = isOnce(other) ? 'service_completed_successfully' : 'service_healthy';
  return condition === wanted ? [] : [`it does not wait until ${needed} is ${wanted}`];
}

function hostsNamedBy(file: ComposeFile, service: ComposeService): string[] {
  const text = Object.values(service.environment ?? {}).join(' ');
  return Object.keys(file.services).filter((host) => new RegExp(`//${host}[:/]`).test(text));
}

function canReach(file: ComposeFile, from: string, to: string): boolean {
  const networks = (name: string): readonly string[] => {
    const service = file.services[name];
    return file.services[service ? networkOwner(name, service) : name]?.networks ?? [];
  };
  return networks(from).some((network) => networks(to).includes(network));
}

/** A path of an installation that no volume brings is a file nobody finds. */
function paths(service: ComposeService): string[] {
  const words = [...(service.command ?? []), ...Object.values(service.environment ?? {})].join(' ');
  const named = words.match(/\/var\/lib\/keyfleet\/[\w./-]+/g) ?? [];
  const targets = mountsOf(service).map(({ target }) => target);
  return named
    .filter((path) => !targets.some((target) => path === target || path.startsWith(`${target}/`)))
    .map((path) => `${path} is in none of its volumes`);
}

import { x509 } from './library.js';

/** Names that mean something to us and are never an agent's to ask for. */
const RESERVED = new Set([
  'localhost',
  'keyfleet',
  'gateway',
  'registry',
  'policy',
  'analytics',
  'notify',
  'authority',
  'sys',
  'system',
  'operator',
  'admin',
  'root',
]);
/** Any of our ids, hosts and addresses (a dot or colon), wildcards, e-mail addresses, URIs. */
const MEANINGFUL = /^(org|usr|ses|tok|agt|etk|grp|pol|rot|evt|cmd|svc|ins|sec)_|[.:*@/>]/i;

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

function isForeign(value: string, ownId: string | undefined): boolean {
  const name = value.trim();
  if (name === ownId) return false;
  return RESERVED.has(name.toLowerCase()) || MEANINGFUL.test(name) || !/^[\x20-\x7e]*$/.test(name);
}

/** Why a subject asks for a foreign name; `undefined` if it does not. A plain label such as a host's short name is ignored. */
export function namesForeignSubject(subject: x509.JsonName, ownId: string | undefined): string | undefined {
  for (const part of subject) {
    for (const values of Object.values(part)) {
      if (values.some((value) => isForeign(value, ownId))) return 'its subject asks for a foreign name';
    }
  }
  return undefined;
}

function alternativeNames(extension: x509.Extension, ownId: string | undefined): string | undefined {
  const names = new x509.SubjectAlternativeNameExtension(extension.rawData).names.items;
  if (names.every((name) => name.type === 'dns' && name.value === ownId)) return undefined;
  return 'it asks for alternative names';
}

function constraints(extension: x509.Extension): string | undefined {
  return new x509.BasicConstraintsExtension(extension.rawData).ca
    ? 'it asks for the rights of an authority'
    : undefined;
}

function keyUsages(extension: x509.Extension): string | undefined {
  const { usages } = new x509.KeyUsagesExtension(extension.rawData);
  return usages & (x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign)
    ? 'it asks for the rights of an authority'
    : undefined;
}

function extendedUsages(extension: x509.Extension): string | undefined {
  const { usages } = new x509.ExtendedKeyUsageExtension(extension.rawData);
  return usages.every((usage) => usage === CLIENT_AUTH) ? undefined : 'it asks for more than clientAuth';
}

/** Why an extension in a request is refused; `undefined` for the few that only say what we would say anyway. */
export function refusedExtension(extension: x509.Extension, ownId: string | undefined): string | undefined {
  switch (extension.type) {
    case '2.5.29.17':
      return alternativeNames(extension, ownId);
    case '2.5.29.19':
      return constraints(extension);
    case '2.5.29.15':
      return keyUsages(extension);
    case '2.5.29.37':
      return extendedUsages(extension);
    case '2.5.29.14':
      return undefined;
    default:
      return 'it asks for an extension agents do not have';
  }
}

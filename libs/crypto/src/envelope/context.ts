/**
 * What an envelope belongs to. All of it is authenticated with the content, so an envelope opens only where it was put:
 * not for another secret, version, vault or organisation, and not under another key.
 */
export interface EnvelopeContext {
  /** What kind of content it is, such as `secret` or `data-key`; one kind never opens as another. */
  readonly purpose: string;
  /** The vault; its id is random and made once, so it stands for organisation and agent, known or not yet. */
  readonly vault: string;
  /** Identity of the content: made when the secret is, never used again. */
  readonly id: string;
  /** Its name, such as the secret's path. */
  readonly name: string;
  readonly version: number;
  /** The key it is encrypted with. */
  readonly keyId: string;
}

/** Fields in fixed order, each with its length before it: no two contexts give the same bytes. */
export function encodeContext(header: Buffer, context: EnvelopeContext): Buffer {
  const fields = [
    context.purpose,
    context.vault,
    context.id,
    context.name,
    String(context.version),
    context.keyId,
  ];
  const parts = [header];
  for (const field of fields) {
    const bytes = Buffer.from(field, 'utf8');
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(bytes.length);
    parts.push(length, bytes);
  }
  return Buffer.concat(parts);
}

import type { Restored } from './restore.js';

/** What was done, and above all what the person who restores has to know and to do now. */
export function describeRestored({ head, files, done }: Restored): string {
  const lines = [`The backup of ${head.takenAt} (installation ${head.installationId}) is whole.`];
  if (!done) {
    lines.push(
      `It would be restored${files.replaced ? ' in the place of another installation' : ''}; ${files.missing.length} files would be written. Nothing was changed.`,
    );
    return lines.join('\n');
  }
  const { checked, carriedOver, livingTokens, revokedTokens, parkedStreams, previous } = done;
  lines.push(
    `Restored: ${checked.events} events in ${checked.streams} streams, ${checked.journals} of them journals.`,
  );
  if (files.left.length > 0)
    lines.push(`${files.left.length} key files were here already and were left as they are.`);
  if (parkedStreams > 0)
    lines.push(`${parkedStreams} streams are parked, because a read model does not understand them.`);
  if (previous)
    lines.push(
      `The database as it was is kept as ${previous}; drop it with: npm run keyfleet -- restore --drop-previous`,
    );
  lines.push('', 'What happened after the backup:');
  lines.push('- Agents send again what they still have; what none has any more is one JournalGapFound each.');
  lines.push('- Agents enrolled since come back by themselves; their labels have to be given again.');
  lines.push(
    '- Every session has ended, and enrolment tokens open nothing any more: sign in, issue new ones.',
  );
  lines.push(...endingsSince(carriedOver));
  if (revokedTokens > 0) lines.push(`- ${revokedTokens} API tokens were revoked.`);
  if (livingTokens > 0 && !carriedOver)
    lines.push(
      `- ${livingTokens} API tokens are good again, also any that was revoked since: revoke those, or restore with --revoke-api-tokens.`,
    );
  lines.push('', 'Start it again: npm start');
  return lines.join('\n');
}

function endingsSince(carriedOver: NonNullable<Restored['done']>['carriedOver']): string[] {
  if (carriedOver)
    return [
      `- ${carriedOver.facts} facts that took something away (revocations, disabled users, ended memberships) were carried over from the database that was replaced.`,
    ];
  return [
    '- The database that was replaced could not be read, or was not of this installation. Agents revoked since stay out as long as the broker’s own directory (nats/claims) is there; if it is lost too, revoke them again.',
    '- Users disabled and memberships ended since are good again: end them again.',
  ];
}

import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '@keyfleet/testing';
import { writePrivate } from './secret-file.js';

describe('a private file', () => {
  it('is readable by its owner only, and takes the place of what was there', () => {
    const path = join(temporaryDirectory('private'), 'below', 'key');
    writePrivate(path, 'one');
    writePrivate(path, 'two');
    expect(readFileSync(path, 'utf8')).toBe('two');
    expect(statSync(path).mode & 0o077).toBe(0);
  });

  it('leaves no part of it behind where it cannot be put in its place', () => {
    const directory = temporaryDirectory('private');
    mkdirSync(join(directory, 'key', 'in-the-way'), { recursive: true });
    expect(() => writePrivate(join(directory, 'key'), 'secret')).toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
    expect(readdirSync(directory)).toEqual(['key']);
  });
});
